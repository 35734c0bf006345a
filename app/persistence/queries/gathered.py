"""One borrower's parts of a case, while they are read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.case_records import CaseRecord
from app.domain.cases import (
    Attempt,
    Case,
    ConsentFact,
    DecisionKey,
    OpenTask,
    OptOut,
    PastContact,
    PastDecision,
    Subject,
    Wish,
)
from app.domain.devices import KnownDevice, push_block
from app.domain.holds import Hold
from app.domain.reasons import Reason
from app.persistence.models.devices import REPLACED


@dataclass(slots=True)
class LoadedCase:
    """A case with what writing its decisions needs besides."""

    case: Case
    locale: str | None
    case_version: int
    zone_since: datetime | None
    inbox_state: int


@dataclass(slots=True)
class Gathered:
    """One borrower's parts. `head` has the borrower's own columns and those of the agenda."""

    head: Any
    subjects: list[Subject] = field(default_factory=list)
    paid_loans: list[Any] = field(default_factory=list)
    """Loans with money recorded since the last look."""
    replanned_loans: list[Any] = field(default_factory=list)
    """Loans whose plan is watched only since the last look, and that had one before."""
    ended_loans: dict[str, Reason] = field(default_factory=dict)
    devices: list[KnownDevice] = field(default_factory=list)
    """The one seen last first."""
    endpoints: dict[str, list[str]] = field(default_factory=dict)
    """States of endpoints by channel, beside push."""
    unsubscribed: frozenset[str] = frozenset()
    """Templates for which no consent is left."""
    holds: list[Hold] = field(default_factory=list)
    consents: list[ConsentFact] = field(default_factory=list)
    opt_outs: list[OptOut] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    decisions: dict[DecisionKey, PastDecision] = field(default_factory=dict)
    contacts: list[PastContact] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    open_tasks: list[OpenTask] = field(default_factory=list)
    records: tuple[CaseRecord, ...] = ()
    promises_broken: int = 0

    @property
    def has_changed(self) -> bool:
        """Whether the case has changed since it was decided last; else only time has passed."""
        return bool(self.head.case_version != self.head.decided_version)

    def build(self) -> LoadedCase:
        """Return the case of what was gathered."""
        head = self.head
        case = Case(
            borrower_id=head.id,
            subjects=tuple(self.subjects),
            decisions=self.decisions,
            contacts=tuple(self.contacts),
            profile_zone=head.zone,
            device_zones=tuple(dict.fromkeys(device.zone for device in self.devices if device.zone)),
            phone_zones=tuple(head.phone_zones or ()),
            flags=tuple(head.flags or ()),
            ended_loans=self.ended_loans,
            blocks=self._blocks(),
            unsubscribed=self.unsubscribed,
            borrower_no=head.borrower_no,
            country=head.country,
            locale=head.locale,
            officer_known=head.officer is not None,
            holds=tuple(self.holds),
            consents=tuple(self.consents),
            opt_outs=tuple(self.opt_outs),
            wishes=tuple(self.wishes),
            attempts=tuple(self.attempts),
            open_tasks=tuple(self.open_tasks),
            records=self.records,
            promises_broken=self.promises_broken,
            decided_until=head.decided_until,
            decided_zone=head.decided_zone,
        )
        return LoadedCase(case, head.locale, head.case_version, head.zone_since, head.inbox_state)

    def _blocks(self) -> dict[str, Reason]:
        """Why a channel cannot be used, by channel; those that can are absent."""
        found: dict[str, Reason] = {}
        has_address = {
            "sms": self.head.has_phone, "voice": self.head.has_phone, "email": self.head.has_email,
            "letter": self.head.has_address, "wechat": False,  # an openid is bound by its owner: an endpoint, or nothing
        }  # fmt: skip
        refused = {opt_out.channel for opt_out in self.opt_outs}
        for channel, known in has_address.items():
            reason = self._block(channel, known=bool(known), refused=channel in refused)
            if reason is not None:
                found[channel] = reason
        push = push_block(self.devices, refused="push" in refused)
        if push is not None:
            found["push"] = push
        return found

    def _block(self, channel: str, *, known: bool, refused: bool) -> Reason | None:
        states = [state for state in self.endpoints.get(channel, ()) if state != REPLACED]
        if not states and not known:
            return Reason.NO_ENDPOINT
        if refused:
            return Reason.OPTED_OUT
        if not states or "active" in states:
            return None
        return _STATE_REASONS.get(states[0], Reason.ENDPOINT_INVALID)


_STATE_REASONS = {
    "suspect": Reason.ENDPOINT_SUSPECT,
    "opted_out": Reason.OPTED_OUT,
    "blocked": Reason.USER_BLOCKED,
    "unsubscribed": Reason.NOT_SUBSCRIBED,
    "unverified": Reason.ENDPOINT_SUSPECT,
    "invalid": Reason.ENDPOINT_INVALID,
}
"""State of an endpoint -> why it cannot be used."""
