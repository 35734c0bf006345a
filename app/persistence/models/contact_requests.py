"""Requests about how somebody is contacted."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base


class ContactRequestRow(Base):
    """What a borrower asked about contact: to cease, through somebody else, not at a place, on one channel only."""

    __tablename__ = "contact_requests"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    kind: Mapped[str] = mapped_column(String(16))
    """cease, representative, avoid_place, only_channel."""
    details_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """JSON: the representative's name and how to reach them."""
    place: Mapped[str | None] = mapped_column(String(16))
    channel: Mapped[str | None] = mapped_column(String(16))
    hold_id: Mapped[str | None] = mapped_column(Id)
    wish_id: Mapped[str | None] = mapped_column(Id)
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (Index("ix_contact_requests_borrower_id", "borrower_id", "recorded_at", "id"),)
