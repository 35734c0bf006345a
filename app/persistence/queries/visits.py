"""Visits: of a lender, of a borrower, those that money may make needless; and what a lender allows."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.visits import VisitRules
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.visits import VisitRow, VisitRulesRow

_SHOWN = select(VisitRow.__table__, BorrowerRow.borrower_no).join(BorrowerRow, BorrowerRow.id == VisitRow.borrower_id)


def get_visit(session: Session, visit_id: str, lender_id: str) -> VisitRow:
    """Return a visit of this lender and lock it. Raises NotFoundError."""
    statement = select(VisitRow).where(VisitRow.id == visit_id, VisitRow.lender_id == lender_id)
    row = session.scalar(statement.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError("There is no such visit.")
    return row


def find_visit(session: Session, visit_id: str) -> VisitRow | None:
    """Return a visit."""
    return session.get(VisitRow, visit_id, populate_existing=True)


def get_shown(reads: Connection | Session, visit_id: str, lender_id: str) -> Any:
    """Return a visit's columns with `borrower_no`. Raises NotFoundError."""
    row = reads.execute(_SHOWN.where(VisitRow.id == visit_id, VisitRow.lender_id == lender_id)).first()
    if row is None:
        raise NotFoundError("There is no such visit.")
    return row


def page_visits(
    reads: Connection | Session,
    lender_id: str,
    *,
    state: str | None = None,
    borrower_no: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> Sequence[Any]:
    """Return visits with their `borrower_no`, the latest first by (from_at, id)."""
    statement = (
        _SHOWN.where(VisitRow.lender_id == lender_id).order_by(VisitRow.from_at.desc(), VisitRow.id.desc()).limit(limit)
    )
    if state is not None:
        statement = statement.where(VisitRow.state == state)
    if borrower_no is not None:
        statement = statement.where(BorrowerRow.borrower_no == borrower_no)
    if before is not None:
        statement = statement.where(tuple_(VisitRow.from_at, VisitRow.id) < before)
    return reads.execute(statement).all()


def find_planned(session: Session, loan_ids: Collection[str]) -> list[VisitRow]:
    """Return the planned visits to the borrowers of these loans; mostly none."""
    owners = select(LoanRow.borrower_id).where(LoanRow.id.in_(loan_ids))
    statement = select(VisitRow).where(VisitRow.borrower_id.in_(owners), VisitRow.state == "planned").order_by(VisitRow.id)
    return list(session.scalars(statement))


def find_loan_numbers(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, str]:
    """Return loan id -> loan number."""
    statement = select(LoanRow.id, LoanRow.loan_no).where(LoanRow.id.in_(loan_ids))
    return {row.id: row.loan_no for row in reads.execute(statement)}


def find_rules(reads: Connection | Session, lender_id: str) -> VisitRules:
    """Return what a lender allows of visits; without a word of theirs what the product allows."""
    statement = select(VisitRulesRow.allowed, VisitRulesRow.workplace, VisitRulesRow.most_people).where(
        VisitRulesRow.lender_id == lender_id
    )
    row = reads.execute(statement).first()
    return VisitRules() if row is None else VisitRules(row.allowed, row.workplace, row.most_people)


def put_rules(session: Session, lender_id: str, rules: VisitRules, *, by: str, now: datetime) -> None:
    """Write what a lender allows of visits."""
    row = session.get(VisitRulesRow, lender_id)
    values = {"allowed": rules.allowed, "workplace": rules.workplace, "most_people": rules.most_people,
              "changed_at": now, "changed_by": by}  # fmt: skip
    if row is None:
        session.add(VisitRulesRow(lender_id=lender_id, **values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()


def find_visit_loans(reads: Connection | Session, visit_id: str, lender_id: str) -> dict[str, str]:
    """Return loan number -> currency of what a visit is about. Raises NotFoundError."""
    loan_ids = get_shown(reads, visit_id, lender_id).loan_ids
    rows = reads.execute(select(LoanRow.loan_no, LoanRow.currency).where(LoanRow.id.in_(loan_ids)).order_by(LoanRow.loan_no))
    return {row.loan_no: row.currency for row in rows}
