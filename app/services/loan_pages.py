"""One loan at the desk: its schedule and payments, and a day of the past in two views: as then shown, as now known.

What was shown on a past day is what the ledger knew at its end. Where the core's figures were shown in place of ours on
that day they are not kept, so both views are of our own ledger; today's is what the borrower sees (services/mismatches.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import refused_at
from app.domain.ledger import LedgerEntry
from app.domain.position_views import learnt_since
from app.domain.positions import Position, replay
from app.domain.times import business_date, local_instant
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.queries.positions import load_ledger
from app.services import accounts, receipts
from app.services.positions import position_by
from app.services.receipts import Payment
from app.services.schedules import ScheduleRow, schedule_of
from app.services.terms import kernel_terms

PAYMENTS = 25


@dataclass(frozen=True, slots=True)
class View:
    """A loan at the end of a day. `known_at`: as it was known then; None: as now known."""

    position: Position
    plan_version: int
    rows: Sequence[ScheduleRow]
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastDay:
    """Both views of a past day, and the numbers of the rows in which they differ."""

    currency: str
    today: date
    on: date
    then: View
    now: View
    changed_rows: frozenset[int]
    learnt: Sequence[LedgerEntry]
    """What counts by that day and became known after it, in the order in which it did."""

    @property
    def rows(self) -> list[tuple[int, ScheduleRow | None, ScheduleRow | None]]:
        """Number -> the row as then shown and as now known; None: there was, or is, no such row."""
        before, after = ({row.row_no: row for row in view.rows} for view in (self.then, self.now))
        return [(row_no, before.get(row_no), after.get(row_no)) for row_no in sorted(before.keys() | after.keys())]

    @property
    def differs(self) -> bool:
        """Whether what is now known of the day is something else than what was shown on it."""
        return self.then.position != self.now.position or bool(self.changed_rows)


@dataclass(frozen=True, slots=True)
class LoanPage:
    """A loan as its borrower sees it today, with what was posted on it, newest first."""

    loan: Any
    """The columns of an account: loan_no, product, status, currency, zone ..."""
    today: date
    view: View
    is_of_core: bool
    payments: Sequence[Payment]
    resume: tuple[datetime, str] | None
    """Where the next page of payments begins; None: these are the oldest."""


def loan_page(
    session: Session,
    reads: Connection,
    borrower_id: str,
    loan_no: str,
    *,
    lender_id: str,
    now: datetime,
    before: tuple[datetime, str] | None = None,
) -> LoanPage:
    """Return the page of a loan. Raises NotFoundError, also for another borrower's or another lender's loan."""
    loan_id = get_own_loan_id(session, lender_id, borrower_id, loan_no)
    account = accounts.get_account(reads, borrower_id, loan_id, now=now)
    schedule = accounts.schedule(reads, borrower_id, loan_id, now=now)
    payments = receipts.page_payments(reads, borrower_id, loan_id, before=before, limit=PAYMENTS + 1)
    shown = payments[:PAYMENTS]
    return LoanPage(
        loan=account.loan,
        today=schedule.as_of,
        view=View(account.position, schedule.plan_version, schedule.rows),
        is_of_core=schedule.is_of_core,
        payments=shown,
        resume=(shown[-1].entry.recorded_at, shown[-1].entry.id) if len(payments) > PAYMENTS else None,
    )


def past_day(
    session: Session, reads: Connection, borrower_id: str, loan_no: str, on: date | None, *, lender_id: str, now: datetime
) -> PastDay:
    """Return a day of the loan (None: yesterday) in both views, in four statements.

    Raises NotFoundError; ValidationError for a day that is not over where the loan is.
    """
    loan_id = get_own_loan_id(session, lender_id, borrower_id, loan_no)
    loan = accounts.get_position_account(reads, borrower_id, loan_id)
    today = business_date(now, loan.zone)
    on = on or today - timedelta(days=1)
    if on >= today:
        raise refused_at("/query/on", "The day is not over yet where the loan is.")
    versions, entries = load_ledger(session, loan_id)
    terms = kernel_terms(loan).terms

    def view(known_at: datetime | None) -> View:
        snapshot = replay(loan.principal_minor, versions, entries, on, known_at, terms)
        plan_version, rows = schedule_of(loan, versions, entries, on, known_at)
        return View(position_by(snapshot, loan, on), plan_version, rows, known_at)

    then, known = view(_end_of(on, loan.zone)), view(None)
    learnt = learnt_since(entries, on, _end_of(on, loan.zone))
    return PastDay(loan.currency, today, on, then, known, _changed(then.rows, known.rows), learnt)


def _end_of(on: date, zone: str) -> datetime:
    """Return the last instant of a day there: what is recorded at the next midnight was not known on it."""
    return local_instant(on + timedelta(days=1), time(0), zone) - timedelta(microseconds=1)


def _changed(then: Sequence[ScheduleRow], today: Sequence[ScheduleRow]) -> frozenset[int]:
    before, after = ({row.row_no: row for row in rows} for rows in (then, today))
    return frozenset(row_no for row_no in before.keys() | after.keys() if before.get(row_no) != after.get(row_no))
