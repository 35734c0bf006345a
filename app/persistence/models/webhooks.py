"""Webhooks to the lender's own systems: what happened, as it is told."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base


class WebhookEventRow(Base):
    """One thing that happened, told once whatever the number of endpoints. Written in the transaction of what it tells."""

    __tablename__ = "webhook_events"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    """The `webhook-id` of every delivery of it, and the CloudEvents `id`."""
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    borrower_id: Mapped[str | None] = mapped_column(Id)
    type: Mapped[str] = mapped_column(String(60))
    """CloudEvents type: `promise.made.v1`."""
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    """The lender's own numbers (loan_no, borrower_no), amounts as {amount_minor, currency}; no name, no address."""
    created_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (Index("ix_webhook_events_lender_id", "lender_id", "created_at", "id"),)
