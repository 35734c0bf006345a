"""Who may come in: one-time codes, sessions and tokens, machine keys, limits, idempotency."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class OtpChallengeRow(Base):
    """A one-time code, to sign in by phone or to prove another address. It is computed, never stored.

    `borrower_id` None: the number is not known, or nobody signs in with it.
    """

    __tablename__ = "otp_challenges"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str | None] = mapped_column(Id)
    phone_digest: Mapped[str] = mapped_column(String(40), index=True)
    phone_sealed: Mapped[bytes] = mapped_column(Sealed)
    installation_id: Mapped[str] = mapped_column(String(64))
    """The device it is bound to."""
    locale: Mapped[str] = mapped_column(String(16))
    resend_no: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    purpose: Mapped[str] = mapped_column(String(16), default="sign_in", server_default="sign_in")
    """sign_in, contact_change: a code of one is none of the other."""
    address_kind: Mapped[str] = mapped_column(String(8), default="phone", server_default="phone")
    """What `phone_sealed` holds: phone, email."""


class SessionRow(Base):
    """One sign-in on one device: a family of refresh tokens."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"), index=True)
    audience: Mapped[str] = mapped_column(String(12), default="borrower")
    installation_id: Mapped[str] = mapped_column(String(64))
    device_label: Mapped[str | None] = mapped_column(String(80))
    generation: Mapped[int] = mapped_column(default=0)
    """Of the refresh token that is alive."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    """Absolute end, 180 days after sign-in."""
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    revoke_reason: Mapped[str | None] = mapped_column(String(40))
    proved_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a code was last proved in it; None: at its start, never since."""


class AccessTokenRow(Base):
    """A short-lived access token, stored as its hash."""

    __tablename__ = "access_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(Id, ForeignKey("sessions.id"), index=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    expires_at: Mapped[datetime] = mapped_column(Instant, index=True)


class RefreshTokenRow(Base):
    """A refresh token of one generation of a family, stored as its hash; spent once."""

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(Id, ForeignKey("sessions.id"), index=True)
    generation: Mapped[int]
    key_id: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(Instant)
    spent_at: Mapped[datetime | None] = mapped_column(Instant)


class ApiKeyRow(Base):
    """A machine's key, stored as its hash; names exactly one lender and its scopes."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    scopes: Mapped[list[str]] = mapped_column(Json)
    label: Mapped[str | None] = mapped_column(String(80))
    staff: Mapped[str | None] = mapped_column(String(80))
    """For scope desk: the one person it stands for, as the audit trail names them."""
    role: Mapped[str | None] = mapped_column(String(16))
    """For scope desk: agent, supervisor, compliance or admin."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)


class RateCounterRow(Base):
    """How often something happened in one window. Counters, not counts: a limit must never scan."""

    __tablename__ = "rate_counters"

    bucket: Mapped[str] = mapped_column(String(120), primary_key=True)
    """What is limited; phones and addresses only as keyed hashes."""
    window_starts_at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    count: Mapped[int]


class IdempotencyKeyRow(Base):
    """A request that was answered: the same key gets the same answer, another body is refused."""

    __tablename__ = "idempotency_keys"

    principal: Mapped[str] = mapped_column(String(80), primary_key=True)
    route: Mapped[str] = mapped_column(String(160), primary_key=True)
    """Method and route template."""
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[Any] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Instant, index=True)
