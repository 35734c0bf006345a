"""Changes of contact data."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, or_, select
from sqlalchemy.orm import Session

from app.domain.contact_changes import OPEN, ChangeState
from app.domain.errors import NotFoundError
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks

_OPEN = sorted(state.value for state in OPEN)


def add_change(session: Session, row: ContactChangeRow) -> None:
    """Add it at once."""
    session.add(row)
    session.flush()


def get_owner(session: Session, change_id: str, lender_id: str) -> str:
    """Return whose change it is: of a borrower who has a loan of this lender. Raises NotFoundError."""
    statement = (
        select(ContactChangeRow.borrower_id)
        .join(LoanRow, LoanRow.borrower_id == ContactChangeRow.borrower_id)
        .where(ContactChangeRow.id == change_id, LoanRow.lender_id == lender_id)
    )
    owner = session.scalar(statement.limit(1))
    if owner is None:
        raise NotFoundError("There is no such change.")
    return owner


def get_change(session: Session, borrower_id: str, change_id: str) -> ContactChangeRow:
    """Return a borrower's change as it stands now. The caller holds the agenda row. Raises NotFoundError."""
    row = session.get(ContactChangeRow, change_id, populate_existing=True)
    if row is None or row.borrower_id != borrower_id:
        raise NotFoundError("There is no such change.")
    return row


def find_open(session: Session, borrower_ids: Collection[str]) -> Sequence[ContactChangeRow]:
    """Return the changes of these borrowers that are under way, as they stand now."""
    statement = select(ContactChangeRow).where(
        ContactChangeRow.borrower_id.in_(sorted(borrower_ids)), ContactChangeRow.state.in_(_OPEN)
    )
    return session.scalars(statement.order_by(ContactChangeRow.id), execution_options={"populate_existing": True}).all()


def find_held(session: Session, borrower_ids: Collection[str]) -> dict[str, list[ContactChangeRow]]:
    """Return by borrower the changes that a core's word of them must be held against: under way, or kept in force."""
    found: dict[str, list[ContactChangeRow]] = {}
    for part in chunks(borrower_ids):
        statement = (
            select(ContactChangeRow)
            .where(
                ContactChangeRow.borrower_id.in_(part),
                or_(ContactChangeRow.state.in_(_OPEN), ContactChangeRow.keeps_until.is_not(None)),
            )
            .order_by(ContactChangeRow.id)
        )
        for row in session.scalars(statement, execution_options={"populate_existing": True}):
            found.setdefault(row.borrower_id, []).append(row)
    return found


def find_of_borrower(reads: Connection | Session, borrower_id: str, *, limit: int = 50) -> Sequence[Any]:
    """Return a borrower's changes, newest first, at most `limit`."""
    statement = (
        select(*ContactChangeRow.__table__.columns)
        .where(ContactChangeRow.borrower_id == borrower_id)
        .order_by(ContactChangeRow.proposed_at.desc(), ContactChangeRow.id.desc())
        .limit(limit)
    )
    return reads.execute(statement).all()


def find_kept(reads: Connection | Session, borrower_id: str) -> Sequence[Any]:
    """Return the changes in force that a borrower's core has not told of."""
    statement = select(*ContactChangeRow.__table__.columns).where(
        ContactChangeRow.borrower_id == borrower_id, ContactChangeRow.keeps_until.is_not(None)
    )
    return reads.execute(statement.order_by(ContactChangeRow.id)).all()


def get_borrower_row(session: Session, borrower_id: str) -> BorrowerRow:
    """Return the borrower as they stand now."""
    return session.get_one(BorrowerRow, borrower_id, populate_existing=True)


def page_proposed(reads: Connection | Session, lender_id: str, *, limit: int) -> Sequence[Any]:
    """Return the changes proposed at this lender's desk that nobody has proved, with borrower numbers, oldest first."""
    statement = (
        select(*ContactChangeRow.__table__.columns, BorrowerRow.borrower_no)
        .join(BorrowerRow, BorrowerRow.id == ContactChangeRow.borrower_id)
        .where(ContactChangeRow.lender_id == lender_id, ContactChangeRow.state == ChangeState.PROPOSED.value)
        .order_by(ContactChangeRow.proposed_at, ContactChangeRow.id)
        .limit(limit)
    )
    return reads.execute(statement).all()
