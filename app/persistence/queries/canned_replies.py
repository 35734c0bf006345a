"""Canned replies of a lender."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, or_, select
from sqlalchemy.orm import Session

from app.persistence.models.desk_rules import CannedReplyRow

MOST = 500
"""More than anyone looks through."""


def list_replies(reads: Connection | Session, lender_id: str, *, state: str | None, kind: str | None) -> Sequence[Any]:
    """Return a lender's canned replies by key; with a kind those for it and for any."""
    statement = select(CannedReplyRow.__table__).where(CannedReplyRow.lender_id == lender_id)
    if state is not None:
        statement = statement.where(CannedReplyRow.state == state)
    if kind is not None:
        statement = statement.where(or_(CannedReplyRow.kind.is_(None), CannedReplyRow.kind == kind))
    return reads.execute(statement.order_by(CannedReplyRow.key).limit(MOST)).all()


def find_reply(session: Session, lender_id: str, reply_id: str, *, lock: bool = False) -> CannedReplyRow | None:
    """Return a lender's canned reply, or None; perhaps to change it."""
    statement = select(CannedReplyRow).where(CannedReplyRow.id == reply_id, CannedReplyRow.lender_id == lender_id)
    return session.scalar(statement.with_for_update() if lock else statement)


def find_named(session: Session, lender_id: str, key: str) -> CannedReplyRow | None:
    """Return a lender's canned reply of that key, or None."""
    statement = select(CannedReplyRow).where(CannedReplyRow.lender_id == lender_id, CannedReplyRow.key == key)
    return session.scalar(statement)
