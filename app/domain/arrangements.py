"""Arrangements: an agreed change of a plan, and whether it is kept.

Kept or broken follows from the ledger alone: a watched row is kept when what it asks of principal and interest is paid by
the end of its due day, in the loan's zone, plus the days of grace of its rule. Nobody has to say so, and looking late finds
the same as looking in time.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from app.domain.errors import ConflictError
from app.domain.plans import PlanRow


class ArrangementState(StrEnum):
    """Where an arrangement stands."""

    ACTIVE = "active"
    KEPT = "kept"
    BROKEN = "broken"
    CANCELLED = "cancelled"


MOVES: Mapping[ArrangementState, frozenset[ArrangementState]] = {
    ArrangementState.ACTIVE: frozenset({ArrangementState.KEPT, ArrangementState.BROKEN, ArrangementState.CANCELLED}),
    ArrangementState.KEPT: frozenset(),
    ArrangementState.BROKEN: frozenset(),
    ArrangementState.CANCELLED: frozenset(),
}
"""What each state may become."""


class FallBack(StrEnum):
    """What happens to the plan when an arrangement is broken. What was paid is kept in each case."""

    STAYS = "stays"
    """The new plan stays, and what is late counts as late under it."""
    RETURNS = "returns"
    """The plan before comes back as a new version; all that was ever paid is spread over it."""
    REVIEW = "review"
    """The new plan stays, and a person decides what comes next."""


@dataclass(frozen=True, slots=True)
class ArrangementRule:
    """How an arrangement of one kind is watched."""

    watch_rows: int
    """So many rows at most have to be kept; with the last of them it is."""
    grace_days: int
    """A row paid that many days after its due day is still kept: money on its way is no breach."""
    tolerance_minor: int
    """What may be missing of a row, in minor units."""
    fall_back: FallBack
    holds_reminders: bool = False
    """A hold `plan_agreed` stands while it is active; else reminders go on, of the new rows."""


class WatchedRow(NamedTuple):
    """A row of the new plan that has to be paid."""

    row_no: int
    due_on: date


@dataclass(frozen=True, slots=True)
class Standing:
    """How an arrangement stands at the end of a day. `row`: the first one that was not kept."""

    state: ArrangementState
    row: WatchedRow | None = None
    look_after: date | None = None
    """While it is active: the day whose end decides about the next row."""


def check_move(state: ArrangementState, to: ArrangementState) -> None:
    """Refuse what an arrangement in this state can no longer become. Raises ConflictError."""
    if to not in MOVES[state]:
        raise ConflictError(f"The arrangement is {state} already; nothing of it is left to change.", {"state": state.value})


def watched_rows(
    after: Sequence[PlanRow], before: Collection[PlanRow], paid: Collection[int], agreed_on: date, rule: ArrangementRule
) -> tuple[WatchedRow, ...]:
    """Return the rows that have to be kept: those due from `agreed_on` on that the plan before did not have so.

    `paid`: numbers of the rows of the new plan with nothing open. Where only dates in the past changed, the next rows.
    """
    ahead = [row for row in after if row.due_on >= agreed_on and row.row_no not in paid and sum(row.due[:2]) > 0]
    known = {(row.due_on, row.due) for row in before}
    changed = [row for row in ahead if (row.due_on, row.due) not in known]
    return tuple(WatchedRow(row.row_no, row.due_on) for row in (changed or ahead)[: rule.watch_rows])


def standing_on(
    watched: Sequence[WatchedRow], on: date, rule: ArrangementRule, open_on: Callable[[date], Mapping[int, int]]
) -> Standing:
    """Return how an arrangement stands when `on` has ended.

    `open_on(day)`: principal and interest open at the end of that day by row number, in minor units.
    """
    grace = timedelta(days=rule.grace_days)
    pending: list[WatchedRow] = []
    for row in sorted(watched, key=lambda row: (row.due_on, row.row_no)):
        if row.due_on + grace > on:
            pending.append(row)
        elif open_on(row.due_on + grace).get(row.row_no, 0) > rule.tolerance_minor:
            return Standing(ArrangementState.BROKEN, row)
    if pending:
        still = open_on(on)
        pending = [row for row in pending if still.get(row.row_no, 0) > rule.tolerance_minor]
    if not pending:
        return Standing(ArrangementState.KEPT)
    return Standing(ArrangementState.ACTIVE, look_after=pending[0].due_on + grace)
