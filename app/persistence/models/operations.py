"""What operations look at: how engines say they are, what was sent hour by hour, and when the book was last checked."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base


class EngineReportRow(Base):
    """What one engine last said of itself: what only its own memory knows. Written over each time."""

    __tablename__ = "engine_reports"

    owner: Mapped[str] = mapped_column(String(80), primary_key=True)
    reported_at: Mapped[datetime] = mapped_column(Instant)
    """Machine time."""
    report: Mapped[dict[str, Any]] = mapped_column(Json)
    """{ticks, paused, breakers, weights} as services/engine_reports.py writes them."""


class DeliveryHourRow(Base):
    """Hand-overs of one hour (UTC, the book's clock) to one provider of a channel, for one lender. Counted as a whole."""

    __tablename__ = "delivery_hours"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    hour_at: Mapped[datetime] = mapped_column(Instant)
    lender_id: Mapped[str | None] = mapped_column(Id)
    """Whose loan it was about, else of the borrower's first loan; None: a borrower without one."""
    currency: Mapped[str | None] = mapped_column(String(3))
    """Of that loan: what the message is priced in."""
    channel: Mapped[str] = mapped_column(String(16))
    provider: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int]
    accepted: Mapped[int]
    refused: Mapped[int]
    retried: Mapped[int]
    uncertain: Mapped[int]
    """Without an answer, those that are being sent just now among them."""
    units: Mapped[int]
    """Segments and pages of what was accepted or is uncertain: what may have to be paid for."""
    counted_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        Index("ix_delivery_hours_hour_at", "hour_at"),
        Index("ix_delivery_hours_lender_id", "lender_id", "hour_at"),
    )


class InvariantCountRow(Base):
    """What must never be, as it was last counted. Every count is to be 0."""

    __tablename__ = "invariant_counts"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    count: Mapped[int]
    checked_at: Mapped[datetime] = mapped_column(Instant)
