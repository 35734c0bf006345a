"""Devices (one installation of the app) and endpoints (one address, token or openid on one channel)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base


class DeviceRow(Base):
    """One installation of the borrower app."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    installation_id: Mapped[str] = mapped_column(String(64))
    """Made by the app at first start."""
    platform: Mapped[str] = mapped_column(String(12))
    """android, ios or web."""
    app_version: Mapped[str | None] = mapped_column(String(40))
    zone: Mapped[str | None] = mapped_column(String(64))
    locale: Mapped[str | None] = mapped_column(String(16))
    push_permission: Mapped[bool] = mapped_column(default=True)
    last_seen_at: Mapped[datetime] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (UniqueConstraint("borrower_id", "installation_id"),)


REPLACED = "replaced"


class EndpointRow(Base):
    """Where a message can go. Kept when it dies: the reason is part of the answer to "why not"."""

    __tablename__ = "endpoints"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    device_id: Mapped[str | None] = mapped_column(Id, ForeignKey("devices.id"))
    channel: Mapped[str] = mapped_column(String(16))
    address_kind: Mapped[str] = mapped_column(String(16))
    """fid or token for push; phone, email, openid elsewhere."""
    address_sealed: Mapped[bytes] = mapped_column(Sealed)
    address_digest: Mapped[str] = mapped_column(String(40), index=True)
    """Keyed hash: tells whether the stored target is still the one sent."""
    state: Mapped[str] = mapped_column(String(16), default="active")
    """active, unverified, suspect, invalid, opted_out, blocked, replaced (another address has taken its place)."""
    reason: Mapped[str | None] = mapped_column(String(60))
    changed_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (Index("ix_endpoints_borrower_id_channel", "borrower_id", "channel"),)
