"""Conversations: what a borrower writes to us on any channel, and what is answered."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base


class ConversationRow(Base):
    """One thread with one borrower. A new word from the borrower joins the one that is open."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    status: Mapped[str] = mapped_column(String(12), default="open")
    """open, pending (we wait for the borrower), resolved."""
    channel: Mapped[str] = mapped_column(String(16))
    """Of the borrower's last word: an answer goes there."""
    opened_at: Mapped[datetime] = mapped_column(Instant)
    waiting_since: Mapped[datetime | None] = mapped_column(Instant)
    """Since when the borrower waits for an answer."""
    last_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_conversations_borrower_id", "borrower_id", "status"),
        Index("ix_conversations_status", "status", "waiting_since"),
    )


class ConversationMessageRow(Base):
    """One word in a conversation."""

    __tablename__ = "conversation_messages"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(Id, ForeignKey("conversations.id"))
    borrower_id: Mapped[str] = mapped_column(Id)
    source_key: Mapped[str] = mapped_column(String(240))
    """Provider and its event: the same word again is the same row."""
    direction: Mapped[str] = mapped_column(String(8))
    """inbound, outbound."""
    channel: Mapped[str] = mapped_column(String(16))
    author: Mapped[str] = mapped_column(String(80))
    """borrower, or who answered."""
    in_reply_to: Mapped[str | None] = mapped_column(Id)
    """Our message it answers."""
    text_sealed: Mapped[bytes] = mapped_column(Sealed)
    created_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("source_key"),
        Index("ix_conversation_messages_conversation_id", "conversation_id", "created_at"),
    )
