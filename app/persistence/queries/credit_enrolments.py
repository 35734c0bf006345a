"""Which loans are reported."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, select, update
from sqlalchemy.orm import Session

from app.domain.credit_gates import POSITIVE
from app.persistence.models.credit_reports import CreditEnrolmentRow
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.queries.chunks import chunks

_ACTIVE = "active"


def find_enrolments(session: Session, loan_ids: Collection[str]) -> dict[str, Any]:
    """Return loan -> the enrolment that stands (id, kind, notice_message_id, started_at)."""
    found: dict[str, Any] = {}
    for part in chunks(loan_ids):
        statement = select(
            CreditEnrolmentRow.loan_id, CreditEnrolmentRow.id, CreditEnrolmentRow.kind,
            CreditEnrolmentRow.notice_message_id, CreditEnrolmentRow.started_at,
        ).where(CreditEnrolmentRow.loan_id.in_(part), CreditEnrolmentRow.ended_at.is_(None))  # fmt: skip
        found |= {row.loan_id: row for row in session.execute(statement)}
    return found


def add_enrolments(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Add enrolments, by column."""
    if rows:
        session.execute(insert(CreditEnrolmentRow), rows)


def mark_ended(session: Session, loan_ids: Collection[str], *, by: str, reason: str, at: datetime) -> None:
    """End the enrolments of these loans that stand."""
    for part in chunks(loan_ids):
        session.execute(
            update(CreditEnrolmentRow)
            .where(CreditEnrolmentRow.loan_id.in_(part), CreditEnrolmentRow.ended_at.is_(None))
            .values(ended_by=by, ended_at=at, end_reason=reason)
        )


def page_not_enrolled(session: Session, lender_id: str, *, after: str | None, limit: int) -> Sequence[Any]:
    """Return a lender's active loans that are not reported: (id, zone, open_rows) by id, following `after`."""
    statement = (
        select(LoanRow.id, LoanRow.zone, PositionSnapshotRow.open_rows)
        .outerjoin(PositionSnapshotRow, PositionSnapshotRow.loan_id == LoanRow.id)
        .outerjoin(CreditEnrolmentRow, and_(CreditEnrolmentRow.loan_id == LoanRow.id, CreditEnrolmentRow.ended_at.is_(None)))
        .where(LoanRow.lender_id == lender_id, LoanRow.status == _ACTIVE, CreditEnrolmentRow.id.is_(None))
        .order_by(LoanRow.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(LoanRow.id > after)
    return session.execute(statement).all()


def page_standing(session: Session, *, after: str | None, limit: int) -> Sequence[Any]:
    """Return loans that are reported as late, with what of them is open: (loan_id, zone, open_rows), following `after`."""
    statement = (
        select(CreditEnrolmentRow.loan_id, LoanRow.zone, PositionSnapshotRow.open_rows)
        .join(LoanRow, LoanRow.id == CreditEnrolmentRow.loan_id)
        .join(PositionSnapshotRow, PositionSnapshotRow.loan_id == CreditEnrolmentRow.loan_id)
        .where(CreditEnrolmentRow.ended_at.is_(None), CreditEnrolmentRow.kind != POSITIVE)
        .order_by(CreditEnrolmentRow.loan_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(CreditEnrolmentRow.loan_id > after)
    return session.execute(statement).all()
