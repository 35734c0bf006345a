"""What a borrower sees of their loans: positions, schedule, and everything that is due."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.money import Money
from app.domain.positions import Position, Snapshot, open_rows_at
from app.domain.splits import Split
from app.domain.times import business_date
from app.persistence.queries import accounts as queries
from app.persistence.queries.positions import open_rows_of
from app.services.mismatches import Shown, shown_to_borrower
from app.services.positions import answers, position_by, snapshot_on
from app.services.schedules import ScheduleRow, schedule_on
from app.services.terms import kernel_terms

UPCOMING = timedelta(days=30)
"""How far ahead `due` looks; the last day counts."""


@dataclass(frozen=True, slots=True)
class Account:
    """A loan with its position today, in the loan's zone."""

    loan: Any
    """The loan's columns, with its lender's name."""
    position: Position


@dataclass(frozen=True, slots=True)
class Schedule:
    """The plan that holds today, in the loan's zone."""

    loan: Any
    as_of: date
    plan_version: int
    """Counts from 1; 0 while there is no plan."""
    rows: Sequence[ScheduleRow]


@dataclass(frozen=True, slots=True)
class DueRow:
    """An instalment that is overdue or falls due within 30 days."""

    loan: Any
    as_of: date
    row_no: int
    due_on: date
    open: Split
    days_past_due: int


@dataclass(frozen=True, slots=True)
class DueTotal:
    """Sums of one currency."""

    overdue: Money
    upcoming: Money


def get_position_account(reads: Connection, borrower_id: str, loan_id: str) -> Any:
    """Return what a balance is made of. Raises NotFoundError, also for another borrower's loan."""
    row = queries.find_position_account(reads, borrower_id, loan_id)
    if row is None:
        raise NotFoundError("There is no such loan.")
    return row


def position_on(reads: Connection, row: Any, as_of: date, known_at: datetime | None = None) -> Position:
    """Return what is shown as the position at the end of `as_of`: the core's figures where they differ from ours."""
    return shown_on(reads, row, as_of, known_at).position


def shown_on(reads: Connection, row: Any, as_of: date, known_at: datetime | None = None) -> Shown:
    """Return the position at the end of `as_of` as it is shown, with whose figures it is."""
    snapshot = _snapshot_on(reads, row, as_of, known_at, through=as_of)
    return shown_to_borrower(row, snapshot, position_by(snapshot, row, as_of), known_at)


def _snapshot_on(
    reads: Connection, row: Any, as_of: date, known_at: datetime | None = None, *, through: date = date.max
) -> Snapshot:
    """Return the plan's state at the end of `as_of`: the row's own snapshot where that answers, else from the ledger.

    It does not answer for a day before the newest plan begins. Of the row's own, instalments after the first one due after
    `through` are left out: to read them takes time, and they change no figure of that day.
    """
    if known_at is None and row.open_rows is not None and answers(row, as_of):
        return _own_snapshot(row, through)
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        return snapshot_on(session, row, as_of, known_at)


def _own_snapshot(row: Any, through: date) -> Snapshot:
    return Snapshot(
        anchor_no=row.anchor_no,
        principal_balance_minor=row.principal_balance_minor,
        unapplied_minor=row.unapplied_minor,
        open_rows=open_rows_of(row.open_rows, row.row_states, through),
        last_effective_on=row.last_effective_on,
        last_recorded_at=None,
        holds_until=row.holds_until,
        paid_late_days=row.paid_late_days,
    )


def page_accounts(
    reads: Connection, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int, now: datetime
) -> list[Account]:
    """Return up to `limit` loans with their positions today, newest first."""
    rows = queries.page_accounts(reads, borrower_id, before=before, limit=limit)
    return [_account(reads, row, now) for row in rows]


def get_account(reads: Connection, borrower_id: str, loan_id: str, *, now: datetime) -> Account:
    """Return one loan with its position today. Raises NotFoundError."""
    row = queries.find_account(reads, borrower_id, loan_id)
    if row is None:
        raise NotFoundError("There is no such loan.")
    return _account(reads, row, now)


def _account(reads: Connection, row: Any, now: datetime) -> Account:
    return Account(row, position_on(reads, row, business_date(now, row.zone)))


def schedule(reads: Connection, borrower_id: str, loan_id: str, *, now: datetime) -> Schedule:
    """Return the rows of the loan's plan. Raises NotFoundError."""
    loan = get_position_account(reads, borrower_id, loan_id)
    today = business_date(now, loan.zone)
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        plan_version, rows = schedule_on(session, loan, today)
    return Schedule(loan, today, plan_version, rows)


def everything_due(reads: Connection, borrower_id: str, *, now: datetime) -> tuple[list[DueRow], dict[str, DueTotal]]:
    """Return what is overdue and what falls due within 30 days, over all loans, oldest first, with sums per currency."""
    rows: list[DueRow] = []
    overdue: defaultdict[str, int] = defaultdict(int)
    upcoming: defaultdict[str, int] = defaultdict(int)
    for loan in queries.find_owing_accounts(reads, borrower_id):
        today = business_date(now, loan.zone)
        last = today + UPCOMING
        snapshot = _snapshot_on(reads, loan, today, through=last)
        for row in open_rows_at(snapshot, today, kernel_terms(loan).terms.late):
            if row.due_on > last:
                break
            rows.append(DueRow(loan, today, row.row_no, row.due_on, row.open, max((today - row.due_on).days, 0)))
            (overdue if row.due_on < today else upcoming)[loan.currency] += row.open.total
    rows.sort(key=lambda row: (row.due_on, row.loan.id, row.row_no))
    totals = {
        currency: DueTotal(Money(overdue[currency], currency), Money(upcoming[currency], currency))
        for currency in sorted(overdue.keys() | upcoming.keys())
    }
    return rows, totals
