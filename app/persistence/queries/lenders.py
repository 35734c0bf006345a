"""Lenders by code or id."""

from collections.abc import Sequence

from sqlalchemy import Connection, select
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


def lock_lender(session: Session, lender_id: str) -> None:
    """Have one transaction at a time past here for a lender. Rows that point to the lender are still added meanwhile."""
    session.execute(select(LenderRow.id).where(LenderRow.id == lender_id).with_for_update(key_share=True))


def get_lender_code(reads: Connection, lender_id: str) -> str:
    """Return the code of a lender who exists."""
    return reads.execute(select(LenderRow.code).where(LenderRow.id == lender_id)).scalar_one()


def get_zone(reads: Connection | Session, lender_id: str) -> str:
    """Return the zone of a lender that exists."""
    return reads.execute(select(LenderRow.zone).where(LenderRow.id == lender_id)).scalar_one()


def get_jurisdiction(reads: Connection, lender_id: str) -> str:
    """Return the jurisdiction of a lender who exists: a country, or EU."""
    return reads.execute(select(LenderRow.jurisdiction).where(LenderRow.id == lender_id)).scalar_one()


def find_lenders(session: Session) -> Sequence[LenderRow]:
    """Return all lenders by code; an installation has a handful."""
    return session.scalars(select(LenderRow).order_by(LenderRow.code)).all()
