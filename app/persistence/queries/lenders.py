"""Lenders by code or id."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.lenders import LenderRow


def find_lender(session: Session, code: str) -> LenderRow | None:
    """Return the lender of that code."""
    return session.scalar(select(LenderRow).where(LenderRow.code == code))


def get_lender(session: Session, lender_id: str) -> LenderRow:
    """Return the lender of that id. Raises NotFoundError."""
    row = session.get(LenderRow, lender_id)
    if row is None:
        raise NotFoundError("No such lender.")
    return row


def find_lenders(session: Session) -> Sequence[LenderRow]:
    """Return all lenders by code; an installation has a handful."""
    return session.scalars(select(LenderRow).order_by(LenderRow.code)).all()
