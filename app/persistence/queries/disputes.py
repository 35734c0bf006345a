"""Disputes: of a borrower, of a lender's desk by day due, and the marks they put on credit reports."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.domain.disputes import OPEN, TURNED_DOWN, UNDER_INVESTIGATION
from app.domain.errors import NotFoundError
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks

_SHOWN = (
    select(DisputeRow.__table__, LoanRow.loan_no, LoanRow.zone, BorrowerRow.borrower_no)
    .join(LoanRow, LoanRow.id == DisputeRow.loan_id)
    .join(BorrowerRow, BorrowerRow.id == DisputeRow.borrower_id)
)


def add_dispute(session: Session, row: DisputeRow) -> None:
    """Add one."""
    session.add(row)
    session.flush()


def count_open(session: Session, borrower_id: str) -> int:
    """Return how many cases of a borrower are open."""
    statement = select(func.count()).where(DisputeRow.borrower_id == borrower_id, DisputeRow.state.in_(OPEN))
    return session.scalar(statement) or 0


def find_same_before(session: Session, row: DisputeRow, *, since: datetime) -> DisputeRow | None:
    """Return the newest case about this loan on this ground before it, rejected or taken back; None: none since then.

    One that was rejected counts from its answer, one that was taken back from the day it came.
    """
    statement = (
        select(DisputeRow)
        .where(
            DisputeRow.loan_id == row.loan_id,
            DisputeRow.borrower_id == row.borrower_id,
            DisputeRow.ground == row.ground,
            DisputeRow.state.in_(TURNED_DOWN),
            tuple_(DisputeRow.received_at, DisputeRow.id) < (row.received_at, row.id),
            func.coalesce(DisputeRow.answered_at, DisputeRow.received_at) >= since,
        )
        .order_by(DisputeRow.received_at.desc(), DisputeRow.id.desc())
        .limit(1)
    )
    return session.scalar(statement)


def load_own(session: Session, borrower_id: str, dispute_id: str) -> DisputeRow:
    """Return a borrower's own case to change; the caller holds their agenda row. Raises NotFoundError."""
    statement = select(DisputeRow).where(DisputeRow.id == dispute_id, DisputeRow.borrower_id == borrower_id)
    row = session.scalar(statement.execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError("There is no such dispute.")
    return row


def get_owner(session: Session, lender_id: str, dispute_id: str) -> str:
    """Return whose case of this lender it is. Raises NotFoundError."""
    statement = select(DisputeRow.borrower_id).where(DisputeRow.id == dispute_id, DisputeRow.lender_id == lender_id)
    owner = session.scalar(statement)
    if owner is None:
        raise NotFoundError(f"There is no dispute {dispute_id}.")
    return owner


def find_dispute(session: Session, dispute_id: str) -> DisputeRow | None:
    """Return a case of whomever, as it stands now, or None."""
    return session.get(DisputeRow, dispute_id, populate_existing=True)


def get_shown(
    reads: Connection | Session, dispute_id: str, *, borrower_id: str | None = None, lender_id: str | None = None
) -> Any:
    """Return a case with the numbers of its loan and borrower, of that borrower or lender only. Raises NotFoundError."""
    statement = _SHOWN.where(DisputeRow.id == dispute_id)
    if borrower_id is not None:
        statement = statement.where(DisputeRow.borrower_id == borrower_id)
    if lender_id is not None:
        statement = statement.where(DisputeRow.lender_id == lender_id)
    row = reads.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such dispute.")
    return row


def page_own(
    reads: Connection | Session, borrower_id: str, loan_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return a borrower's own cases about a loan, newest first by (received_at, id)."""
    statement = (
        _SHOWN.where(DisputeRow.borrower_id == borrower_id, DisputeRow.loan_id == loan_id)
        .order_by(DisputeRow.received_at.desc(), DisputeRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(DisputeRow.received_at, DisputeRow.id) < before)
    return reads.execute(statement).all()


def page_of_lender(
    reads: Connection | Session,
    lender_id: str,
    *,
    states: Collection[str],
    due_until: date | None = None,
    overdue: bool = False,
    escalated: bool = False,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> Sequence[Any]:
    """Return a lender's cases in these states, oldest first, following `after` (received_at, id). `due_until`: inclusive."""
    statement = (
        _SHOWN.where(DisputeRow.lender_id == lender_id, DisputeRow.state.in_(list(states)))
        .order_by(DisputeRow.received_at, DisputeRow.id)
        .limit(limit)
    )
    if due_until is not None:
        statement = statement.where(DisputeRow.answer_due_on <= due_until)
    if overdue:
        statement = statement.where(DisputeRow.breached_at.is_not(None))
    if escalated:
        statement = statement.where(DisputeRow.escalated_at.is_not(None))
    if after is not None:
        at, row_id = after
        later = and_(DisputeRow.received_at == at, DisputeRow.id > row_id)
        statement = statement.where(or_(DisputeRow.received_at > at, later))
    return reads.execute(statement).all()


def dispute_marks(session: Session, loan_ids: Collection[str]) -> Mapping[str, str]:
    """Return loan -> the mark its credit report carries: XB while a case is open, else what the newest answer left.

    XB under investigation, XC resolved and the consumer disagrees, XH formerly disputed (Metro 2 compliance condition
    codes). In China XB stands for the annotation that the report is objected to (`dispute_annotation` of the law packs).
    Loans without a case are absent.
    """
    found: dict[str, str] = {}
    for part in chunks(loan_ids):
        statement = (
            select(DisputeRow.loan_id, DisputeRow.credit_mark)
            .where(DisputeRow.loan_id.in_(part), DisputeRow.credit_mark.is_not(None))
            .order_by(DisputeRow.answered_at, DisputeRow.received_at, DisputeRow.id)
        )
        for loan_id, mark in session.execute(statement):
            if mark is not None and found.get(loan_id) != UNDER_INVESTIGATION:
                found[loan_id] = mark
    return found
