"""Waivers of the desk."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.waivers import WaiverState
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.desk_acts import DeskEntryRow, WaiverRow
from app.persistence.models.loans import LoanRow

_TOTAL = WaiverRow.interest_minor + WaiverRow.fees_minor + WaiverRow.penalties_minor


def add_waiver(session: Session, row: WaiverRow) -> None:
    """Add it at once."""
    session.add(row)
    session.flush()


def get_owner(session: Session, waiver_id: str, lender_id: str) -> str:
    """Return whose waiver it is, if it is of this lender. Raises NotFoundError."""
    statement = select(WaiverRow.borrower_id).where(WaiverRow.id == waiver_id, WaiverRow.lender_id == lender_id)
    owner = session.scalar(statement)
    if owner is None:
        raise NotFoundError("There is no such waiver.")
    return owner


def get_waiver(session: Session, waiver_id: str) -> WaiverRow:
    """Return it as it stands now. The caller holds the agenda row."""
    return session.get_one(WaiverRow, waiver_id, populate_existing=True)


def find_waiting(session: Session, loan_id: str) -> str | None:
    """Return the id of the loan's waiver that waits for approval."""
    statement = select(WaiverRow.id).where(WaiverRow.loan_id == loan_id, WaiverRow.state == WaiverState.WAITING.value)
    return session.scalar(statement.limit(1))


def sum_granted(session: Session, loan_id: str, *, after: date) -> int:
    """Return what was given up of a loan after a day (exclusive), in minor units. The caller holds the agenda row."""
    statement = select(func.coalesce(func.sum(_TOTAL), 0)).where(
        WaiverRow.loan_id == loan_id, WaiverRow.state == WaiverState.GRANTED.value, WaiverRow.effective_on > after
    )
    return int(session.scalar(statement) or 0)


def get_shown(reads: Connection | Session, waiver_id: str, *, lender_id: str) -> Any:
    """Return one with the numbers of loan and borrower and the core's word of it. Raises NotFoundError."""
    row = reads.execute(_shown(lender_id).where(WaiverRow.id == waiver_id)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such waiver.")
    return row


def find_of_borrower(reads: Connection | Session, borrower_id: str, *, lender_id: str, limit: int = 100) -> Sequence[Any]:
    """Return a borrower's, newest first, at most `limit`."""
    statement = _shown(lender_id).where(WaiverRow.borrower_id == borrower_id)
    return reads.execute(statement.order_by(WaiverRow.requested_at.desc(), WaiverRow.id.desc()).limit(limit)).all()


def page_waiting(
    reads: Connection | Session, lender_id: str, *, after: tuple[datetime, str] | None = None, limit: int
) -> Sequence[Any]:
    """Return those that wait for approval, oldest first, following `after`."""
    statement = _shown(lender_id).where(WaiverRow.state == WaiverState.WAITING.value)
    if after is not None:
        statement = statement.where(tuple_(WaiverRow.requested_at, WaiverRow.id) > after)
    return reads.execute(statement.order_by(WaiverRow.requested_at, WaiverRow.id).limit(limit)).all()


def _shown(lender_id: str) -> Select[Any]:
    return (
        select(
            *WaiverRow.__table__.columns,
            LoanRow.loan_no,
            BorrowerRow.borrower_no,
            DeskEntryRow.told_at,
            DeskEntryRow.told_as,
        )
        .join(LoanRow, LoanRow.id == WaiverRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == WaiverRow.borrower_id)
        .outerjoin(DeskEntryRow, DeskEntryRow.entry_id == WaiverRow.entry_id)
        .where(WaiverRow.lender_id == lender_id)
    )
