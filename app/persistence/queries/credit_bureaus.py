"""At which bureaus lenders are enabled, and what waits for a second person."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.credit_reports import CreditBureauRow
from app.persistence.models.lenders import LenderRow

_ENABLED, _WAITING = "enabled", "waiting"


def add_bureau(session: Session, row: CreditBureauRow) -> None:
    """Add what is asked for."""
    session.add(row)
    session.flush()


def load_bureau(session: Session, lender_id: str, bureau_id: str) -> CreditBureauRow:
    """Return a lender's own to change, locked. Raises NotFoundError."""
    statement = select(CreditBureauRow).where(CreditBureauRow.id == bureau_id, CreditBureauRow.lender_id == lender_id)
    row = session.scalar(statement.with_for_update(), execution_options={"populate_existing": True})
    if row is None:
        raise NotFoundError("There is no such bureau of this lender.")
    return row


def find_enabled(session: Session, lender_id: str, bureau: str) -> CreditBureauRow | None:
    """Return the setting by which a lender reports to a bureau now, or None."""
    statement = select(CreditBureauRow).where(
        CreditBureauRow.lender_id == lender_id, CreditBureauRow.bureau == bureau, CreditBureauRow.state == _ENABLED
    )
    return session.scalar(statement)


def get_bureau(session: Session, bureau_id: str) -> CreditBureauRow:
    """Return a setting by its id."""
    return session.get_one(CreditBureauRow, bureau_id)


def find_bureaus(reads: Connection | Session, lender_id: str) -> Sequence[Any]:
    """Return all that was ever set of a lender's bureaus, the newest first."""
    statement = (
        select(CreditBureauRow.__table__, LenderRow.code.label("lender_code"))
        .join(LenderRow, LenderRow.id == CreditBureauRow.lender_id)
        .where(CreditBureauRow.lender_id == lender_id)
        .order_by(CreditBureauRow.requested_at.desc(), CreditBureauRow.id.desc())
    )
    return reads.execute(statement).all()


def find_waiting(reads: Connection | Session, lender_id: str) -> Sequence[Any]:
    """Return what waits for a second person, the oldest first."""
    statement = (
        select(CreditBureauRow.__table__)
        .where(CreditBureauRow.lender_id == lender_id, CreditBureauRow.state == _WAITING)
        .order_by(CreditBureauRow.requested_at, CreditBureauRow.id)
    )
    return reads.execute(statement).all()


def find_all_enabled(session: Session) -> Sequence[tuple[str, str]]:
    """Return (lender, bureau) of all that are enabled."""
    statement = select(CreditBureauRow.lender_id, CreditBureauRow.bureau).where(CreditBureauRow.state == _ENABLED)
    rows = session.execute(statement.order_by(CreditBureauRow.lender_id, CreditBureauRow.bureau))
    return [(row.lender_id, row.bureau) for row in rows]
