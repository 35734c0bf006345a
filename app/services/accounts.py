"""What a borrower sees of their loans: positions, schedule, and everything that is due."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.mismatches import RowFigures, shown_rows
from app.domain.money import Money
from app.domain.positions import Position, Snapshot, open_rows_at
from app.domain.splits import NOTHING, Split
from app.domain.times import business_date
from app.persistence.queries import accounts as queries
from app.persistence.queries.positions import open_rows_of
from app.services.mismatches import Shown, shown_to_borrower
from app.services.positions import answers, position_by, snapshot_on
from app.services.schedules import ScheduleRow, as_shown, schedule_on
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
    is_of_core: bool
    """The core's figures are shown in place of ours."""


@dataclass(frozen=True, slots=True)
class DueRow:
    """An instalment that is overdue or falls due within 30 days."""

    loan: Any
    as_of: date
    row_no: int | None
    """None, as `due_on`: the core has it overdue, and no instalment of our plan was due by then."""
    due_on: date | None
    open: Split
    days_past_due: int
    is_of_core: bool

    @property
    def state(self) -> str:
        """overdue, due_today or upcoming."""
        if self.due_on is None or self.due_on < self.as_of:
            return "overdue"
        return "due_today" if self.due_on == self.as_of else "upcoming"


@dataclass(frozen=True, slots=True)
class DueTotal:
    """Sums of one currency."""

    overdue: Money
    upcoming: Money


def disputed_minor(loan: Any, outstanding_minor: int) -> int | None:
    """Return how much of what is owed open cases dispute, at most all of it; None: nothing. `loan`: as queries read it."""
    return None if loan.disputed_minor is None else min(loan.disputed_minor, max(outstanding_minor, 0))


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
        return own_snapshot(row, through)
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        return snapshot_on(session, row, as_of, known_at)


def own_snapshot(row: Any, through: date) -> Snapshot:
    """Return the stored snapshot of a row that has its columns, with instalments up to the first one due after `through`."""
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
    shown = shown_on(reads, loan, today)
    plan_version, rows, _ = _schedule_as_shown(reads, loan, shown)
    return Schedule(loan, today, plan_version, rows, shown.is_of_core)


def _schedule_as_shown(reads: Connection, loan: Any, shown: Shown) -> tuple[int, Sequence[ScheduleRow], Split]:
    """Return (plan version, rows that add up to what is shown, what of that is overdue on no row)."""
    as_of = shown.position.as_of
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        plan_version, rows = schedule_on(session, loan, as_of)
    if not shown.is_of_core:
        return plan_version, rows, NOTHING
    found, loose = shown_rows([RowFigures(row.due_on, row.due, row.open) for row in rows], shown.position)
    rule = kernel_terms(loan).rule
    return plan_version, [as_shown(row, each, as_of, rule) for row, each in zip(rows, found, strict=True)], loose


def everything_due(reads: Connection, borrower_id: str, *, now: datetime) -> tuple[list[DueRow], dict[str, DueTotal]]:
    """Return what is overdue and what falls due within 30 days, over all loans, oldest first, with sums per currency."""
    rows: list[DueRow] = []
    for loan in queries.find_owing_accounts(reads, borrower_id):
        rows += _due_of(reads, loan, business_date(now, loan.zone))
    rows.sort(key=lambda row: (row.due_on or date.min, row.loan.id, row.row_no or 0))
    overdue: defaultdict[str, int] = defaultdict(int)
    upcoming: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        (overdue if row.state == "overdue" else upcoming)[row.loan.currency] += row.open.total
    totals = {
        currency: DueTotal(Money(overdue[currency], currency), Money(upcoming[currency], currency))
        for currency in sorted(overdue.keys() | upcoming.keys())
    }
    return rows, totals


def _due_of(reads: Connection, loan: Any, today: date) -> Iterator[DueRow]:
    """Yield what is due of one loan, so that what is overdue adds up to what its balance shows."""
    last = today + UPCOMING
    snapshot = _snapshot_on(reads, loan, today, through=last)
    shown = shown_to_borrower(loan, snapshot, position_by(snapshot, loan, today), None)
    if not shown.is_of_core:
        for row in open_rows_at(snapshot, today, kernel_terms(loan).terms.late):
            if row.due_on > last:
                break
            yield DueRow(loan, today, row.row_no, row.due_on, row.open, max((today - row.due_on).days, 0), False)
        return
    _, rows, loose = _schedule_as_shown(reads, loan, shown)
    if loose.total:
        yield DueRow(loan, today, None, None, loose, shown.position.days_past_due, True)
    for each in rows:
        if each.open.total > 0 and each.due_on <= last:
            yield DueRow(loan, today, each.row_no, each.due_on, each.open, each.days_past_due, True)
