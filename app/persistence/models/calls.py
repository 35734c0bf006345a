"""Phone calls: those the engine made and those a person made, with how they went; and the order of those to be made."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base

_DIALLED = text("outcome = 'dialled'")


class CallRow(Base):
    """One call. Caps of law count it from the moment it is dialled."""

    __tablename__ = "calls"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str | None] = mapped_column(Id)
    """None: about several."""
    message_id: Mapped[str | None] = mapped_column(Id)
    """Of an automatic call."""
    task_id: Mapped[str | None] = mapped_column(Id)
    """Of a person's call: the task it was for."""
    direction: Mapped[str] = mapped_column(String(8), default="outbound")
    origin: Mapped[str] = mapped_column(String(12))
    """engine, staff."""
    outcome: Mapped[str] = mapped_column(String(16))
    """answered, no_answer, busy, rejected, voicemail, failed, wrong_number; dialled: how it went is not told yet."""
    result: Mapped[str | None] = mapped_column(String(16))
    """What a conversation came to (domain/calls.py `RESULTS`); None: nothing in particular, or nobody spoke."""
    keypress: Mapped[str | None] = mapped_column(String(8))
    seconds: Mapped[int] = mapped_column(default=0)
    called_at: Mapped[datetime] = mapped_column(Instant)
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(80))
    note_key: Mapped[str] = mapped_column(String(160), unique=True)
    """What makes the same call the same row."""

    __table_args__ = (
        Index("ix_calls_borrower_id", "borrower_id", "called_at"),
        Index("ix_calls_dialled", "by", "called_at", sqlite_where=_DIALLED, postgresql_where=_DIALLED),
    )


class CallRankRow(Base):
    """The place of an open call task in a lender's worklist, as worked out last. It can be made anew at any time."""

    __tablename__ = "call_ranks"

    task_id: Mapped[str] = mapped_column(Id, ForeignKey("tasks.id"), primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    urgency: Mapped[int]
    """2: a day of law; 1: the borrower asked for it; 0: the others. The highest first, then by score."""
    score: Mapped[int]
    """Expected gain of calling now, in millionths of the capped amount."""
    parts: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    """What the score is made of."""
    opens_at: Mapped[datetime | None] = mapped_column(Instant)
    """From when on it may be dialled, as things stood; None: not before something changes."""
    closes_at: Mapped[datetime | None] = mapped_column(Instant)
    """Exclusive; None: no end is known."""
    blocked_by: Mapped[str | None] = mapped_column(String(40))
    """The reason that stood in the way (docs/reasons.md)."""
    case_version: Mapped[int]
    """Of the borrower's agenda; where it has changed since, the place is worked out anew when it is read."""
    ranked_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (Index("ix_call_ranks_order", "lender_id", "urgency", "score", "task_id"),)
