"""A loan as the desk shows it: its position today, its rows, and a past day as it was known then and as it is known now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError, refused_at
from app.domain.ledger import LedgerEntry
from app.domain.money import Money
from app.domain.plans import PlanVersion
from app.domain.position_views import Difference, differences, learnt_since
from app.domain.positions import Position, replay
from app.domain.splits import Split
from app.domain.times import business_date, local_instant
from app.persistence.queries import borrower_pages as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.positions import load_ledger
from app.persistence.unit_of_work import peeking, unit_of_work
from app.services import accounts
from app.services.borrower_page_parts import LoanOnPage
from app.services.desk_positions import positions_today
from app.services.mismatches import Shown
from app.services.notes import Writer
from app.services.positions import position_by
from app.services.schedules import ScheduleRow, schedule_of
from app.services.terms import kernel_terms

_FIRST_YEAR = 1900
"""Of business dates, as the API writes them."""


@dataclass(frozen=True, slots=True)
class PositionThen:
    """A position at the end of a past day, in one of the two views; our book's own figures."""

    currency: str
    outstanding_minor: int
    principal_outstanding_minor: int
    due: Split
    overdue: Split
    unapplied_minor: int
    days_past_due: int
    bucket: str
    next_due_on: date | None
    plan_version: int
    """Counts from 1; 0 while there was no plan."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """An entry that counts by that day and became known later."""

    id: str
    kind: str
    amount: Money
    effective_on: date
    recorded_at: datetime
    reverses_id: str | None


@dataclass(frozen=True, slots=True)
class PastDay:
    """A day in both views. `known_at`: inclusive; what became known later is not in `then`."""

    as_of: date
    known_at: datetime
    then: PositionThen
    now: PositionThen
    differences: list[Difference]
    learnt: list[Learnt]
    """What became known after `known_at` and counts by that day, in the order in which it did."""
    plan_changed: bool
    """The plan that holds for that day is another one now than then."""


@dataclass(frozen=True, slots=True)
class DeskLoan:
    """A loan with its rows, by due date, and a past day if one was asked for."""

    loan: LoanOnPage
    plan_version: int
    currency: str
    rows: list[ScheduleRow]
    past: PastDay | None = None
    rows_then: list[ScheduleRow] = field(default_factory=list)
    """Of a past day: the rows as they were known then."""


def open_loan(
    borrower_no: str, loan_no: str, *, reader: Writer, as_of: date | None, known_at: datetime | None, now: datetime
) -> DeskLoan:
    """Return a loan of this lender's borrower, and write down that it was read. The request holds no connection meanwhile.

    `as_of`: a past day, or today; shown as known at `known_at`, else at the end of that day where the loan is, and as known
    now. Raises NotFoundError; ValidationError for a day or an instant to come.
    """
    with peeking() as reads:
        head = queries.find_head(reads, reader.lender_id, borrower_no)
        loan = next((each for each in head[1] if each.loan_no == loan_no), None) if head else None
        if head is None or loan is None:
            raise NotFoundError(f"This borrower has no loan {loan_no} with this lender.")
        today = business_date(now, loan.zone)
        day, instant = _asked(loan, today, as_of, known_at, now)
        shown = positions_today(reads, [loan], now=now)[loan.id]
        with Session(bind=reads, join_transaction_mode="rollback_only") as session:
            ledger = load_ledger(session, loan.id)
    plan_version, rows = schedule_of(loan, *ledger, today)
    past, rows_then = None, list[ScheduleRow]()
    if day is not None and instant is not None:
        past = _past_day(loan, *ledger, day, instant)
        rows_then = list(schedule_of(loan, *ledger, day, instant)[1])
    with unit_of_work() as work:
        facts = {"loan_id": loan.id, **({} if day is None else {"as_of": day.isoformat()})}
        add_audit(work.session, at=now, actor=reader.by, action="borrower.read", borrower_id=head[0].id, facts=facts)
    return DeskLoan(loan_on_page(loan, shown), plan_version, loan.currency, list(rows), past, rows_then)


def loan_on_page(loan: Any, shown: Shown) -> LoanOnPage:
    """Return a loan with what is shown as its position. `loan` has the columns of a balance, and its number and state."""
    position, currency = shown.position, loan.currency
    disputed = accounts.disputed_minor(loan, position.outstanding_minor)
    return LoanOnPage(
        loan_id=loan.id,
        loan_no=loan.loan_no,
        product=loan.product,
        status=loan.status,
        currency=currency,
        zone=loan.zone,
        as_of=position.as_of,
        outstanding=Money(position.outstanding_minor, currency),
        principal_outstanding=Money(position.principal_outstanding_minor, currency),
        due=position.due_to_date,
        overdue=position.overdue,
        unapplied=Money(position.unapplied_minor, currency),
        days_past_due=position.days_past_due,
        bucket=position.bucket,
        next_due_on=position.next_due_on,
        next_due=Money(position.next_due_minor, currency) if position.next_due_on else None,
        disputed=None if disputed is None else Money(disputed, currency),
        is_of_core=shown.is_of_core,
        autopay=loan.autopay,
        maturity_on=loan.maturity_on,
        marks=list(loan.marks),
    )


def _asked(
    loan: Any, today: date, as_of: date | None, known_at: datetime | None, now: datetime
) -> tuple[date | None, datetime | None]:
    if as_of is None and known_at is None:
        return None, None
    if known_at is not None and known_at > now:
        raise refused_at("/query/known_at", "known_at is in the future; nothing is known then yet.")
    if known_at is not None and known_at.year < _FIRST_YEAR:
        raise refused_at("/query/known_at", "known_at is before any loan was known.")
    day = as_of or business_date(known_at or now, loan.zone)
    if day > today:
        raise refused_at("/query/as_of", "as_of is in the future; the schedule says what falls due.")
    end_of_day = local_instant(day + timedelta(days=1), time(0), loan.zone) - timedelta(microseconds=1)
    return day, known_at or min(end_of_day, now)


def _past_day(
    loan: Any, versions: Sequence[PlanVersion], entries: Sequence[LedgerEntry], day: date, known_at: datetime
) -> PastDay:
    then, plan_then = _position(loan, versions, entries, day, known_at)
    now, plan_now = _position(loan, versions, entries, day, None)
    learnt = [
        Learnt(
            entry.entry_id, entry.kind.value, Money(entry.amount_minor, loan.currency), entry.effective_on,
            entry.recorded_at, entry.reverses,
        )
        for entry in learnt_since(entries, day, known_at)
    ]  # fmt: skip
    return PastDay(
        day, known_at, _figures(loan, then, plan_then), _figures(loan, now, plan_now), differences(then, now), learnt,
        plan_then != plan_now,
    )  # fmt: skip


def _position(
    loan: Any, versions: Sequence[PlanVersion], entries: Sequence[LedgerEntry], day: date, known_at: datetime | None
) -> tuple[Position, int]:
    snapshot = replay(loan.principal_minor, versions, entries, day, known_at, kernel_terms(loan).terms)
    return position_by(snapshot, loan, day), snapshot.anchor_no


def _figures(loan: Any, position: Position, plan_version: int) -> PositionThen:
    return PositionThen(
        currency=loan.currency,
        outstanding_minor=position.outstanding_minor,
        principal_outstanding_minor=position.principal_outstanding_minor,
        due=position.due_to_date,
        overdue=position.overdue,
        unapplied_minor=position.unapplied_minor,
        days_past_due=position.days_past_due,
        bucket=position.bucket,
        next_due_on=position.next_due_on,
        plan_version=plan_version,
    )
