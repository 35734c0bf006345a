"""Refunds of overpaid money."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.refunds import PROVIDER, Claim
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.refunds import RefundRow
from app.persistence.queries.chunks import chunks

MOST_SHOWN = 200
"""More refunds of one loan than anyone reads."""


class DueRefund(NamedTuple):
    """One that is to be sent or asked about, and whose agenda row is its lock."""

    id: str
    borrower_id: str


def find_refund(session: Session, refund_id: str) -> RefundRow | None:
    """Return it as it stands now. The caller holds the agenda row."""
    return session.get(RefundRow, refund_id, populate_existing=True)


def find_refund_owner(session: Session, refund_id: str, lender_id: str) -> str:
    """Return whose refund it is, if it is of this lender. Raises NotFoundError."""
    statement = select(RefundRow.borrower_id).where(RefundRow.id == refund_id, RefundRow.lender_id == lender_id)
    owner = session.scalar(statement)
    if owner is None:
        raise NotFoundError("There is no such refund.")
    return owner


def find_claims(session: Session, loan_id: str, *, without: str | None = None) -> list[Claim]:
    """Return what the loan's refunds lay claim to; `without`: not this one's."""
    statement = select(RefundRow.state, RefundRow.amount_minor).where(RefundRow.loan_id == loan_id)
    if without is not None:
        statement = statement.where(RefundRow.id != without)
    return [Claim(*row) for row in session.execute(statement)]


def find_refunds(reads: Connection | Session, borrower_id: str, loan_id: str) -> Sequence[Any]:
    """Return the refunds of a borrower's loan, newest first."""
    statement = (
        select(*RefundRow.__table__.columns)
        .where(RefundRow.borrower_id == borrower_id, RefundRow.loan_id == loan_id)
        .order_by(RefundRow.requested_at.desc(), RefundRow.id.desc())
        .limit(MOST_SHOWN)
    )
    return reads.execute(statement).all()


def page_refunds(
    reads: Connection,
    lender_id: str,
    *,
    state: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Any]:
    """Return a lender's refunds with the numbers of borrower and loan, oldest first, following `after`."""
    statement = (
        select(*RefundRow.__table__.columns, LoanRow.loan_no, BorrowerRow.borrower_no)
        .join(LoanRow, LoanRow.id == RefundRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == RefundRow.borrower_id)
        .where(RefundRow.lender_id == lender_id)
        .order_by(RefundRow.requested_at, RefundRow.id)
        .limit(limit)
    )
    if state is not None:
        statement = statement.where(RefundRow.state == state)
    if after is not None:
        statement = statement.where(tuple_(RefundRow.requested_at, RefundRow.id) > after)
    return reads.execute(statement).all()


def get_shown(reads: Connection | Session, refund_id: str, lender_id: str) -> Any:
    """Return a lender's refund with the numbers of borrower and loan. Raises NotFoundError."""
    statement = (
        select(*RefundRow.__table__.columns, LoanRow.loan_no, BorrowerRow.borrower_no)
        .join(LoanRow, LoanRow.id == RefundRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == RefundRow.borrower_id)
        .where(RefundRow.id == refund_id, RefundRow.lender_id == lender_id)
    )
    row = reads.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such refund.")
    return row


def find_referenced(session: Session, lender_id: str, references: Collection[str]) -> dict[str, RefundRow]:
    """Return the refunds of a lender that are booked under these references, as they stand now."""
    found: dict[str, RefundRow] = {}
    for part in chunks(references):
        statement = select(RefundRow).where(RefundRow.lender_id == lender_id, RefundRow.reference.in_(part))
        rows = session.scalars(statement, execution_options={"populate_existing": True})
        found |= {row.reference: row for row in rows}
    return found


def find_due(session: Session, *, now: datetime, limit: int) -> list[DueRefund]:
    """Return up to `limit` that are to be sent or asked about, the longest due first."""
    statement = (
        select(RefundRow.id, RefundRow.borrower_id)
        .where(RefundRow.next_look_at <= now)
        .order_by(RefundRow.next_look_at, RefundRow.id)
        .limit(limit)
    )
    return [DueRefund(*row) for row in session.execute(statement)]


def find_of_intent(session: Session, intent_id: str) -> Sequence[RefundRow]:
    """Return the refunds of a payment that go the way it came. The caller holds the agenda row."""
    statement = select(RefundRow).where(RefundRow.intent_id == intent_id, RefundRow.method == PROVIDER)
    return session.scalars(statement).all()
