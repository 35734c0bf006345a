"""A case: everything about one borrower that a decision may depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from app.domain.reasons import Outcome, Reason


class DecisionKey(NamedTuple):
    """What makes a candidate the same candidate: policy versions may change, this does not."""

    subject_kind: str
    subject_id: str
    anchor_no: int
    step_key: str


@dataclass(frozen=True, slots=True)
class Subject:
    """An instalment that a reminder can be about. `open_minor` is what is unpaid, 0 once closed."""

    subject_id: str
    loan_id: str
    loan_no: str
    lender_zone: str
    row_no: int
    anchor_no: int
    due_on: date
    open_minor: int
    currency: str
    watched_from: datetime
    """Steps dated earlier are no candidates."""
    closed_at: datetime | None = None
    """When it became known to be closed; steps reached before that were candidates."""
    closed_reason: Reason = Reason.PAID
    held_reason: Reason | None = None
    """Why nothing is said about it although our book has it open."""

    @property
    def speaks(self) -> bool:
        """Whether something may be said about it: open, and not held."""
        return self.closed_at is None and self.held_reason is None


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A decision that stands. DEFERRED ones are decided again when their time comes."""

    decision_id: str
    key: DecisionKey
    loan_id: str
    row_no: int
    occurs_at: datetime
    outcome: Outcome
    reason: Reason
    contact_id: str | None = None
    next_evaluation_at: datetime | None = None
    event_count: int = 1


@dataclass(frozen=True, slots=True)
class PastContact:
    """A contact made, with what it was about (nothing: already settled) and whether messages of it still wait to leave."""

    contact_id: str
    local_date: date
    """Its day on the wall in the zone it was made in; the place under the cap is taken on that day."""
    created_at: datetime
    slot_no: int | None
    subject_keys: tuple[DecisionKey, ...]
    waiting: bool = False
    """At least one message is queued or stale."""
    tried: bool = False
    """Something of it may have reached the borrower."""


@dataclass(frozen=True, slots=True)
class Case:
    """One borrower at one moment. All loans of a borrower are decided together."""

    borrower_id: str
    subjects: tuple[Subject, ...]
    decisions: Mapping[DecisionKey, PastDecision] = field(default_factory=dict)
    contacts: tuple[PastContact, ...] = ()
    profile_zone: str | None = None
    device_zones: tuple[str, ...] = ()
    """Of active devices, the one seen last first."""
    phone_zones: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    push_block: Reason | None = Reason.NO_ENDPOINT
    """Why push cannot be used; None: it can."""
    ended_loans: Mapping[str, Reason] = field(default_factory=dict)
    """Loans that are reminded of no more although money is open (written off, cancelled), with the reason."""
    decided_until: datetime | None = None
    """Every step reached up to here has its decision."""
    decided_zone: str | None = None
    """The zone those were counted in; None: each loan's lender's."""

    @property
    def zone(self) -> str | None:
        """The zone that steps are counted in: profile, device, phone region where it is one; None: the lender's."""
        phone = self.phone_zones[0] if len(self.phone_zones) == 1 else None
        return self.profile_zone or (self.device_zones[0] if self.device_zones else None) or phone

    @property
    def known_zones(self) -> tuple[str, ...]:
        """Every zone the borrower may be in: quiet hours must hold in all of them. Empty: none is known."""
        profile = (self.profile_zone,) if self.profile_zone else ()
        return tuple(dict.fromkeys(profile + self.device_zones + self.phone_zones))
