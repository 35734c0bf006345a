"""Requests of borrowers about contact. Ended ones are kept."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.contact_requests import ContactRequestRow
from app.persistence.models.preferences import ContactPreferenceRow

MOST_SHOWN = 200


def add_request(session: Session, row: ContactRequestRow) -> None:
    """Add one."""
    session.add(row)
    session.flush()


def find_standing(session: Session, borrower_id: str, kind: str) -> ContactRequestRow | None:
    """Return the borrower's request of that kind that has not ended; the caller holds their agenda row."""
    statement = select(ContactRequestRow).where(
        ContactRequestRow.borrower_id == borrower_id, ContactRequestRow.kind == kind, ContactRequestRow.ended_at.is_(None)
    )
    return session.scalar(statement.execution_options(populate_existing=True).limit(1))


def load_own(session: Session, borrower_id: str, request_id: str) -> ContactRequestRow:
    """Return a borrower's own request to change. Raises NotFoundError."""
    statement = select(ContactRequestRow).where(
        ContactRequestRow.id == request_id, ContactRequestRow.borrower_id == borrower_id
    )
    row = session.scalar(statement.execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError("There is no such request.")
    return row


def find_requests(reads: Connection | Session, borrower_id: str) -> Sequence[Any]:
    """Return a borrower's newest requests, newest first."""
    statement = (
        select(ContactRequestRow.__table__)
        .where(ContactRequestRow.borrower_id == borrower_id)
        .order_by(ContactRequestRow.recorded_at.desc(), ContactRequestRow.id.desc())
        .limit(MOST_SHOWN)
    )
    return reads.execute(statement).all()


def add_wish(session: Session, row: ContactPreferenceRow) -> None:
    """Add the wish that a request makes."""
    session.add(row)
    session.flush()


def find_wish(session: Session, wish_id: str) -> ContactPreferenceRow | None:
    """Return a wish."""
    return session.get(ContactPreferenceRow, wish_id)
