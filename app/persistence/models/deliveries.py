"""What providers told (receipts), what they keep for us (tokens, registered wordings), and what borrowers allow."""

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base

_HAS_POST = text("raw_sealed IS NOT NULL")


class DeliveryReceiptRow(Base):
    """One thing a provider told, stored before it is acted upon. The same one again is the same row."""

    __tablename__ = "delivery_receipts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    provider: Mapped[str] = mapped_column(String(20))
    event_key: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(12))
    """report, inbound, event."""
    received_at: Mapped[datetime] = mapped_column(Instant)
    told: Mapped[str] = mapped_column(String(20))
    """accepted, sent, delivered, failed; of events and inbound: their kind."""
    provider_reference: Mapped[str | None] = mapped_column(String(200))
    message_id: Mapped[str | None] = mapped_column(Id)
    borrower_id: Mapped[str | None] = mapped_column(Id)
    told_at: Mapped[datetime | None] = mapped_column(Instant)
    error_code: Mapped[str | None] = mapped_column(String(60))
    raw_code: Mapped[str | None] = mapped_column(String(60))
    is_signed: Mapped[bool]
    outcome: Mapped[str] = mapped_column(String(16))
    """applied, no_change, unmatched (waits for our own commit), untrusted, ignored."""
    applied_at: Mapped[datetime | None] = mapped_column(Instant)
    raw_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """The post as it came: it may hold phones, and is forgotten after a while (services/tidying)."""

    __table_args__ = (
        UniqueConstraint("provider", "event_key"),
        Index("ix_delivery_receipts_message_id", "message_id"),
        Index("ix_delivery_receipts_outcome", "outcome", "received_at"),
        Index("ix_delivery_receipts_raw", "received_at", sqlite_where=_HAS_POST, postgresql_where=_HAS_POST),
    )


class ProviderTokenRow(Base):
    """A provider's access token, shared by all processes: one of them renews it, the others wait."""

    __tablename__ = "provider_tokens"

    provider: Mapped[str] = mapped_column(String(20), primary_key=True)
    account: Mapped[str] = mapped_column(String(80), primary_key=True)
    token_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    """Machine time."""
    renewing_by: Mapped[str | None] = mapped_column(String(80))
    renewing_until: Mapped[datetime | None] = mapped_column(Instant)


class ProviderTemplateRow(Base):
    """A wording as it stands at a provider: its id there, its fields, whether the provider has approved it."""

    __tablename__ = "provider_templates"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    provider: Mapped[str] = mapped_column(String(20))
    template: Mapped[str] = mapped_column(String(60))
    locale: Mapped[str] = mapped_column(String(16))
    template_version: Mapped[int]
    """Of our wording; an approval is for the words as they were."""
    code: Mapped[str] = mapped_column(String(120))
    """The provider's id."""
    fields: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    """The provider's name of a field -> our variable."""
    is_one_time: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(12))
    """submitted, approved, rejected, paused."""
    reason: Mapped[str | None] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("channel", "provider", "template", "locale"),)


class SubscriptionCreditRow(Base):
    """How many more messages of one WeChat template a borrower has agreed to."""

    __tablename__ = "subscription_credits"

    borrower_id: Mapped[str] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(120), primary_key=True)
    """The provider's template id."""
    credits: Mapped[int] = mapped_column(default=0)
    is_refused: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[datetime] = mapped_column(Instant)


class EndpointLinkRow(Base):
    """A signed link by which a borrower binds an address (a WeChat openid) to their account, once."""

    __tablename__ = "endpoint_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    code_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """The provider's one-time code, until the engine has asked whose it is."""
    check_code: Mapped[str | None] = mapped_column(String(6))
    """Shown to who opened it and to the borrower, who compares; None before it is opened."""
    address_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """Whose the link was opened by, until the borrower says yes or no. No endpoint: nothing is sent there."""
    ended_as: Mapped[str | None] = mapped_column(String(12))
    """confirmed, refused, superseded, unknown (see domain/wechat_links)."""
