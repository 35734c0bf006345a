"""A case: everything about one borrower that a decision may depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import NamedTuple

from app.domain.case_records import CaseRecord
from app.domain.holds import Hold
from app.domain.policies import OUTWARD_CHANNELS
from app.domain.quiet_hours import QuietHours
from app.domain.reasons import Outcome, Reason


class DecisionKey(NamedTuple):
    """What makes a candidate the same candidate: policy versions may change, this does not."""

    subject_kind: str
    subject_id: str
    anchor_no: int
    step_key: str


@dataclass(frozen=True, slots=True)
class LoanFacts:
    """What decides about a loan besides its instalments: who lends, under which law, and how it stands."""

    lender_id: str = ""
    lender_code: str = ""
    lender_name: str = ""
    lender_role: str | None = None
    """first_party or third_party_collector; None: the stricter reading."""
    licence_kind: str | None = None
    """By the law packs' word; None: unknown."""
    jurisdiction: str = ""
    """Of the lender: ISO 3166 country, or EU."""
    product_kind: str | None = None
    signed_on: date | None = None
    autopay: bool = False
    heard_at: datetime | None = None
    """When the lender's core last told of money; None: not known."""
    last_payment_on: date | None = None
    outstanding_minor: int | None = None
    """Principal left and what is due to date; None: unknown."""
    open_rows: Sequence[tuple[date, int]] = ()
    """(due date, minor units open) of every row that is not paid."""

    def overdue(self, today: date) -> tuple[int, int, date | None]:
        """Return (minor units past due, instalments past due, oldest of their due dates)."""
        past = [(due_on, amount) for due_on, amount in self.open_rows if due_on < today and amount > 0]
        return sum(amount for _, amount in past), len(past), min((due_on for due_on, _ in past), default=None)


UNSTATED_LOAN = LoanFacts()


INSTALMENT, PROMISE = "instalment", "promise"
"""Kinds of subjects."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An instalment, or a promise to pay, that a reminder can be about. `open_minor` is what is unpaid, 0 once closed.

    A promise has its day in `due_on`, its number among the promises of the loan in `anchor_no`, and no row (0).
    """

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
    loan: LoanFacts = UNSTATED_LOAN
    kind: str = INSTALMENT
    is_late: bool = False
    """Of a promise: its loan has something past due, so that a word about it is a word about an overdue debt."""

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


_UNSENT = frozenset({"queued", "stale"})


@dataclass(frozen=True, slots=True)
class PastMessage:
    """One message of a contact: one rung on one channel."""

    channel: str
    rung_no: int
    at: datetime
    """When it went out, or may go out."""
    state: str
    """As the message's row has it; `withdrawn`: taken out of the app."""
    seen: bool = False
    call: str | None = None
    """Of a call that was made: how it went, by the law packs' word (`attempt_outcome`)."""
    debt: str | None = None
    """Of a call that a person made: the loan it was about, where it was about one."""
    inbound: bool = False
    """The borrower rang."""
    about: frozenset[str] | None = None
    """Subjects it speaks of; None: of all that its contact was made about."""

    @property
    def counts(self) -> bool:
        """Whether it reached out, or still may: what caps count. A telephone that rang did, whoever answered."""
        if self.channel == "in_app" or self.inbound:
            return False
        rang = self.call is not None and self.call != "not_in_service"
        return rang or self.state not in ("cancelled", "failed", "expired")

    @property
    def waits(self) -> bool:
        """Whether it is still to leave, and can be taken back."""
        return self.state in _UNSENT and self.channel != "in_app"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to reach the borrower, as caps of law count them; also calls, and what came from the borrower."""

    at: datetime
    channel: str
    direction: str = "outbound"
    outcome: str = "sent"
    debt: str | None = None
    """The loan it was about; None: several."""


@dataclass(frozen=True, slots=True)
class ConsentFact:
    """A consent for a purpose, given and perhaps withdrawn. `channel` None: all channels."""

    purpose: str
    channel: str | None
    given_at: datetime
    withdrawn_at: datetime | None = None
    form: str | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """The borrower asked not to be contacted on a channel. `channel` None: on all."""

    channel: str | None
    received_at: datetime
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the borrower wishes about when, where and how. Wall times where they are, `until_time` exclusive."""

    kind: str
    """not_before, only_between, also_between, avoid_place, only_channel, no_contact."""
    recorded_at: datetime
    channel: str | None = None
    from_time: time | None = None
    until_time: time | None = None
    place: str | None = None
    by: str = "borrower"
    evidence: str | None = None


def wished_quiet(wishes: Sequence[Wish]) -> tuple[QuietHours, ...]:
    """Return the quiet hours that a borrower's wishes for all channels make, beside those of policy and law."""
    found = []
    for wish in wishes:
        if wish.channel is None and wish.from_time is not None:
            if wish.kind == "not_before":
                found.append(QuietHours(time(0), wish.from_time))
            elif wish.kind == "only_between" and wish.until_time is not None:
                found.append(QuietHours(wish.until_time, wish.from_time))
    return tuple(found)


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
    """A message of it that waits was handed over before, and may have reached the borrower."""
    origin: str = "policy"
    """policy, or manual: a person sent it or called."""
    rungs_done: int = 0
    messages: tuple[PastMessage, ...] = ()
    loan_ids: frozenset[str] = frozenset()
    """Loans it was about, also when it is settled: caps per loan count it all the same."""

    @property
    def reached_out(self) -> bool:
        """Whether any message of it may have reached the borrower outside the app."""
        return self.tried or self.has_left

    @property
    def has_left(self) -> bool:
        """Whether a message of it beside those that wait has gone out: what waits then is a rung after it."""
        return any(message.counts and message.state not in _UNSENT for message in self.messages)

    def is_about(self, loan_id: str) -> bool:
        """Whether it was about that loan."""
        return loan_id in self.loan_ids or any(key.subject_id.partition("/")[0] == loan_id for key in self.subject_keys)


class OpenTask(NamedTuple):
    """A call or a letter that a person has yet to do, and the step it is for."""

    task_id: str
    kind: str
    """call or letter."""
    key: DecisionKey


_UNREACHABLE: Mapping[str, Reason] = {channel: Reason.NO_ENDPOINT for channel in OUTWARD_CHANNELS}


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
    blocks: Mapping[str, Reason] = field(default_factory=lambda: _UNREACHABLE)
    """Why a channel cannot be used, by channel; one that is not named can."""
    unsubscribed: frozenset[str] = frozenset()
    """Templates for which WeChat asks a consent for each message, and none of the borrower's is left."""
    borrower_no: str = ""
    country: str | None = None
    locale: str | None = None
    officer_known: bool = False
    holds: tuple[Hold, ...] = ()
    consents: tuple[ConsentFact, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()
    wishes: tuple[Wish, ...] = ()
    open_tasks: tuple[OpenTask, ...] = ()
    """Looked at when the case has changed: what speaks against a message speaks against a call."""
    attempts: tuple[Attempt, ...] = ()
    """Tries to reach the borrower, as far back as any cap counts. The app's own inbox is none: it waits to be opened."""
    records: tuple[CaseRecord, ...] = ()
    """Facts of law that were told and no other field has: events, requests, notices."""
    ended_loans: Mapping[str, Reason] = field(default_factory=dict)
    """Loans that are reminded of no more although money is open (written off, cancelled), with the reason."""
    promises_broken: int = 0
    """Promises that were not kept, or only in part, whose day ended within 180 days."""
    decided_until: datetime | None = None
    """Every step reached up to here has its decision."""
    decided_zone: str | None = None
    """The zone those were counted in; None: each loan's lender's."""

    def block_of(self, channel: str) -> Reason | None:
        """Return why a channel cannot be used for this borrower, or None."""
        return self.blocks.get(channel)

    @property
    def zone(self) -> str | None:
        """The zone that steps are counted in: profile, device, phone region where it is one; None: the lender's."""
        phone = self.phone_zones[0] if len(self.phone_zones) == 1 else None
        return self.profile_zone or (self.device_zones[0] if self.device_zones else None) or phone

    @property
    def zone_sources(self) -> tuple[tuple[str, str], ...]:
        """(zone, source) of every zone the borrower may be in, by the law packs' words for sources."""
        profile = ((self.profile_zone, "profile"),) if self.profile_zone else ()
        devices = tuple((zone, "device") for zone in self.device_zones)
        return profile + devices + tuple((zone, "phone_region") for zone in self.phone_zones)

    @property
    def known_zones(self) -> tuple[str, ...]:
        """Every zone the borrower may be in: quiet hours must hold in all of them. Empty: none is known."""
        profile = (self.profile_zone,) if self.profile_zone else ()
        return tuple(dict.fromkeys(profile + self.device_zones + self.phone_zones))
