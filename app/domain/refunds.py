"""Refunds: money that was paid beyond everything owed goes back to who paid it, once and never more than is there.

What goes back is what nothing owed could take: money beyond all rows of a plan that is paid off. What somebody paid ahead is
no overpayment; it has paid later rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from app.domain.actors import same_person
from app.domain.errors import ConflictError, ForbiddenError, refused_at
from app.domain.money import Money
from app.domain.permissions import may
from app.domain.positions import Snapshot

PROVIDER, BANK, CORE = METHODS = ("provider", "bank", "core")
"""How it goes back: through the provider that took the payment; by a transfer of the lender's; by the lender's core. Of the
last two the core is told, and says when it is done by booking it under our reference."""

OVERPAID = "overpaid"
"""The follow-up that takes up an overpayment; its subject is the loan."""
OVERPAID_STANDS = timedelta(days=1)
"""How long an overpayment of a paid-off loan stands until it is taken up without being asked for: time enough for the core
to say that a payment was booked on the wrong loan."""
BORROWER, SYSTEM, BY_RULE = "borrower", "system", "rule"
"""Who may be the second pair of eyes."""


class RefundState(StrEnum):
    """How far a refund came."""

    REQUESTED = "requested"
    """Waits for a person."""
    APPROVED = "approved"
    """May be sent."""
    SENT = "sent"
    """Handed to the provider, which has not said yet that it is done."""
    DONE = "done"
    """Sent back, and booked out of the loan."""
    FAILED = "failed"
    """The provider will not; a person looks for another way."""
    CANCELLED = "cancelled"


_S = RefundState
MOVES: Mapping[RefundState, frozenset[RefundState]] = {
    _S.REQUESTED: frozenset({_S.APPROVED, _S.CANCELLED}),
    _S.APPROVED: frozenset({_S.SENT, _S.DONE, _S.CANCELLED}),
    _S.SENT: frozenset({_S.DONE, _S.FAILED}),
    _S.FAILED: frozenset({_S.APPROVED, _S.DONE, _S.CANCELLED}),
    _S.DONE: frozenset(),
    _S.CANCELLED: frozenset(),
}
"""State -> where it may go. From `sent` nothing takes it back: the money may be gone."""

OPEN = frozenset({_S.REQUESTED, _S.APPROVED, _S.SENT, _S.FAILED})
"""What still lays claim to the money: nobody may ask for the same again."""


@dataclass(frozen=True, slots=True)
class RefundRules:
    """What needs whom. Amounts in minor units by currency; in one that is not named nothing is automatic, and all takes four
    eyes."""

    automatic_up_to_minor: Mapping[str, int] = field(default_factory=dict)
    """Inclusive: up to this nobody's approval is needed."""
    four_eyes_above_minor: Mapping[str, int] = field(default_factory=dict)
    """Exclusive: above this who approves is senior, and not who asked for it."""
    least_minor: Mapping[str, int] = field(default_factory=dict)
    """Below this nothing is taken up by itself; whoever asks gets it all the same."""


class Claim(NamedTuple):
    """Another refund of the loan."""

    state: str
    amount_minor: int


def overpaid_minor(snapshot: Snapshot) -> int:
    """Return what was paid beyond everything owed; 0 while anything is owed, or no plan says what is."""
    return max(snapshot.unapplied_minor, 0) if snapshot.settled else 0


def refundable_minor(snapshot: Snapshot, claims: Iterable[Claim]) -> int:
    """Return what may still be asked for: what is overpaid, less what other refunds lay claim to."""
    claimed = sum(each.amount_minor for each in claims if each.state in OPEN)
    return max(overpaid_minor(snapshot) - claimed, 0)


def sendable_minor(snapshot: Snapshot, others: Iterable[Claim]) -> int:
    """Return what may leave now: what is overpaid, less what has left and is not booked yet."""
    gone = sum(each.amount_minor for each in others if each.state == RefundState.SENT)
    return max(overpaid_minor(snapshot) - gone, 0)


def check_amount(amount_minor: int, currency: str, most_minor: int) -> None:
    """Refuse to give back nothing, or more than is there. Raises ValidationError, ConflictError where nothing is there."""
    if most_minor <= 0:
        raise ConflictError("Nothing was paid over on this loan, or it is on its way back already.")
    if amount_minor <= 0:
        raise refused_at("/amount", "Give an amount above nothing.")
    if amount_minor > most_minor:
        raise refused_at("/amount", f"At most {_written(most_minor, currency)} can go back.")


def is_automatic(amount_minor: int, currency: str, rules: RefundRules) -> bool:
    """Return whether nobody's approval is needed."""
    return amount_minor <= rules.automatic_up_to_minor.get(currency, -1)


def needs_four_eyes(amount_minor: int, currency: str, rules: RefundRules) -> bool:
    """Return whether it takes two people, one of them senior."""
    return amount_minor > rules.four_eyes_above_minor.get(currency, -1)


def check_may_approve(
    amount_minor: int, currency: str, rules: RefundRules, *, requested_by: str, by: str, role: str
) -> None:
    """Refuse an approval that takes another person. Raises ForbiddenError."""
    if not needs_four_eyes(amount_minor, currency, rules):
        return
    if not may(role, "refunds.approve_large"):
        raise ForbiddenError(
            f"A refund of {_written(amount_minor, currency)} is approved by a supervisor, compliance or admin."
        )
    if same_person(by, requested_by):
        raise ForbiddenError("You asked for it: at this amount somebody else approves it.")


def check_move(before: str, after: RefundState) -> None:
    """Refuse a move that no refund makes. Raises ConflictError."""
    if after not in MOVES[RefundState(before)]:
        raise ConflictError(f"The refund is {before}; it cannot be {after.value} any more.")


_WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=6), timedelta(days=1))


def wait_after(tries: int) -> timedelta:
    """Return how long to wait before the provider is asked again, after so many tries."""
    return _WAITS[min(max(tries, 1), len(_WAITS)) - 1]


def _written(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).to_decimal()} {currency}"


def reference_of(refund_id: str) -> str:
    """Return the reference of a refund's ledger entry, known before it is sent: what the core books it under."""
    return f"refund-{refund_id}"
