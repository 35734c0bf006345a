"""What borrowers wish about when, where and how they are contacted."""

from datetime import datetime, time

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class ContactPreferenceRow(Base):
    """One wish. A new one of the same kind and channel ends the one before; ended ones are kept."""

    __tablename__ = "contact_preferences"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    kind: Mapped[str] = mapped_column(String(20))
    """not_before, only_between, also_between, avoid_place, only_channel, no_contact."""
    channel: Mapped[str | None] = mapped_column(String(16))
    """None: all channels, except for only_channel."""
    from_time: Mapped[time | None]
    until_time: Mapped[time | None]
    """Wall times where the borrower is; `until_time` exclusive."""
    place: Mapped[str | None] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(String(80))
    evidence: Mapped[str | None] = mapped_column(String(400))
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (Index("ix_contact_preferences_borrower_id", "borrower_id"),)
