"""Phone calls: those the engine made and those a person made, with how they went. Caps of law count them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class CallRow(Base):
    """One call."""

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
    """answered, no_answer, busy, rejected, voicemail, failed, wrong_number."""
    keypress: Mapped[str | None] = mapped_column(String(8))
    seconds: Mapped[int] = mapped_column(default=0)
    called_at: Mapped[datetime] = mapped_column(Instant)
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(80))
    note_key: Mapped[str] = mapped_column(String(160), unique=True)
    """What makes the same call the same row."""

    __table_args__ = (Index("ix_calls_borrower_id", "borrower_id", "called_at"),)
