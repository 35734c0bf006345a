"""Where the core's figures differ from ours, and what a borrower is shown then.

The core is the book of record: its figure is shown, ours is kept beside it, and staff are told. A tape speaks of the end of
one day; for a later day what has happened since by our own plan is added to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from app.domain.delinquency import USUAL, DelinquencyRule, class_of
from app.domain.money import split_minor
from app.domain.positions import Position
from app.domain.splits import Split
from app.domain.tapes import CoreFigures, DayRange
from app.domain.times import end_of_day

PRINCIPAL_BALANCE, OUTSTANDING, OVERDUE, DAYS_PAST_DUE = KINDS = (
    "principal_balance",
    "outstanding",
    "overdue",
    "days_past_due",
)
"""What is compared, in the order it is listed."""


@dataclass(frozen=True, slots=True)
class MismatchPolicy:
    """How far two figures may lie apart and still be the same."""

    amount_minor: int = 0
    days: int = 0


EXACT = MismatchPolicy()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One figure on which the two books differ: minor units, or days. `difference` is the core's less ours.

    Of a band of days the edge nearest to ours counts.
    """

    kind: str
    core: int
    ours: int
    difference: int
    band: DayRange | None = None
    """Days past due as the core gave them."""


def compare(core: CoreFigures, ours: Position, policy: MismatchPolicy = EXACT) -> list[Mismatch]:
    """Return where the core differs from our position of the same day, in the order of `KINDS`."""
    pairs = (
        (PRINCIPAL_BALANCE, core.principal_balance_minor, ours.principal_outstanding_minor),
        (OUTSTANDING, core.outstanding_minor, ours.outstanding_minor),
        (OVERDUE, core.overdue_minor, ours.overdue_minor),
    )
    found = [
        Mismatch(kind, theirs, own, theirs - own)
        for kind, theirs, own in pairs
        if theirs is not None and abs(theirs - own) > policy.amount_minor
    ]
    band = core.days_past_due
    if band is not None:
        days = band.nearest(ours.days_past_due)
        if abs(days - ours.days_past_due) > policy.days:
            found.append(Mismatch(DAYS_PAST_DUE, days, ours.days_past_due, days - ours.days_past_due, band))
    return found


def waits_for_core(found: Sequence[Mismatch], untold_minor: int) -> bool:
    """Return whether all that differs is what the desk took in or gave up and the core has not booked yet.

    `untold_minor`: how much that is. The core then has exactly so much more outstanding, and of its other figures no less
    than ours and no more than so much above them. Our figures are right then: the borrower was told.
    """
    if untold_minor <= 0 or not found:
        return False
    differs = {each.kind: each.difference for each in found}
    if differs.get(OUTSTANDING, untold_minor) != untold_minor:
        return False
    parts = (differs.get(kind, 0) for kind in (PRINCIPAL_BALANCE, OVERDUE))
    return all(0 <= each <= untold_minor for each in parts) and differs.get(DAYS_PAST_DUE, 0) >= 0


def still_holds(
    core: CoreFigures, as_of: date, *, zone: str, last_effective_on: date | None, last_recorded_at: datetime | None
) -> bool:
    """Return whether the core's word still stands at `as_of`: no money was booked since that its tape could lack.

    The two instants are the snapshot's. In doubt a payment is never hidden.
    """
    if as_of < core.as_of or (last_effective_on is not None and last_effective_on > core.as_of):
        return False
    return last_recorded_at is None or last_recorded_at <= end_of_day(core.as_of, zone)


def shown_position(
    core: CoreFigures,
    then: Position,
    asked: Position,
    rule: DelinquencyRule = USUAL,
    policy: MismatchPolicy = EXACT,
) -> Position | None:
    """Return the position with the core's figures in place of ours; None: the two books agree.

    `then` is ours at the core's day, `asked` ours at the same or a later day, between which nothing was booked. Where the
    core gives only a total overdue, it is spread over the components in proportion to ours.
    """
    found = {each.kind: each for each in compare(core, then, policy)}
    if not found:
        return None
    off = {kind: found[kind].difference if kind in found else 0 for kind in KINDS}
    changes: dict[str, Any] = {
        "principal_outstanding_minor": asked.principal_outstanding_minor + off[PRINCIPAL_BALANCE],
        "outstanding_minor": asked.outstanding_minor
        + (off[PRINCIPAL_BALANCE] if core.outstanding_minor is None else off[OUTSTANDING]),
    }
    if OVERDUE in found:
        overdue = _with_total(asked.overdue, max(asked.overdue_minor + off[OVERDUE], 0))
        due = overdue.plus(asked.due_to_date.minus(asked.overdue))
        changes |= {"overdue": overdue, "due_to_date": due, "overdue_principal_minor": due.principal}
    if DAYS_PAST_DUE in found:
        days = _days_at(found[DAYS_PAST_DUE].core, then, asked)
        changes |= {"days_past_due": days, "bucket": class_of(days, rule)}
    return replace(asked, **changes)


class RowFigures(NamedTuple):
    """An instalment by our own book: all that fell due on it, and what of that is open."""

    due_on: date
    due: Split
    open: Split


class ShownRow(NamedTuple):
    """What is shown of an instalment: what is open, and how late it is; 0 days where nothing is open or it is not late."""

    open: Split
    days_past_due: int


def shown_rows(rows: Sequence[RowFigures], shown: Position) -> tuple[list[ShownRow], Split]:
    """Return the rows as they add up to the position shown, and what of it is overdue that no row can hold.

    `rows` ascend by due date. The core speaks of the loan, not of its rows: what is open of those due before the day is
    made to add up to its figure, by component, and the oldest of them to be as late as it says. Where it has less, rows
    older than that are taken as paid, the oldest first, then the others from the newest back; where it has more, the others
    are filled up from the oldest on, and the oldest takes what is left.
    """
    days = [(shown.as_of - row.due_on).days for row in rows]
    older = [k for k, late in enumerate(days) if late > shown.days_past_due]
    within = [k for k, late in enumerate(days) if 0 < late <= shown.days_past_due]
    still = [[*row.open] for row in rows]
    loose = [0, 0, 0, 0]
    for part, total in enumerate(shown.overdue):
        off = total - sum(still[k][part] for k in (*older, *within))
        if off < 0:
            for k in (*older, *reversed(within)):
                less = min(max(still[k][part], 0), -off)
                still[k][part] -= less
                off += less
            continue
        for k in within:
            more = min(max(rows[k].due[part] - still[k][part], 0), off)
            still[k][part] += more
            off -= more
        holder = next(iter([*within, *older[-1:]]), None)
        (loose if holder is None else still[holder])[part] += off
    late = [k for k in (*older, *within) if sum(still[k]) > 0]
    counted = {k: shown.days_past_due if k == late[0] else min(days[k], shown.days_past_due) for k in late}
    return [ShownRow(Split(*parts), counted.get(k, 0)) for k, parts in enumerate(still)], Split(*loose)


def _days_at(core_days: int, then: Position, asked: Position) -> int:
    """Return the core's days past due counted on; where it had none, those of the first row that fell due since."""
    if core_days > 0:
        return core_days + (asked.as_of - then.as_of).days
    return max((asked.as_of - then.next_due_on).days, 0) if then.next_due_on else 0


def _with_total(ours: Split, total: int) -> Split:
    return Split(*split_minor(total, ours)) if ours.total else Split(total)
