"""Requests for stops of interest."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.interest_stop_requests import RequestState
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.interest_stop_requests import InterestStopRequestRow
from app.persistence.models.loans import LoanRow


def add_request(session: Session, row: InterestStopRequestRow) -> None:
    """Add it at once."""
    session.add(row)
    session.flush()


def get_owner(session: Session, request_id: str, lender_id: str) -> str:
    """Return whose loan it is about, if it is of this lender. Raises NotFoundError."""
    statement = select(InterestStopRequestRow.borrower_id).where(
        InterestStopRequestRow.id == request_id, InterestStopRequestRow.lender_id == lender_id
    )
    owner = session.scalar(statement)
    if owner is None:
        raise NotFoundError("There is no such request.")
    return owner


def get_request(session: Session, request_id: str) -> InterestStopRequestRow:
    """Return it as it stands now. The caller holds the agenda row."""
    return session.get_one(InterestStopRequestRow, request_id, populate_existing=True)


def exists_waiting(session: Session, loan_id: str) -> bool:
    """Return whether one about the loan waits."""
    statement = select(InterestStopRequestRow.id).where(
        InterestStopRequestRow.loan_id == loan_id, InterestStopRequestRow.state == RequestState.WAITING.value
    )
    return session.scalar(statement.limit(1)) is not None


def get_shown(reads: Connection | Session, request_id: str, *, lender_id: str) -> Any:
    """Return one with the numbers of loan and borrower. Raises NotFoundError."""
    row = reads.execute(_shown(lender_id).where(InterestStopRequestRow.id == request_id)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such request.")
    return row


def find_of_loan(reads: Connection | Session, loan_id: str, *, lender_id: str, limit: int = 50) -> Sequence[Any]:
    """Return those about a loan, newest first, at most `limit`."""
    statement = _shown(lender_id).where(InterestStopRequestRow.loan_id == loan_id)
    newest = (InterestStopRequestRow.asked_at.desc(), InterestStopRequestRow.id.desc())
    return reads.execute(statement.order_by(*newest).limit(limit)).all()


def page_waiting(reads: Connection | Session, lender_id: str, *, limit: int) -> Sequence[Any]:
    """Return those that wait for a second person, the longest waiting first."""
    statement = _shown(lender_id).where(InterestStopRequestRow.state == RequestState.WAITING.value)
    return reads.execute(statement.order_by(InterestStopRequestRow.asked_at, InterestStopRequestRow.id).limit(limit)).all()


def _shown(lender_id: str) -> Select[Any]:
    return (
        select(*InterestStopRequestRow.__table__.columns, LoanRow.loan_no, BorrowerRow.borrower_no)
        .join(LoanRow, LoanRow.id == InterestStopRequestRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == InterestStopRequestRow.borrower_id)
        .where(InterestStopRequestRow.lender_id == lender_id)
    )
