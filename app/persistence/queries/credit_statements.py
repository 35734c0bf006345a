"""Borrowers' own statements to what is reported of them."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.credit_reports import CreditStatementRow
from app.persistence.models.loans import LoanRow


def add_statement(session: Session, row: CreditStatementRow) -> None:
    """Add one."""
    session.add(row)
    session.flush()


def mark_withdrawn(session: Session, borrower_id: str, loan_id: str, *, at: datetime) -> bool:
    """End the one that stands to a loan; return whether there was one."""
    result = session.execute(
        update(CreditStatementRow)
        .where(
            CreditStatementRow.borrower_id == borrower_id,
            CreditStatementRow.loan_id == loan_id,
            CreditStatementRow.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=at)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def find_statement(session: Session, borrower_id: str, loan_id: str) -> CreditStatementRow | None:
    """Return the one that stands to a loan, or None."""
    return session.scalar(
        select(CreditStatementRow).where(
            CreditStatementRow.borrower_id == borrower_id,
            CreditStatementRow.loan_id == loan_id,
            CreditStatementRow.withdrawn_at.is_(None),
        )
    )


def check_own(session: Session, borrower_id: str, loan_id: str) -> None:
    """Raise NotFoundError where a loan is not this borrower's."""
    statement = select(LoanRow.id).where(LoanRow.id == loan_id, LoanRow.borrower_id == borrower_id)
    if session.scalar(statement) is None:
        raise NotFoundError("There is no such loan.")
