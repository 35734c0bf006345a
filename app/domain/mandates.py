"""Autopay mandates: the borrower's word that instalments may be drawn, and what the lender's core says came of it.

Money is never drawn by us. A mandate says whether a drawing is to be expected, and so whether a reminder before it would be
noise; the first drawing that fails ends that expectation at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.errors import ConflictError, refused_at

CORE = "core"
"""Who draws where no payment provider does: the lender's own core system or its bank."""


class MandateState(StrEnum):
    """Where a mandate stands."""

    PENDING = "pending"
    """Given, and not yet confirmed by who draws."""
    ACTIVE = "active"
    """The next instalment is expected to be drawn."""
    FAILING = "failing"
    """The last drawing failed and another try is told of."""
    FAILED = "failed"
    """The last drawing failed and no other try is told of."""
    REVOKED = "revoked"
    """The borrower took it back."""
    ENDED = "ended"
    """The lender ended it, or another took its place."""


_S = MandateState
MOVES: Mapping[MandateState, frozenset[MandateState]] = {
    _S.PENDING: frozenset({_S.ACTIVE, _S.FAILING, _S.FAILED, _S.REVOKED, _S.ENDED}),
    _S.ACTIVE: frozenset({_S.FAILING, _S.FAILED, _S.REVOKED, _S.ENDED}),
    _S.FAILING: frozenset({_S.ACTIVE, _S.FAILED, _S.REVOKED, _S.ENDED}),
    _S.FAILED: frozenset({_S.ACTIVE, _S.FAILING, _S.REVOKED, _S.ENDED}),
    _S.REVOKED: frozenset(),
    _S.ENDED: frozenset(),
}
"""State -> where it may go. To stay where it is is no move."""

LIVING = frozenset(state for state, onward in MOVES.items() if onward)
"""A loan has at most one mandate in these."""

SUCCEEDED, FAILED = OUTCOMES = ("succeeded", "failed")


@dataclass(frozen=True, slots=True)
class MandateValues:
    """A mandate as it is told. `reference`: of who draws; another one is another mandate."""

    state: MandateState
    reference: str
    provider: str = CORE


@dataclass(frozen=True, slots=True)
class DrawValues:
    """One drawing as it is told. `reference`: of this drawing, unique within its mandate.

    `retry_on`: of one that failed, the day of the next try; None: none is planned.
    """

    reference: str
    drawn_on: date
    outcome: str
    code: str | None = None
    retry_on: date | None = None


def is_drawn(state: str) -> bool:
    """Return whether the next instalment is expected to be drawn by itself: what the loan's `autopay` says."""
    return state == MandateState.ACTIVE


def check_move(before: str, after: str) -> None:
    """Refuse a move that no mandate makes. Raises ConflictError."""
    if MandateState(after) not in MOVES[MandateState(before)]:
        raise ConflictError(f"The mandate is {before}; one in its place needs a reference of its own.")


def check_draw(values: DrawValues, *, today: date) -> None:
    """Refuse a drawing that cannot have been. `today`: in the loan's zone. Raises ValidationError."""
    if values.outcome not in OUTCOMES:
        raise refused_at("/outcome", f"outcome is not one of {', '.join(OUTCOMES)}.")
    if values.drawn_on > today:
        raise refused_at("/drawn_on", f"{values.drawn_on} is in the future; send the drawing when it has been tried.")
    if values.outcome == SUCCEEDED and (values.code or values.retry_on):
        raise refused_at("/outcome", "A drawing that succeeded has no code and no other try.")
    if values.retry_on is not None and values.retry_on < values.drawn_on:
        raise refused_at("/retry_on", "The next try is before this one.")


def state_after(values: DrawValues) -> MandateState:
    """Return where the newest drawing leaves a living mandate."""
    if values.outcome == SUCCEEDED:
        return MandateState.ACTIVE
    return MandateState.FAILED if values.retry_on is None else MandateState.FAILING


def is_newest(values: DrawValues, last_drawn_on: date | None) -> bool:
    """Return whether a drawing says where the mandate stands: one told late changes only the record."""
    return last_drawn_on is None or values.drawn_on >= last_drawn_on


def state_by_loan(state: str, autopay: bool) -> MandateState:
    """Return where the loan's own new word leaves its newest mandate: the newest word holds.

    That payments are drawn revives one that failed or waits; that none are ends one that draws. A mandate that is over stays
    over: the loan's word then stands alone.
    """
    now = MandateState(state)
    if now not in LIVING:
        return now
    if autopay:
        return MandateState.ACTIVE
    return MandateState.ENDED if is_drawn(now) else now
