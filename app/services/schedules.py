"""The rows of a loan's plan with what is due and open of each, charges and lateness included."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.domain.delinquency import DelinquencyRule, class_of, days_in_arrears, days_past_due, is_late
from app.domain.ledger import LedgerEntry
from app.domain.mismatches import ShownRow
from app.domain.plans import PlanVersion, version_for
from app.domain.replay import allocate, terms_under
from app.domain.splits import Split
from app.domain.terms import known_terms
from app.persistence.queries.positions import load_ledger
from app.services.positions import Loan
from app.services.terms import kernel_terms


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One instalment of the plan: what fell due, what is open, and when it was paid."""

    row_no: int
    due_on: date
    due: Split
    """As agreed, with charges levied on it and what lateness has cost."""
    open: Split
    state: str
    """paid, overdue, due_today or upcoming; the date decides, not how much is open."""
    paid_on: date | None
    days_past_due: int
    """Of this row alone; 0 once it is paid."""
    bucket: str
    """Of its own days in arrears, by the loan's rule."""


def schedule_on(
    session: Session, loan: Loan, as_of: date, known_at: datetime | None = None
) -> tuple[int, Sequence[ScheduleRow]]:
    """Return (plan version, rows by due date) as they stand at the end of `as_of`; version 0 while there is no plan."""
    versions, entries = load_ledger(session, loan.id)
    return schedule_of(loan, versions, entries, as_of, known_at)


def schedule_of(
    loan: Loan,
    versions: Sequence[PlanVersion],
    entries: Sequence[LedgerEntry],
    as_of: date,
    known_at: datetime | None = None,
) -> tuple[int, Sequence[ScheduleRow]]:
    """Return the same of a ledger that is loaded."""
    version = version_for(versions, as_of, known_at)
    counting = [e for e in entries if e.effective_on <= as_of and (known_at is None or e.recorded_at <= known_at)]
    terms, rule, pauses = kernel_terms(loan)
    terms = known_terms(terms, known_at)
    account = allocate(version.rows if version else (), counting, terms_under(version, terms))
    account.accrue(as_of)
    rows: list[ScheduleRow] = []
    for row in account.rows:
        is_open = sum(row.open) > 0
        days = days_past_due(row.due_on, as_of) if is_open else 0
        arrears = days_in_arrears(row.due_on, as_of, rule, pauses) if is_open else 0
        late = is_open and is_late(row.due_on, as_of, rule)
        bucket = class_of(arrears, rule) if late else "current"
        due, still = Split(*row.due), Split(*row.open)
        rows.append(
            ScheduleRow(
                row.row_no, row.due_on, due, still, _state(row.due_on, still.total, as_of), row.paid_on, days, bucket
            )
        )
    return version.anchor_no if version else 0, rows


def as_shown(row: ScheduleRow, shown: ShownRow, as_of: date, rule: DelinquencyRule) -> ScheduleRow:
    """Return a row with what is shown of it in place of our own figures; when the core had it paid is not known."""
    if (shown.open, shown.days_past_due) == (row.open, row.days_past_due):
        return row
    as_late = shown.days_past_due == row.days_past_due and shown.open.total > 0
    return replace(
        row,
        open=shown.open,
        state=_state(row.due_on, shown.open.total, as_of),
        paid_on=None,
        days_past_due=shown.days_past_due,
        bucket=row.bucket if as_late else class_of(shown.days_past_due, rule),
    )


def _state(due_on: date, open_minor: int, as_of: date) -> str:
    if open_minor <= 0:
        return "paid"
    if due_on < as_of:
        return "overdue"
    return "due_today" if due_on == as_of else "upcoming"
