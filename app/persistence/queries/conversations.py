"""Conversations and their words. What a borrower may see filters by the borrower."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow, ReplyCopyRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import DecisionRow

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEFT = ("sending", "sent", "delivered", "uncertain", "failed")


def find_newest(session: Session, borrower_id: str, *, lender_id: str | None, limit: int = 20) -> Sequence[ConversationRow]:
    """Return a borrower's newest conversations, those with another lender left out; the caller holds the agenda row."""
    statement = (
        select(ConversationRow)
        .where(ConversationRow.borrower_id == borrower_id)
        .order_by(ConversationRow.last_at.desc(), ConversationRow.id.desc())
        .limit(limit)
    )
    if lender_id is not None:
        statement = statement.where(or_(ConversationRow.lender_id.is_(None), ConversationRow.lender_id == lender_id))
    return session.scalars(statement.with_for_update()).all()


def load_conversation(session: Session, conversation_id: str, *, borrower_id: str | None = None) -> ConversationRow:
    """Return a conversation and lock it; the caller holds the borrower's agenda row. Raises NotFoundError."""
    statement = select(ConversationRow).where(ConversationRow.id == conversation_id)
    if borrower_id is not None:
        statement = statement.where(ConversationRow.borrower_id == borrower_id)
    row = session.scalar(statement.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError("There is no such conversation.")
    return row


def find_about(session: Session, borrower_id: str, subject_id: str) -> ConversationRow | None:
    """Return the conversation about a dispute, a request for help or a promise, or None."""
    statement = select(ConversationRow).where(
        ConversationRow.subject_id == subject_id, ConversationRow.borrower_id == borrower_id
    )
    return session.scalar(statement.order_by(ConversationRow.id).limit(1).with_for_update())


def exists_word(session: Session, conversation_id: str, word_id: str) -> bool:
    """Return whether a word is of that conversation."""
    statement = select(ConversationMessageRow.id).where(
        ConversationMessageRow.id == word_id, ConversationMessageRow.conversation_id == conversation_id
    )
    return session.scalar(statement) is not None


def count_after(session: Session | Connection, conversation_id: str, word_id: str | None, *, direction: str) -> int:
    """Return how many words of a direction came after a word."""
    statement = select(func.count()).where(
        ConversationMessageRow.conversation_id == conversation_id, ConversationMessageRow.direction == direction
    )
    if word_id is not None:
        statement = statement.where(ConversationMessageRow.id > word_id)
    return session.scalar(statement) or 0


def count_unread(reads: Connection | Session, conversation_ids: Collection[str]) -> dict[str, int]:
    """Return, of conversations, how many answers the borrower has not read; those with none are absent."""
    statement = (
        select(ConversationMessageRow.conversation_id, func.count())
        .join(ConversationRow, ConversationRow.id == ConversationMessageRow.conversation_id)
        .where(
            ConversationMessageRow.conversation_id.in_(conversation_ids),
            ConversationMessageRow.direction == "outbound",
            or_(ConversationRow.borrower_read_to.is_(None), ConversationMessageRow.id > ConversationRow.borrower_read_to),
        )
        .group_by(ConversationMessageRow.conversation_id)
    )
    return {key: number for key, number in reads.execute(statement)} if conversation_ids else {}


def find_lender_of_message(session: Session, message_id: str) -> str | None:
    """Return the lender whose loan a message of ours was about, or None; of several loans, the first decision's."""
    statement = (
        select(LoanRow.lender_id)
        .join(DecisionRow, DecisionRow.loan_id == LoanRow.id)
        .join(MessageRow, MessageRow.contact_id == DecisionRow.contact_id)
        .where(MessageRow.id == message_id)
        .order_by(DecisionRow.id)
        .limit(1)
    )
    return session.scalar(statement)


def find_copied(session: Session, message_id: str) -> str | None:
    """Return the conversation whose answer a message of ours was a copy of, or None."""
    return session.scalar(select(ReplyCopyRow.conversation_id).where(ReplyCopyRow.message_id == message_id))


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
