"""Loans of which something is or was disputed, as a case, by a hold, or as the core or a bureau told."""

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.loans import LoanRow

_TOLD = ("disputes", "requests")


def page_ever_disputed(session: Session, lender_id: str, *, after: str | None, limit: int) -> dict[str, str]:
    """Return loan -> borrower, by loan, following `after`. Too many is harmless: their gates are asked."""
    people = union(
        select(DisputeRow.borrower_id).where(DisputeRow.lender_id == lender_id),
        select(HoldRow.borrower_id).where(HoldRow.kind == "dispute"),
        select(CaseRecordRow.borrower_id).where(CaseRecordRow.list_name.in_(_TOLD)),
    ).subquery()
    statement = (
        select(LoanRow.id, LoanRow.borrower_id)
        .where(LoanRow.lender_id == lender_id, LoanRow.borrower_id.in_(select(people.c.borrower_id)))
        .order_by(LoanRow.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(LoanRow.id > after)
    return {row.id: row.borrower_id for row in session.execute(statement)}
