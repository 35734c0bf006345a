"""Requests for another plan, and who approved them. What a borrower may see filters by the borrower."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.plan_requests import WAITING, Approval
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.plan_requests import PlanApprovalRow, PlanRequestRow

_SHOWN = (
    select(
        PlanRequestRow.__table__,
        LoanRow.loan_no,
        BorrowerRow.borrower_no,
        ArrangementRow.id.label("arrangement_id"),
    )
    .join(LoanRow, LoanRow.id == PlanRequestRow.loan_id)
    .join(BorrowerRow, BorrowerRow.id == PlanRequestRow.borrower_id)
    .outerjoin(ArrangementRow, ArrangementRow.request_id == PlanRequestRow.id)
)
_NEWEST_FIRST = (PlanRequestRow.requested_at.desc(), PlanRequestRow.id.desc())


def add_request(session: Session, row: PlanRequestRow) -> None:
    """Add a request."""
    session.add(row)
    session.flush()


def get_request(
    session: Session, request_id: str, *, borrower_id: str | None = None, lender_id: str | None = None
) -> PlanRequestRow:
    """Return a request as it stands now, if it is that borrower's or that lender's. Raises NotFoundError."""
    row = session.get(PlanRequestRow, request_id, populate_existing=True)
    if row is None or borrower_id not in (None, row.borrower_id) or lender_id not in (None, row.lender_id):
        raise NotFoundError("There is no such request.")
    return row


def get_owner(session: Session, request_id: str, lender_id: str) -> str:
    """Return whose request of that lender's book it is. Raises NotFoundError."""
    statement = select(PlanRequestRow.borrower_id).where(
        PlanRequestRow.id == request_id, PlanRequestRow.lender_id == lender_id
    )
    borrower_id = session.scalar(statement)
    if borrower_id is None:
        raise NotFoundError("There is no such request.")
    return borrower_id


def find_waiting(session: Session, loan_ids: Collection[str]) -> Sequence[PlanRequestRow]:
    """Return the requests about these loans that still wait for somebody."""
    statement = select(PlanRequestRow).where(
        PlanRequestRow.loan_id.in_(loan_ids), PlanRequestRow.state.in_([state.value for state in WAITING])
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def exists_held_since(session: Session, loan_id: str, since: datetime) -> bool:
    """Return whether a request about the loan put a hold since then."""
    statement = select(PlanRequestRow.id).where(
        PlanRequestRow.loan_id == loan_id, PlanRequestRow.hold_id.is_not(None), PlanRequestRow.requested_at > since
    )
    return session.scalar(statement.limit(1)) is not None


def get_shown(
    reads: Connection | Session, request_id: str, *, borrower_id: str | None = None, lender_id: str | None = None
) -> Any:
    """Return a request with its loan number, borrower number and arrangement. Raises NotFoundError."""
    row = reads.execute(_of(borrower_id, lender_id).where(PlanRequestRow.id == request_id)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such request.")
    return row


def page_shown(
    reads: Connection,
    *,
    borrower_id: str | None = None,
    lender_id: str | None = None,
    state: str | None = None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Any]:
    """Return requests, newest first by (requested_at, id), of a borrower or of a lender, in one state or all."""
    statement = _of(borrower_id, lender_id).order_by(*_NEWEST_FIRST).limit(limit)
    if state is not None:
        statement = statement.where(PlanRequestRow.state == state)
    if before is not None:
        statement = statement.where(tuple_(PlanRequestRow.requested_at, PlanRequestRow.id) < before)
    return reads.execute(statement).all()


def _of(borrower_id: str | None, lender_id: str | None) -> Any:
    statement = _SHOWN
    if borrower_id is not None:
        statement = statement.where(PlanRequestRow.borrower_id == borrower_id)
    if lender_id is not None:
        statement = statement.where(PlanRequestRow.lender_id == lender_id)
    return statement


def add_approval(session: Session, row: PlanApprovalRow) -> None:
    """Add one person's decision."""
    session.add(row)
    session.flush()


def find_approvals(reads: Connection | Session, request_id: str) -> Sequence[Any]:
    """Return who decided what about a request, oldest first."""
    table = PlanApprovalRow.__table__
    return reads.execute(select(table).where(table.c.request_id == request_id).order_by(table.c.at, table.c.id)).all()


def approvals_of(session: Session, request_id: str) -> list[Approval]:
    """Return the decisions about a request as the domain takes them."""
    return [Approval(row.staff, row.decision == "approve") for row in find_approvals(session, request_id)]
