"""Staff of the lenders: accounts, where they work in which role, invitations, second factors, sessions."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class StaffAccountRow(Base):
    """One person who works at the desk. `name` is what the audit trail calls them: staff:NAME, unique over all."""

    __tablename__ = "staff_accounts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    name_folded: Mapped[str] = mapped_column(String(64), unique=True)
    email_digest: Mapped[str] = mapped_column(String(40), unique=True)
    """Keyed hash of the folded e-mail they sign in with."""
    email_key_id: Mapped[str] = mapped_column(String(16))
    email_sealed: Mapped[bytes] = mapped_column(Sealed)
    state: Mapped[str] = mapped_column(String(12), default="invited")
    """invited, active, disabled."""
    locale: Mapped[str | None] = mapped_column(String(16))
    languages: Mapped[list[str]] = mapped_column(Json, default=list)
    """What they can answer borrowers in: en, zh-CN ..."""
    password_hash: Mapped[str | None] = mapped_column(String(200))
    """argon2id, with its parameters."""
    totp_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    totp_last_step: Mapped[int | None]
    """The step of the code that was last taken: none is taken twice."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(String(80))
    disabled_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)


class StaffMembershipRow(Base):
    """Where somebody works, and as what."""

    __tablename__ = "staff_memberships"

    staff_id: Mapped[str] = mapped_column(Id, ForeignKey("staff_accounts.id"), primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    """agent, supervisor, compliance or admin."""
    teams: Mapped[list[str]] = mapped_column(Json, default=list)
    """Queues whose conversations and tasks come to them; none: all."""
    since_at: Mapped[datetime] = mapped_column(Instant)
    disabled_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when they may not work here, by an admin of the lender; None: they may."""

    __table_args__ = (Index("ix_staff_memberships_lender_id", "lender_id", "role"),)


class StaffInvitationRow(Base):
    """A link by which one person sets their password and second factor, once, until it expires."""

    __tablename__ = "staff_invitations"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[str] = mapped_column(Id, ForeignKey("staff_accounts.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(12), default="invitation")
    """invitation; reset: of password and second factor, made by an admin."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    totp_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """The second factor shown while it is being set up."""


class StaffRecoveryCodeRow(Base):
    """A code that stands in for the second factor once; stored hashed."""

    __tablename__ = "staff_recovery_codes"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    staff_id: Mapped[str] = mapped_column(Id, ForeignKey("staff_accounts.id"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("staff_id", "code_hash"),)


class StaffSessionRow(Base):
    """One sign-in of a member of staff, at one lender at a time. Its token is stored hashed."""

    __tablename__ = "staff_sessions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    staff_id: Mapped[str] = mapped_column(Id, ForeignKey("staff_accounts.id"), index=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str | None] = mapped_column(String(80))
    """Of the browser or program it was opened in."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    """Absolute end."""
    proved_at: Mapped[datetime] = mapped_column(Instant)
    """When a second factor was last proved in it."""
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    revoke_reason: Mapped[str | None] = mapped_column(String(40))
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class StaffChallengeRow(Base):
    """A sign-in whose password was right and whose second factor is awaited. Its token is stored hashed."""

    __tablename__ = "staff_challenges"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[str] = mapped_column(Id, ForeignKey("staff_accounts.id"), index=True)
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
