"""Conversations and their words. What a borrower may see filters by the borrower."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.orm import Session

from app.persistence.models.conversations import ConversationMessageRow, ConversationRow
from app.persistence.models.messages import MessageRow

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEFT = ("sending", "sent", "delivered", "uncertain", "failed")


def find_last(session: Session, borrower_id: str) -> ConversationRow | None:
    """Return a borrower's newest conversation, whatever its status; the caller holds the borrower's agenda row."""
    statement = (
        select(ConversationRow)
        .where(ConversationRow.borrower_id == borrower_id)
        .order_by(ConversationRow.last_at.desc(), ConversationRow.id.desc())
        .limit(1)
    )
    return session.scalar(statement.with_for_update())


def get_conversation(reads: Connection | Session, borrower_id: str, conversation_id: str) -> Any:
    """Return the columns of a borrower's own conversation, or None."""
    statement = select(ConversationRow.__table__).where(
        ConversationRow.id == conversation_id, ConversationRow.borrower_id == borrower_id
    )
    return reads.execute(statement).one_or_none()


def find_word(session: Session, source_key: str) -> ConversationMessageRow | None:
    """Return the word of that source, or None."""
    return session.scalar(select(ConversationMessageRow).where(ConversationMessageRow.source_key == source_key))


def page_conversations(
    reads: Connection, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return a borrower's conversations, the one with the newest word first, by (last_at, id)."""
    statement = (
        select(ConversationRow.__table__)
        .where(ConversationRow.borrower_id == borrower_id)
        .order_by(ConversationRow.last_at.desc(), ConversationRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(ConversationRow.last_at, ConversationRow.id) < before)
    return reads.execute(statement).all()


def page_words(
    reads: Connection | Session,
    borrower_id: str,
    conversation_id: str,
    *,
    before: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> Sequence[Any]:
    """Return words of a borrower's own conversation, newest first by (created_at, id)."""
    statement = (
        select(ConversationMessageRow.__table__)
        .where(ConversationMessageRow.conversation_id == conversation_id, ConversationMessageRow.borrower_id == borrower_id)
        .order_by(ConversationMessageRow.created_at.desc(), ConversationMessageRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(ConversationMessageRow.created_at, ConversationMessageRow.id) < before)
    return reads.execute(statement).all()


def find_answered(
    session: Session, borrower_ids: Sequence[str], *, channel: str, at: datetime, within: timedelta
) -> MessageRow | None:
    """Return the newest message that went out to one of these borrowers on a channel so shortly before, or None."""
    statement = (
        select(MessageRow)
        .where(
            MessageRow.borrower_id.in_(borrower_ids),
            MessageRow.channel == channel,
            MessageRow.created_at >= at - within,
            MessageRow.not_before <= at,
            MessageRow.state.in_(_LEFT),
            MessageRow.message_class != "security",
        )
        .order_by(MessageRow.created_at.desc(), MessageRow.id.desc())
        .limit(1)
    )
    return session.scalar(statement)


def find_message(session: Session, message_id: str) -> MessageRow | None:
    """Return a message of ours, or None, also for what is no id."""
    return session.get(MessageRow, message_id) if _ID.fullmatch(message_id) else None
