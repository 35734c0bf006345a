"""Conversations: what a borrower writes to us on any channel, what is answered, and how the desk works on it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class ConversationRow(Base):
    """One thread with one borrower. A word that names no thread joins the newest one that takes it."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str | None] = mapped_column(Id)
    """Whose desk it is at; None: nobody knows yet, and the first who acts on it takes it."""
    kind: Mapped[str] = mapped_column(String(12), default="question", server_default="question")
    """question, dispute, hardship, promise, callback."""
    loan_id: Mapped[str | None] = mapped_column(Id)
    subject_id: Mapped[str | None] = mapped_column(Id)
    """The dispute, request for help or promise that it is about, by its kind."""
    status: Mapped[str] = mapped_column(String(12), default="open")
    """open, pending (we wait for the borrower), snoozed (put away until an instant), resolved."""
    channel: Mapped[str] = mapped_column(String(16))
    """Of the borrower's last word: an answer goes there too."""
    heard_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the borrower's last word came."""
    language: Mapped[str] = mapped_column(String(16), default="en", server_default="en")
    priority: Mapped[str] = mapped_column(String(8), default="normal", server_default="normal")
    team: Mapped[str | None] = mapped_column(String(40))
    assignee: Mapped[str | None] = mapped_column(String(80))
    """staff:NAME; None: in the queue."""
    had_by: Mapped[str | None] = mapped_column(String(80))
    """Who had it last, also after it went back to the queue."""
    opened_at: Mapped[datetime] = mapped_column(Instant)
    restarted_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it was opened again after it had been resolved."""
    last_at: Mapped[datetime] = mapped_column(Instant)
    snoozed_until: Mapped[datetime | None] = mapped_column(Instant)
    resolved_at: Mapped[datetime | None] = mapped_column(Instant)
    waiting_since: Mapped[datetime | None] = mapped_column(Instant)
    """Since when the borrower waits for an answer."""
    first_answered_at: Mapped[datetime | None] = mapped_column(Instant)
    first_due_at: Mapped[datetime | None] = mapped_column(Instant)
    next_due_at: Mapped[datetime | None] = mapped_column(Instant)
    resolution_due_at: Mapped[datetime | None] = mapped_column(Instant)
    resolution_left_seconds: Mapped[int | None]
    """Of business, while the clock of settling stands still."""
    first_breached_at: Mapped[datetime | None] = mapped_column(Instant)
    next_breached_at: Mapped[datetime | None] = mapped_column(Instant)
    resolution_breached_at: Mapped[datetime | None] = mapped_column(Instant)
    due_at: Mapped[datetime | None] = mapped_column(Instant)
    """What is due first."""
    urgent_at: Mapped[datetime] = mapped_column(Instant, server_default="0")
    """The order of the queue: `due_at`; where nothing is due, far behind, by the last word."""
    unread: Mapped[int] = mapped_column(default=0, server_default="0")
    """Words of the borrower that the desk has not read."""
    staff_read_to: Mapped[str | None] = mapped_column(Id)
    """The last word that the desk has read."""
    borrower_read_to: Mapped[str | None] = mapped_column(Id)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_conversations_borrower_id", "borrower_id", "status"),
        Index("ix_conversations_status", "status", "waiting_since"),
        Index("ix_conversations_queue", "lender_id", "status", "urgent_at", "id"),
        Index("ix_conversations_assignee", "lender_id", "assignee", "status"),
        Index("ix_conversations_subject_id", "subject_id"),
    )


class ConversationMessageRow(Base):
    """One word in a conversation, by the borrower or to the borrower. What staff keep among themselves is a note."""

    __tablename__ = "conversation_messages"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(Id, ForeignKey("conversations.id"))
    borrower_id: Mapped[str] = mapped_column(Id)
    source_key: Mapped[str] = mapped_column(String(240))
    """Provider and its event, or who wrote it and their own id of it: the same word again is the same row."""
    direction: Mapped[str] = mapped_column(String(8))
    """inbound, outbound."""
    channel: Mapped[str] = mapped_column(String(16))
    author: Mapped[str] = mapped_column(String(80))
    """borrower, or who answered."""
    in_reply_to: Mapped[str | None] = mapped_column(Id)
    """Our message it answers."""
    quotes_id: Mapped[str | None] = mapped_column(Id)
    """The word of the same conversation that it quotes."""
    attachments: Mapped[list[Any]] = mapped_column(Json, default=list, server_default="[]")
    """Ids."""
    text_sealed: Mapped[bytes] = mapped_column(Sealed)
    created_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("source_key"),
        Index("ix_conversation_messages_conversation_id", "conversation_id", "created_at"),
    )


class ConversationNoteRow(Base):
    """What staff write about a conversation for each other. In a table of its own, which no door of borrowers reads."""

    __tablename__ = "conversation_notes"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(Id, ForeignKey("conversations.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    source_key: Mapped[str] = mapped_column(String(240))
    author: Mapped[str] = mapped_column(String(80))
    text_sealed: Mapped[bytes] = mapped_column(Sealed)
    created_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("source_key"),
        Index("ix_conversation_notes_conversation_id", "conversation_id", "created_at"),
    )


class ReplyCopyRow(Base):
    """The copy of an answer that goes out on the channel of the borrower's last word, and what became of it."""

    __tablename__ = "reply_copies"

    word_id: Mapped[str] = mapped_column(Id, ForeignKey("conversation_messages.id"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(Id, ForeignKey("conversations.id"))
    borrower_id: Mapped[str] = mapped_column(Id)
    lender_id: Mapped[str] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(12))
    """waiting (for the hours to open), queued (in the outbox; its message says the rest), refused, needless (was read)."""
    reason: Mapped[str | None] = mapped_column(String(40))
    rule: Mapped[str | None] = mapped_column(String(80))
    until: Mapped[datetime | None] = mapped_column(Instant)
    """When it is looked at again."""
    message_id: Mapped[str | None] = mapped_column(Id)
    changed_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        Index("ix_reply_copies_conversation_id", "conversation_id"),
        Index("ix_reply_copies_message_id", "message_id"),
    )
