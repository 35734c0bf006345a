"""Arrangements of loans. What a borrower may see filters by the borrower."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select
from sqlalchemy.orm import Session

from app.domain.arrangements import ArrangementState
from app.domain.errors import NotFoundError
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks

MOST_SHOWN = 100


def add_arrangement(session: Session, row: ArrangementRow) -> None:
    """Add an arrangement."""
    session.add(row)
    session.flush()


def find_arrangement(session: Session, arrangement_id: str) -> ArrangementRow | None:
    """Return an arrangement as it stands now."""
    return session.get(ArrangementRow, arrangement_id, populate_existing=True)


def get_arrangement(session: Session, arrangement_id: str, *, lender_id: str) -> ArrangementRow:
    """Return an arrangement of that lender's book as it stands now. Raises NotFoundError."""
    row = find_arrangement(session, arrangement_id)
    if row is None or row.lender_id != lender_id:
        raise NotFoundError("There is no such arrangement.")
    return row


def find_made_by(session: Session, request_id: str) -> ArrangementRow | None:
    """Return what came of a request that was accepted."""
    return session.scalar(select(ArrangementRow).where(ArrangementRow.request_id == request_id))


def find_active(session: Session, loan_ids: Collection[str]) -> Sequence[ArrangementRow]:
    """Return the active arrangements of these loans, at most one of each."""
    found: list[ArrangementRow] = []
    for part in chunks(loan_ids):
        statement = select(ArrangementRow).where(
            ArrangementRow.loan_id.in_(part), ArrangementRow.state == ArrangementState.ACTIVE.value
        )
        found += session.scalars(statement, execution_options={"populate_existing": True})
    return found


def find_agreed(session: Session, loan_ids: Collection[str], at: datetime) -> dict[str, list[datetime]]:
    """Return loan id -> since when an arrangement of it holds, of those that are active at `at`."""
    found: dict[str, list[datetime]] = {}
    for part in chunks(loan_ids):
        statement = select(ArrangementRow.loan_id, ArrangementRow.agreed_at).where(
            ArrangementRow.loan_id.in_(part),
            ArrangementRow.agreed_at <= at,
            or_(ArrangementRow.ended_at.is_(None), ArrangementRow.ended_at > at),
        )
        for loan_id, agreed_at in session.execute(statement):
            found.setdefault(loan_id, []).append(agreed_at)
    return found


def find_all(session: Session, borrower_id: str, loan_id: str) -> Sequence[Any]:
    """Return (kind, state, agreed_on, ended_at, the loan's zone) of every arrangement of a borrower's loan."""
    statement = (
        select(ArrangementRow.kind, ArrangementRow.state, ArrangementRow.agreed_on, ArrangementRow.ended_at, LoanRow.zone)
        .join(LoanRow, LoanRow.id == ArrangementRow.loan_id)
        .where(ArrangementRow.loan_id == loan_id, ArrangementRow.borrower_id == borrower_id)
        .order_by(ArrangementRow.agreed_at)
    )
    return session.execute(statement).all()


def list_arrangements(reads: Connection | Session, loan_id: str, *, borrower_id: str) -> Sequence[Any]:
    """Return a borrower's arrangements of one loan, newest first."""
    statement = (
        select(ArrangementRow.__table__)
        .where(ArrangementRow.loan_id == loan_id, ArrangementRow.borrower_id == borrower_id)
        .order_by(ArrangementRow.agreed_at.desc(), ArrangementRow.id.desc())
        .limit(MOST_SHOWN)
    )
    return reads.execute(statement).all()
