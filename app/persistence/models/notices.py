"""Notices to borrowers: which event each was about, so that none is told twice, and what became of it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class NoticeRow(Base):
    """One notice, told or withheld. Its words are in its messages."""

    __tablename__ = "notices"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    key: Mapped[str | None] = mapped_column(String(120))
    """Of the event: `promise:<id>:kept`; null: whoever tells it sees to it that it is told once."""
    template: Mapped[str] = mapped_column(String(60))
    loan_id: Mapped[str | None] = mapped_column(Id)
    message_id: Mapped[str | None] = mapped_column(Id)
    """The message in the inbox."""
    push_id: Mapped[str | None] = mapped_column(Id)
    """The push that says there is one."""
    withheld_reason: Mapped[str | None] = mapped_column(String(40))
    """Why it was not told; null: it was."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    """What it told was taken back."""

    __table_args__ = (
        UniqueConstraint("borrower_id", "key"),
        Index("ix_notices_borrower_id", "borrower_id", "created_at", "id"),
        Index("ix_notices_push_id", "push_id"),
    )
