"""Webhooks to the lender's own systems: what happened, where it is told, and how each telling fares."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base

_IS_PENDING = text("state = 'pending'")
_IS_FAILED = text("state = 'failed'")


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

    __table_args__ = (
        Index("ix_webhook_events_lender_id", "lender_id", "created_at", "id"),
        Index("ix_webhook_events_created_at", "created_at"),
    )


class WebhookEndpointRow(Base):
    """Where a lender wants to be told. Its secrets are sealed; several live while one is rotated."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    name: Mapped[str] = mapped_column(String(64))
    """The lender's own, in the path of its door."""
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str | None] = mapped_column(String(200))
    types: Mapped[list[str]] = mapped_column(Json)
    """Event types and `noun.*`; empty: all."""
    secrets_sealed: Mapped[bytes] = mapped_column(Sealed)
    """JSON list of {secret, created_at, ends_at} (instants in RFC 3339)."""
    state: Mapped[str] = mapped_column(String(12))
    """One of `domain.webhooks.ENDPOINT_STATES`."""
    state_reason: Mapped[str | None] = mapped_column(String(40))
    """Why it is failing or disabled: gone (the receiver answered 410), off (its owner), else the last error."""
    changed_at: Mapped[datetime] = mapped_column(Instant)
    """Of the state."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)
    """Kept for its deliveries, and told nothing; its owner may put it anew."""
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (UniqueConstraint("lender_id", "name"),)


class WebhookDeliveryRow(Base):
    """One event for one endpoint; sending it again on request is another one."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    event_id: Mapped[str] = mapped_column(Id, ForeignKey("webhook_events.id"))
    endpoint_id: Mapped[str] = mapped_column(Id, ForeignKey("webhook_endpoints.id"))
    replay_no: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(12), default="pending")
    """One of `domain.webhooks.DELIVERY_STATES`."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Made so far. Each claim raises it, so that it tells our claim from a later one."""
    next_attempt_at: Mapped[datetime] = mapped_column(Instant)
    last_status: Mapped[int | None]
    """Of HTTP; null: there was no answer."""
    last_error: Mapped[str | None] = mapped_column(String(60))
    leased_by: Mapped[str | None] = mapped_column(String(80))
    leased_until: Mapped[datetime | None] = mapped_column(Instant)
    """Machine time, as of messages."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    delivered_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id", "replay_no"),
        Index(
            "ix_webhook_deliveries_pending",
            "endpoint_id",
            "next_attempt_at",
            "id",
            sqlite_where=_IS_PENDING,
            postgresql_where=_IS_PENDING,
        ),
        Index("ix_webhook_deliveries_due", "next_attempt_at", sqlite_where=_IS_PENDING, postgresql_where=_IS_PENDING),
        Index(
            "ix_webhook_deliveries_failed",
            "endpoint_id",
            "created_at",
            "id",
            sqlite_where=_IS_FAILED,
            postgresql_where=_IS_FAILED,
        ),
        Index("ix_webhook_deliveries_endpoint_id", "endpoint_id", "created_at", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )
