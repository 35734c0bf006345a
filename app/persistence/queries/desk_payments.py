"""Payments taken in at the desk."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, tuple_
from sqlalchemy.orm import Session

from app.domain.desk_payments import DeskPaymentState
from app.domain.errors import NotFoundError
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.desk_acts import DeskEntryRow, DeskPaymentRow
from app.persistence.models.loans import LoanRow

_WAITING = DeskPaymentState.WAITING.value


def add_desk_payment(session: Session, row: DeskPaymentRow) -> None:
    """Add it at once."""
    session.add(row)
    session.flush()


def get_owner(session: Session, payment_id: str, lender_id: str) -> str:
    """Return whose payment it is, if it is of this lender. Raises NotFoundError."""
    statement = select(DeskPaymentRow.borrower_id).where(
        DeskPaymentRow.id == payment_id, DeskPaymentRow.lender_id == lender_id
    )
    owner = session.scalar(statement)
    if owner is None:
        raise NotFoundError("There is no such payment.")
    return owner


def get_desk_payment(session: Session, payment_id: str) -> DeskPaymentRow:
    """Return it as it stands now. The caller holds the agenda row."""
    return session.get_one(DeskPaymentRow, payment_id, populate_existing=True)


def find_receipt(session: Session, lender_id: str, receipt: str) -> DeskPaymentRow | None:
    """Return the payment that counts under a receipt: one that waits or is booked."""
    statement = select(DeskPaymentRow).where(
        DeskPaymentRow.lender_id == lender_id,
        DeskPaymentRow.receipt == receipt,
        DeskPaymentRow.state.in_((_WAITING, DeskPaymentState.BOOKED.value)),
    )
    return session.scalar(statement)


def find_waiting_alike(session: Session, loan_id: str, *, on: date, amount_minor: int) -> list[str]:
    """Return the references of payments of that loan, day and amount that wait for approval."""
    statement = select(DeskPaymentRow.reference).where(
        DeskPaymentRow.loan_id == loan_id,
        DeskPaymentRow.state == _WAITING,
        DeskPaymentRow.effective_on == on,
        DeskPaymentRow.amount_minor == amount_minor,
    )
    return sorted(session.scalars(statement))


def sum_booked_alone(session: Session, lender_id: str, by: str, currency: str, *, since: datetime, until: datetime) -> int:
    """Return what somebody booked without anybody else in a span, `until` exclusive, and was not taken back; minor units."""
    statement = select(func.coalesce(func.sum(DeskPaymentRow.amount_minor), 0)).where(
        DeskPaymentRow.lender_id == lender_id,
        DeskPaymentRow.state == DeskPaymentState.BOOKED.value,
        DeskPaymentRow.requested_at >= since,
        DeskPaymentRow.requested_at < until,
        DeskPaymentRow.requested_by == by,
        DeskPaymentRow.decided_by == by,
        DeskPaymentRow.currency == currency,
    )
    return int(session.execute(statement).scalar_one())


def get_shown(reads: Connection | Session, payment_id: str, *, lender_id: str) -> Any:
    """Return one with the numbers of loan and borrower and the core's word of it. Raises NotFoundError."""
    row = reads.execute(_shown(lender_id).where(DeskPaymentRow.id == payment_id)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such payment.")
    return row


def find_of_borrower(reads: Connection | Session, borrower_id: str, *, lender_id: str, limit: int = 100) -> Sequence[Any]:
    """Return a borrower's, newest first, at most `limit`."""
    statement = _shown(lender_id).where(DeskPaymentRow.borrower_id == borrower_id)
    return reads.execute(statement.order_by(DeskPaymentRow.requested_at.desc(), DeskPaymentRow.id.desc()).limit(limit)).all()


def page_waiting(
    reads: Connection | Session, lender_id: str, *, after: tuple[datetime, str] | None = None, limit: int
) -> Sequence[Any]:
    """Return those that wait for approval, oldest first, following `after`."""
    statement = _shown(lender_id).where(DeskPaymentRow.state == _WAITING)
    if after is not None:
        statement = statement.where(tuple_(DeskPaymentRow.requested_at, DeskPaymentRow.id) > after)
    return reads.execute(statement.order_by(DeskPaymentRow.requested_at, DeskPaymentRow.id).limit(limit)).all()


def _shown(lender_id: str) -> Select[Any]:
    return (
        select(
            *DeskPaymentRow.__table__.columns,
            LoanRow.loan_no,
            BorrowerRow.borrower_no,
            DeskEntryRow.told_at,
            DeskEntryRow.told_as,
        )
        .join(LoanRow, LoanRow.id == DeskPaymentRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == DeskPaymentRow.borrower_id)
        .outerjoin(DeskEntryRow, DeskEntryRow.entry_id == DeskPaymentRow.entry_id)
        .where(DeskPaymentRow.lender_id == lender_id)
    )
