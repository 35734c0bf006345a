"""Copies of answers on other channels."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.persistence.models.conversations import ConversationMessageRow, ConversationRow, ReplyCopyRow


def count_sent(session: Session, conversation_id: str, channel: str, *, since: datetime, but: str) -> int:
    """Return how many answers of a thread have gone out on a channel since then; `but`: one word that is not counted."""
    statement = select(func.count()).where(
        ReplyCopyRow.conversation_id == conversation_id,
        ReplyCopyRow.channel == channel,
        ReplyCopyRow.state == "queued",
        ReplyCopyRow.changed_at >= since,
        ReplyCopyRow.word_id != but,
    )
    return session.scalar(statement) or 0


def find_last_heard(session: Session, borrower_id: str, channel: str) -> datetime | None:
    """Return when a borrower's last word came on a channel, in whichever thread."""
    statement = (
        select(func.max(ConversationMessageRow.created_at))
        .join(ConversationRow, ConversationRow.id == ConversationMessageRow.conversation_id)
        .where(
            ConversationRow.borrower_id == borrower_id,
            ConversationMessageRow.direction == "inbound",
            ConversationMessageRow.channel == channel,
        )
    )
    return session.scalar(statement)


def count_sent_to(session: Session, borrower_id: str, channel: str, *, since: datetime, but: str) -> int:
    """Return how many answers a borrower was given on a channel since then, in all threads; `but`: one not counted."""
    statement = (
        select(func.count())
        .select_from(ReplyCopyRow)
        .join(ConversationRow, ConversationRow.id == ReplyCopyRow.conversation_id)
        .where(
            ConversationRow.borrower_id == borrower_id,
            ReplyCopyRow.channel == channel,
            ReplyCopyRow.state == "queued",
            ReplyCopyRow.changed_at >= since,
            ReplyCopyRow.word_id != but,
        )
    )
    return session.scalar(statement) or 0


def find_by_message(session: Session, message_ids: Collection[str]) -> Sequence[ReplyCopyRow]:
    """Return the copies that these messages are."""
    if not message_ids:
        return ()
    statement = select(ReplyCopyRow).where(ReplyCopyRow.message_id.in_(message_ids), ReplyCopyRow.state == "queued")
    return session.scalars(statement).all()
