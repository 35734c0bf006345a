"""Holds of a borrower, and who may see them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, or_, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.holds import HoldRow
from app.persistence.models.loans import LoanRow

_SHOWN = (
    HoldRow.id,
    HoldRow.kind,
    HoldRow.loan_id,
    LoanRow.loan_no,
    HoldRow.from_at,
    HoldRow.until_at,
    HoldRow.form,
    HoldRow.by,
    HoldRow.evidence,
    HoldRow.reference,
    HoldRow.recorded_at,
    HoldRow.released_at,
    HoldRow.released_by,
    HoldRow.version,
)
MOST_SHOWN = 500
"""More holds of one person than anyone reads: the oldest of them are then left out."""


def find_holds(reads: Connection | Session, borrower_id: str, *, lender_id: str | None = None) -> Sequence[Any]:
    """Return a borrower's holds with their loan numbers, newest first; with a lender, not those on another's loans."""
    statement = (
        select(*_SHOWN)
        .outerjoin(LoanRow, LoanRow.id == HoldRow.loan_id)
        .where(HoldRow.borrower_id == borrower_id)
        .order_by(HoldRow.recorded_at.desc(), HoldRow.id.desc())
        .limit(MOST_SHOWN)
    )
    if lender_id is not None:
        statement = statement.where(or_(HoldRow.loan_id.is_(None), LoanRow.lender_id == lender_id))
    return reads.execute(statement).all()


def get_hold(session: Session, borrower_id: str, hold_id: str, *, lender_id: str | None = None) -> HoldRow:
    """Return a hold of this borrower, with a lender only if that lender may see it. Raises NotFoundError."""
    statement = select(HoldRow).where(HoldRow.id == hold_id, HoldRow.borrower_id == borrower_id)
    if lender_id is not None:
        of_lender = select(LoanRow.id).where(LoanRow.borrower_id == borrower_id, LoanRow.lender_id == lender_id)
        statement = statement.where(or_(HoldRow.loan_id.is_(None), HoldRow.loan_id.in_(of_lender)))
    row = session.scalar(statement)
    if row is None:
        raise NotFoundError(f"There is no hold {hold_id} of this borrower.")
    return row


def find_hold_referenced(session: Session, borrower_id: str, reference: str) -> HoldRow | None:
    """Return the hold that was put under this reference, as it is stored."""
    return session.scalar(select(HoldRow).where(HoldRow.borrower_id == borrower_id, HoldRow.reference == reference))


def add_hold(session: Session, row: HoldRow) -> None:
    """Add a hold."""
    session.add(row)
    session.flush()
