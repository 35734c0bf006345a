"""What is owed on a loan, by component, as of a date.

`as_of` is the end of that day: entries effective on it count, rows due on it are due but not overdue. A position can be
asked as now known for that day (`known_at` None) and as it was known at an instant. No figure depends on a nightly job.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from app.domain.allocation import AllocatedPlan, allocate
from app.domain.delinquency import DEFAULT_EDGES, bucket
from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanVersion, version_for
from app.domain.splits import NOTHING, Split


class OpenRow(NamedTuple):
    """An instalment with something unpaid: what is still open, by component."""

    row_no: int
    due_on: date
    open: Split


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of a loan's state that does not depend on the date; the position at any later date follows in memory.

    Valid for every `as_of` on or after `last_effective_on` (of entries, and of the plan version when it begins on a day) and
    for the present knowledge. `open_rows` ascend by due date.
    """

    anchor_no: int
    principal_balance_minor: int
    unapplied_minor: int
    open_rows: tuple[OpenRow, ...]
    last_effective_on: date | None
    last_recorded_at: datetime | None

    @property
    def settled(self) -> bool:
        """Whether there was a plan and nothing of it, nor of the principal, is left to pay."""
        return self.anchor_no > 0 and not self.open_rows and self.principal_balance_minor <= 0


@dataclass(frozen=True, slots=True)
class Position:
    """What is owed at the end of `as_of`. All amounts are minor units of the loan's currency.

    `outstanding` = principal balance + interest, fees and penalties of rows due up to `as_of` and unpaid. `overdue` = the
    unpaid part of rows due before `as_of`; `overdue_principal_minor` counts rows due on `as_of` too.
    """

    as_of: date
    outstanding_minor: int
    principal_outstanding_minor: int
    due_to_date: Split
    overdue: Split
    overdue_principal_minor: int
    days_past_due: int
    bucket: str
    next_due_on: date | None
    next_due_minor: int
    unapplied_minor: int

    @property
    def overdue_minor(self) -> int:
        """The unpaid part of rows due before `as_of`, all components."""
        return self.overdue.total


def snapshot_of(
    principal_minor: int | None, version: PlanVersion | None, plan: AllocatedPlan, entries: Sequence[LedgerEntry]
) -> Snapshot:
    """Return the snapshot of an allocated plan. `principal_minor` is the amount lent; None: what the rows add up to."""
    if principal_minor is None:
        principal_minor = sum(row.due.principal for row in plan.rows)
    paid_principal = sum(split.principal for split in plan.paid.values())
    days = [entry.effective_on for entry in entries]
    if version is not None and version.effective_on is not None:
        days.append(version.effective_on)
    rows = (OpenRow(row.row_no, row.due_on, plan.open_split(row)) for row in plan.rows)
    return Snapshot(
        anchor_no=version.anchor_no if version else 0,
        principal_balance_minor=principal_minor - paid_principal - plan.principal_reduced_minor,
        unapplied_minor=plan.unapplied_minor,
        open_rows=tuple(row for row in rows if row.open.total > 0),
        last_effective_on=max(days, default=None),
        last_recorded_at=max((entry.recorded_at for entry in entries), default=None),
    )


def position_at(snapshot: Snapshot, as_of: date, edges: Sequence[int] = DEFAULT_EDGES) -> Position:
    """Return the position at the end of `as_of`, which must not be before `snapshot.last_effective_on`."""
    due, overdue = NOTHING, NOTHING
    oldest: date | None = None
    next_row: OpenRow | None = None
    for row in snapshot.open_rows:
        if row.due_on > as_of:
            next_row = next_row or row
            break
        due = due.plus(row.open)
        if row.due_on < as_of:
            overdue = overdue.plus(row.open)
            oldest = oldest or row.due_on
        else:
            next_row = next_row or row
    days = (as_of - oldest).days if oldest else 0
    return Position(
        as_of=as_of,
        outstanding_minor=snapshot.principal_balance_minor + due.total - due.principal,
        principal_outstanding_minor=snapshot.principal_balance_minor,
        due_to_date=due,
        overdue=overdue,
        overdue_principal_minor=due.principal,
        days_past_due=days,
        bucket=bucket(days, edges),
        next_due_on=next_row.due_on if next_row else None,
        next_due_minor=next_row.open.total if next_row else 0,
        unapplied_minor=snapshot.unapplied_minor,
    )


def replay(
    principal_minor: int | None,
    versions: Sequence[PlanVersion],
    entries: Sequence[LedgerEntry],
    as_of: date | None = None,
    known_at: datetime | None = None,
) -> Snapshot:
    """Return the snapshot as of a day and as known at an instant, from the ledger alone.

    `as_of` None: everything effective; `known_at` None: everything known; `principal_minor` as in `snapshot_of`.
    """
    counting = [
        entry
        for entry in entries
        if (as_of is None or entry.effective_on <= as_of) and (known_at is None or entry.recorded_at <= known_at)
    ]
    version = version_for(versions, as_of or date.max, known_at)
    rows = version.rows if version else ()
    return snapshot_of(principal_minor, version, allocate(rows, counting), counting)
