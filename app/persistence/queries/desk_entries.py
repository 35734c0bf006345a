"""Ledger entries that the desk made, and how much of them the lender's core has not told of."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.domain.desk_payments import DeskPaymentState
from app.domain.ledger import EntryKind
from app.persistence.models.desk_acts import DeskEntryRow, DeskPaymentRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow
from app.persistence.queries.chunks import chunks
from app.persistence.queries.ledger import find_reversed


def add_desk_entry(session: Session, row: DeskEntryRow) -> None:
    """Keep an entry as the desk's."""
    session.add(row)
    session.flush()


def find_desk_entry(session: Session, entry_id: str) -> DeskEntryRow | None:
    """Return it as it stands now. The caller holds the agenda row."""
    return session.get(DeskEntryRow, entry_id, populate_existing=True)


def find_standing(session: Session, loan_ids: Collection[str]) -> Sequence[DeskEntryRow]:
    """Return the desk's entries of these loans that nobody took back, oldest first, as they stand now."""
    found: list[DeskEntryRow] = []
    for part in chunks(loan_ids):
        statement = (
            select(DeskEntryRow)
            .where(DeskEntryRow.loan_id.in_(part), DeskEntryRow.reversed_at.is_(None))
            .order_by(DeskEntryRow.entry_id)
        )
        found += session.scalars(statement, execution_options={"populate_existing": True})
    return found


def mark_reversed(session: Session, entry_ids: Collection[str], *, by: str, at: datetime) -> set[str]:
    """Note that entries were taken back, by whomever; return the loans of those that were the desk's."""
    loans: set[str] = set()
    for part in chunks(entry_ids):
        theirs = select(DeskEntryRow).where(DeskEntryRow.entry_id.in_(part), DeskEntryRow.reversed_at.is_(None))
        for row in session.scalars(theirs):
            row.reversed_at = at
            loans.add(row.loan_id)
        session.execute(
            update(DeskPaymentRow)
            .where(DeskPaymentRow.entry_id.in_(part), DeskPaymentRow.state == DeskPaymentState.BOOKED.value)
            .values(
                state=DeskPaymentState.REVERSED.value, reversed_by=by, reversed_at=at, version=DeskPaymentRow.version + 1
            )
        )
    session.flush()
    return loans


def count_untold(session: Session, loan_ids: Collection[str]) -> None:
    """Write on these loans how much of the desk's entries the core has not told of."""
    untold = (
        select(func.coalesce(func.sum(DeskEntryRow.amount_minor), 0))
        .where(DeskEntryRow.loan_id == LoanRow.id, DeskEntryRow.told_at.is_(None), DeskEntryRow.reversed_at.is_(None))
        .scalar_subquery()
    )
    for part in chunks(loan_ids):
        session.execute(
            update(LoanRow).where(LoanRow.id.in_(part)).values(desk_untold_minor=untold, version=LoanRow.version + 1)
        )


def find_alike(session: Session, loan_id: str, *, on: date, amount_minor: int) -> list[str]:
    """Return the references of payments of that loan, day and amount that stand, whoever told of them."""
    undone = find_reversed(session, [loan_id])
    statement = select(LedgerEntryRow.id, LedgerEntryRow.reference).where(
        LedgerEntryRow.loan_id == loan_id,
        LedgerEntryRow.kind.in_((EntryKind.REPAYMENT.value, EntryKind.PREPAYMENT.value)),
        LedgerEntryRow.effective_on == on,
        LedgerEntryRow.amount_minor == amount_minor,
    )
    return sorted(row.reference for row in session.execute(statement) if row.id not in undone)
