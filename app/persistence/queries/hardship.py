"""Requests for help with money trouble: a borrower's own, and those a lender's desk sees."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.hardship import OPEN
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.hardship import HardshipRequestRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow

_SHOWN = (
    select(HardshipRequestRow.__table__, LoanRow.loan_no, BorrowerRow.borrower_no, LenderRow.code.label("lender_code"))
    .join(BorrowerRow, BorrowerRow.id == HardshipRequestRow.borrower_id)
    .outerjoin(LoanRow, LoanRow.id == HardshipRequestRow.loan_id)
    .outerjoin(LenderRow, LenderRow.id == HardshipRequestRow.lender_id)
)


def add_request(session: Session, row: HardshipRequestRow) -> None:
    """Add one."""
    session.add(row)
    session.flush()


def find_open_id(session: Session, borrower_id: str) -> str | None:
    """Return the id of the borrower's open request, or None; the caller holds their agenda row."""
    statement = select(HardshipRequestRow.id).where(
        HardshipRequestRow.borrower_id == borrower_id, HardshipRequestRow.state.in_(OPEN)
    )
    return session.scalar(statement.limit(1))


def load_own(session: Session, borrower_id: str, request_id: str) -> HardshipRequestRow:
    """Return a borrower's own request to change; the caller holds their agenda row. Raises NotFoundError."""
    statement = select(HardshipRequestRow).where(
        HardshipRequestRow.id == request_id, HardshipRequestRow.borrower_id == borrower_id
    )
    row = session.scalar(statement.execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError("There is no such request.")
    return row


def get_owner(session: Session, lender_id: str, request_id: str) -> str:
    """Return whose request it is, if this lender may see it. Raises NotFoundError."""
    statement = select(HardshipRequestRow.borrower_id).where(HardshipRequestRow.id == request_id, _seen_by(lender_id))
    owner = session.scalar(statement)
    if owner is None:
        raise NotFoundError(f"There is no hardship request {request_id}.")
    return owner


def find_request(session: Session, request_id: str) -> HardshipRequestRow | None:
    """Return a request of whomever, as it stands now, or None."""
    return session.get(HardshipRequestRow, request_id, populate_existing=True)


def get_shown(
    reads: Connection | Session, request_id: str, *, borrower_id: str | None = None, lender_id: str | None = None
) -> Any:
    """Return a request with the numbers of its loan and borrower, if they may see it. Raises NotFoundError."""
    statement = _SHOWN.where(HardshipRequestRow.id == request_id)
    if borrower_id is not None:
        statement = statement.where(HardshipRequestRow.borrower_id == borrower_id)
    if lender_id is not None:
        statement = statement.where(_seen_by(lender_id))
    row = reads.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such request.")
    return row


def page_own(
    reads: Connection | Session, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return a borrower's own requests, newest first by (opened_at, id)."""
    statement = (
        _SHOWN.where(HardshipRequestRow.borrower_id == borrower_id)
        .order_by(HardshipRequestRow.opened_at.desc(), HardshipRequestRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(HardshipRequestRow.opened_at, HardshipRequestRow.id) < before)
    return reads.execute(statement).all()


def find_of_borrower(reads: Connection | Session, lender_id: str, borrower_id: str, *, limit: int) -> Sequence[Any]:
    """Return what a lender may see of a borrower's requests, newest first, at most `limit`."""
    statement = _SHOWN.where(HardshipRequestRow.borrower_id == borrower_id, _seen_by(lender_id))
    newest_first = (HardshipRequestRow.opened_at.desc(), HardshipRequestRow.id.desc())
    return reads.execute(statement.order_by(*newest_first).limit(limit)).all()


def page_of_lender(
    reads: Connection | Session,
    lender_id: str,
    *,
    states: Collection[str],
    due_until: date | None = None,
    overdue: bool = False,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> Sequence[Any]:
    """Return the requests a lender sees, oldest first, following `after` (opened_at, id). `due_until`: inclusive."""
    statement = (
        _SHOWN.where(_seen_by(lender_id), HardshipRequestRow.state.in_(list(states)))
        .order_by(HardshipRequestRow.opened_at, HardshipRequestRow.id)
        .limit(limit)
    )
    if due_until is not None:
        statement = statement.where(HardshipRequestRow.review_due_on <= due_until)
    if overdue:
        statement = statement.where(HardshipRequestRow.breached_at.is_not(None))
    if after is not None:
        at, row_id = after
        later = and_(HardshipRequestRow.opened_at == at, HardshipRequestRow.id > row_id)
        statement = statement.where(or_(HardshipRequestRow.opened_at > at, later))
    return reads.execute(statement).all()


def find_lenders_of(session: Session, borrower_id: str) -> Sequence[tuple[str, str]]:
    """Return (lender, zone of a loan) of a borrower's loans, the active ones first, then the newest."""
    statement = (
        select(LoanRow.lender_id, LoanRow.zone)
        .where(LoanRow.borrower_id == borrower_id)
        .order_by((LoanRow.status == "active").desc(), LoanRow.id.desc())
    )
    return [(lender_id, zone) for lender_id, zone in session.execute(statement)]


def _seen_by(lender_id: str) -> ColumnElement[bool]:
    """A request to this lender, or to no one lender from somebody who has a loan there.

    As a value and not by EXISTS: that is turned into a hash of all loans, however few requests are looked at.
    """
    owes = select(LoanRow.lender_id).where(
        LoanRow.borrower_id == HardshipRequestRow.borrower_id, LoanRow.lender_id == lender_id
    )
    owed = owes.limit(1).correlate(HardshipRequestRow).scalar_subquery() == lender_id
    return or_(HardshipRequestRow.lender_id == lender_id, and_(HardshipRequestRow.lender_id.is_(None), owed))
