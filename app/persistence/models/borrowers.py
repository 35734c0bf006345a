"""Borrowers and how they are found. Personal data is sealed; see persistence/vault.py."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class BorrowerRow(Base):
    """One person who owes, across all lenders of the installation."""

    __tablename__ = "borrowers"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_no: Mapped[str] = mapped_column(String(64))
    """Kept unique by `borrower_numbers`."""
    name_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    phone_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """E.164."""
    email_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    national_id_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    address_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """JSON list of address lines."""
    country: Mapped[str | None] = mapped_column(String(2))
    locale: Mapped[str | None] = mapped_column(String(16))
    zone: Mapped[str | None] = mapped_column(String(64))
    """IANA zone of the profile; None when nobody said."""
    phone_zones: Mapped[list[str]] = mapped_column(Json, default=list)
    """Zones of the phone's region, computed when the phone was taken in."""
    officer: Mapped[str | None] = mapped_column(String(120))
    flags: Mapped[list[str]] = mapped_column(Json, default=list)
    """Restrictions: deceased, insolvent, represented, no_contact, minor_or_unverified."""
    version: Mapped[int] = mapped_column(default=1)
    source_version: Mapped[int | None]
    """The core's own counter on ingest PUT; an older one is refused."""
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    """Keyed hash of what the source sent, to tell "same again" from "changed"."""
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)


class BorrowerNumberRow(Base):
    """Directory: which borrower has this number. Unique in the installation."""

    __tablename__ = "borrower_numbers"

    borrower_no: Mapped[str] = mapped_column(String(64), primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))


class SignInPhoneRow(Base):
    """Directory: which borrower signs in with this phone."""

    __tablename__ = "sign_in_phones"

    digest: Mapped[str] = mapped_column(String(40), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"), index=True)


class SearchTermRow(Base):
    """A keyed hash under which a borrower is found: phone, phone_last4, email, name_token, ..."""

    __tablename__ = "search_terms"

    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    digest: Mapped[str] = mapped_column(String(40), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16))

    __table_args__ = (Index("ix_search_terms_kind_digest", "kind", "digest", "borrower_id"),)


class ConsentRow(Base):
    """What a borrower agreed to or refused, per purpose and channel; the newest row of each counts.

    Purpose `contact` is being contacted on the channel at all: refused, it is an opt-out.
    """

    __tablename__ = "consents"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    purpose: Mapped[str] = mapped_column(String(40), default="contact")
    """contact, or a consent purpose of the law packs' vocabulary: contact_by_text, automated_call, call_back, ..."""
    channel: Mapped[str] = mapped_column(String(16))
    """Of no single channel: `any`."""
    form: Mapped[str | None] = mapped_column(String(12))
    """How it was given: written, electronic, oral, separate, bundled."""
    given: Mapped[bool]
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    origin: Mapped[str] = mapped_column(String(40))
    evidence: Mapped[dict[str, Any] | None] = mapped_column(Json)

    __table_args__ = (Index("ix_consents_borrower_id_channel", "borrower_id", "channel", "recorded_at"),)
