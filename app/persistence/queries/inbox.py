"""The inbox: messages of channel in_app whose time has come."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal, select, tuple_, update
from sqlalchemy.orm import Session

from app.persistence.column_types import Instant
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import DecisionRow

_COLUMNS = (
    MessageRow.id,
    MessageRow.contact_id,
    MessageRow.message_class,
    MessageRow.template,
    MessageRow.locale,
    MessageRow.text_sealed,
    MessageRow.not_before,
    MessageRow.created_at,
    MessageRow.read_at,
    MessageRow.archived_at,
    MessageRow.settled_at,
)


def _shown(borrower_id: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition for what this borrower may see now."""
    return and_(
        MessageRow.borrower_id == borrower_id,
        MessageRow.channel == "in_app",
        MessageRow.not_before <= now,
        MessageRow.state != "cancelled",
    )


def page_inbox(
    reads: Connection,
    borrower_id: str,
    *,
    archived: bool,
    unread_only: bool,
    before: tuple[datetime, str] | None,
    limit: int,
    now: datetime,
) -> Sequence[Any]:
    """Return up to `limit` messages, newest first by (created_at, id), older than `before`."""
    statement = (
        select(*_COLUMNS)
        .where(_shown(borrower_id, now))
        .where(MessageRow.archived_at.is_not(None) if archived else MessageRow.archived_at.is_(None))
        .order_by(MessageRow.created_at.desc(), MessageRow.id.desc())
        .limit(limit)
    )
    if unread_only:
        statement = statement.where(MessageRow.read_at.is_(None))
    if before is not None:
        statement = statement.where(tuple_(MessageRow.created_at, MessageRow.id) < before)
    return reads.execute(statement).all()


def find_inbox_message(source: Connection | Session, borrower_id: str, message_id: str, *, now: datetime) -> Any:
    """Return one message of this borrower's inbox, or None."""
    return source.execute(select(*_COLUMNS).where(_shown(borrower_id, now), MessageRow.id == message_id)).first()


def count_inbox(source: Connection | Session, borrower_id: str, *, now: datetime) -> Any:
    """Return `total` and `unread` of what is not archived, and `open`: unread or not, and not settled yet."""
    statement = select(
        func.count().label("total"),
        func.count().filter(MessageRow.read_at.is_(None)).label("unread"),
        func.count().filter(MessageRow.settled_at.is_(None)).label("open"),
    ).where(_shown(borrower_id, now), MessageRow.archived_at.is_(None))
    return source.execute(statement).one()


def find_subjects(source: Connection | Session, borrower_id: str, contact_ids: Collection[str]) -> Sequence[Any]:
    """Return the instalments that these contacts are about."""
    return source.execute(
        select(DecisionRow.contact_id, DecisionRow.loan_id, DecisionRow.row_no)
        .where(DecisionRow.borrower_id == borrower_id, DecisionRow.contact_id.in_(contact_ids))
        .order_by(DecisionRow.contact_id, DecisionRow.loan_id, DecisionRow.row_no)
    ).all()


def mark_inbox_message(session: Session, message_id: str, **marks: datetime | None) -> None:
    """Set read_at or archived_at, and raise the version. What was read once has been seen, also when it is unread again."""
    statement = update(MessageRow).where(MessageRow.id == message_id).values(version=MessageRow.version + 1, **marks)
    if marks.get("read_at") is not None:
        first = literal(marks["read_at"], Instant())
        statement = statement.values(seen_at=func.coalesce(MessageRow.seen_at, first))
    session.execute(statement)


def exists_waiting_beside(session: Session, message_id: str) -> bool:
    """Return whether another message of the same contact still waits to leave."""
    contact_id = select(MessageRow.contact_id).where(MessageRow.id == message_id).scalar_subquery()
    waiting = exists().where(MessageRow.contact_id == contact_id, MessageRow.state.in_(("queued", "stale", "sending")))
    return bool(session.scalar(select(waiting)))
