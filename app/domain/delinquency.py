"""How late a loan is: days past due, days in arrears after tolerance, and the class a lender or a regulator reports.

Days past due count from the oldest unpaid due date: due today is 0. Days in arrears begin only after the tolerance, and
stand still during a pause; of a pause, only the days that overlap the arrears are taken off. A class begins on the day the
count *reaches* its first day, at the end of that day (RBI) or the start of it. Sources: RBI/2021-2022/125 (SMA and NPA,
day-end), China's credit card classes (91/121/181 days), Mambu (tolerance in days and amount). Study: loan servicing §2.5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

DEFAULT_EDGES: tuple[int, ...] = (1, 30, 60, 90)
"""First day of each bucket after `current`: current, 1-29, 30-59, 60-89, 90+."""


class Boundary(StrEnum):
    """Whether the day that ends counts: at its end a row due on it and unpaid is late by 0 days, at its start not yet."""

    DAY_START = "day_start"
    DAY_END = "day_end"


class Cure(StrEnum):
    """What brings a loan back from its class."""

    OLDEST_PAID = "oldest_paid"
    """The class follows the days of today."""
    ALL_PAID = "all_paid"
    """The worst class of a run of arrears stays until nothing is in arrears. Source: RBI circular of 12 November 2021."""


class Pause(NamedTuple):
    """A stretch in which arrears do not grow: from `start` up to, not including, `end` (None: still running)."""

    start: date
    end: date | None = None


class Late(NamedTuple):
    """A row that was late: its due date, and the day it was paid in full (None: still open)."""

    due_on: date
    paid_on: date | None


@dataclass(frozen=True, slots=True)
class DelinquencyRule:
    """How a lender counts. `edges` ascend, each the first day of a class; `names` has one name an edge, or none.

    A loan is not in arrears while what is overdue is at most `tolerance_minor`, or at most `tolerance_share` of the
    principal lent, whichever is more, nor within `tolerance_days` of the due date. `from_due`: once past the tolerance, days
    in arrears count from the due date and not from its end.
    """

    edges: tuple[int, ...] = DEFAULT_EDGES
    names: tuple[str, ...] = ()
    tolerance_days: int = 0
    tolerance_minor: int = 0
    tolerance_share: Fraction = Fraction(0)
    from_due: bool = False
    boundary: Boundary = Boundary.DAY_START
    cure: Cure = Cure.OLDEST_PAID
    cure_from_days: int = 0
    """The cure applies to classes that begin on this day or later."""


USUAL = DelinquencyRule()

RULES = {
    "30-60-90": USUAL,
    "rbi": DelinquencyRule(
        (0, 30, 60, 90), ("SMA-0", "SMA-1", "SMA-2", "NPA"), boundary=Boundary.DAY_END, cure=Cure.ALL_PAID, cure_from_days=90
    ),
    "cn-credit-card": DelinquencyRule((1, 91, 121, 181), ("special mention", "substandard", "doubtful", "loss")),
}
"""Named rules; a contract may also state its own."""


def bucket(days_past_due: int, edges: Sequence[int] = DEFAULT_EDGES) -> str:
    """Return the name of the bucket, e.g. "current", "1-29", "90+". `edges` ascend; each is a bucket's first day."""
    if days_past_due < edges[0]:
        return "current"
    for low, after in pairwise(edges):
        if days_past_due < after:
            return f"{low}-{after - 1}"
    return f"{edges[-1]}+"


def class_of(days: int, rule: DelinquencyRule = USUAL) -> str:
    """Return the class of so many days late; "current" below the first edge."""
    if not rule.names:
        return bucket(days, rule.edges)
    reached = [name for edge, name in zip(rule.edges, rule.names, strict=True) if days >= edge]
    return reached[-1] if reached else "current"


def days_past_due(due_on: date, as_of: date) -> int:
    """Return the days since a due date; 0 on it and before it."""
    return max((as_of - due_on).days, 0)


def is_late(due_on: date, as_of: date, rule: DelinquencyRule = USUAL) -> bool:
    """Return whether a row due on that day and unpaid is late at `as_of`."""
    return due_on < as_of or (due_on == as_of and rule.boundary is Boundary.DAY_END)


def arrears_begin_on(due_on: date, rule: DelinquencyRule = USUAL) -> date:
    """Return the first day that counts no longer as tolerance: days in arrears are counted from it."""
    return due_on + timedelta(days=rule.tolerance_days)


def days_in_arrears(due_on: date, as_of: date, rule: DelinquencyRule = USUAL, pauses: Iterable[Pause] = ()) -> int:
    """Return the days in arrears of a row due on `due_on` and still open at `as_of`: tolerance and pauses taken off."""
    begin = arrears_begin_on(due_on, rule)
    if as_of <= begin:
        return 0
    counted_from = due_on if rule.from_due else begin
    return max((as_of - counted_from).days - paused_days(counted_from, as_of, pauses), 0)


def paused_days(start: date, until: date, pauses: Iterable[Pause]) -> int:
    """Return how many days of the stretch lie in a pause; days in two pauses count once."""
    spans = sorted((max(pause.start, start), min(pause.end or until, until)) for pause in pauses)
    total, reached = 0, start
    for begin, end in spans:
        total += max((end - max(begin, reached)).days, 0)
        reached = max(reached, end)
    return total


def tolerated(overdue_minor: int, principal_minor: int, rule: DelinquencyRule) -> bool:
    """Return whether so small a sum overdue is no arrears yet."""
    share = rule.tolerance_share * principal_minor
    return overdue_minor <= max(rule.tolerance_minor, share.numerator // share.denominator)


def worst_days_of_run(rows: Iterable[Late], as_of: date, *, paid_only: bool = False) -> int:
    """Return the most days late that any row of the present run of arrears has been; 0 when nothing is in arrears.

    A run lasts while at least one row is late; a row paid on the day the next falls due joins both. `paid_only`: of those
    rows that are paid by now.
    """
    spans = sorted(
        (row.due_on, min(row.paid_on or as_of, as_of), row.paid_on is not None)
        for row in rows
        if row.due_on <= as_of and row.paid_on != row.due_on
    )
    worst, reached = 0, date.min
    for due_on, until, is_paid in spans:
        if due_on > reached:
            worst = 0
        worst = max(worst, (until - due_on).days if is_paid or not paid_only else 0)
        reached = max(reached, until)
    return worst if reached >= as_of and spans else 0


def standing_class(rows: Sequence[Late], as_of: date, rule: DelinquencyRule = USUAL) -> str:
    """Return the class of a loan at `as_of` with the rule's cure: what today's days say, or the worst of the run."""
    still_open = [row for row in rows if row.paid_on is None or row.paid_on > as_of]
    late = [row.due_on for row in still_open if is_late(row.due_on, as_of, rule)]
    if not late:
        return "current"
    days = (as_of - min(late)).days
    if rule.cure is Cure.ALL_PAID:
        worst = worst_days_of_run(rows, as_of)
        days = max(days, worst if worst >= rule.cure_from_days else 0)
    return class_of(days, rule)
