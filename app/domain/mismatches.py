"""Where the core's figures differ from ours, and what a borrower is shown then.

The core is the book of record: its figure is shown, ours is kept beside it, and staff are told. A tape speaks of the end of
one day; for a later day what has happened since by our own plan is added to it.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

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


def _days_at(core_days: int, then: Position, asked: Position) -> int:
    """Return the core's days past due counted on; where it had none, those of the first row that fell due since."""
    if core_days > 0:
        return core_days + (asked.as_of - then.as_of).days
    return max((asked.as_of - then.next_due_on).days, 0) if then.next_due_on else 0


def _with_total(ours: Split, total: int) -> Split:
    return Split(*split_minor(total, ours)) if ours.total else Split(total)
