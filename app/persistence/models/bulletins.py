"""Bulletins: figures of a period as they were frozen. Triggers of the database keep what is frozen (migration 0040)."""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class BulletinRow(Base):
    """One bulletin. Once frozen only its state changes, and once published nothing does."""

    __tablename__ = "bulletins"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str | None] = mapped_column(Id, ForeignKey("lenders.id"))
    """None: of every lender of the installation."""
    first_on: Mapped[date]
    last_on: Mapped[date]
    """Inclusive, as the first day is."""
    zone: Mapped[str] = mapped_column(String(64))
    """IANA zone in which its days begin and end."""
    state: Mapped[str] = mapped_column(String(12))
    """A `BulletinState` of domain/bulletins.py."""
    corrects_id: Mapped[str | None] = mapped_column(Id, ForeignKey("bulletins.id"))
    """The bulletin of the same period that this one puts right."""
    note: Mapped[str | None] = mapped_column(String(400))
    """Why it is put right; public."""
    made_by: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime] = mapped_column(Instant)
    frozen_by: Mapped[str | None] = mapped_column(String(80))
    frozen_at: Mapped[datetime | None] = mapped_column(Instant)
    """What was known then is what it says."""
    chain_no: Mapped[int | None]
    """Its place among all frozen bulletins of the installation, from 1, without gaps."""
    smallest_cell: Mapped[int | None]
    """People that a figure must concern to be shown."""
    document: Mapped[str | None] = mapped_column(Text)
    """What is published, canonical JSON: exactly what the hash is of."""
    sha256: Mapped[str | None] = mapped_column(String(64))
    signature: Mapped[str | None] = mapped_column(String(88))
    """Ed25519 over the hash, base64; None: no key was set."""
    published_by: Mapped[str | None] = mapped_column(String(80))
    """The second person, who approved it."""
    published_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (
        Index("ix_bulletins_chain_no", "chain_no", unique=True),
        Index("ix_bulletins_published_at", "published_at", "id"),
        Index("ix_bulletins_lender_id", "lender_id", "made_at", "id"),
    )


class BulletinFigureRow(Base):
    """One number of a frozen bulletin, whether shown or not. Never changed. Staff see it, the public what is shown."""

    __tablename__ = "bulletin_figures"

    bulletin_id: Mapped[str] = mapped_column(Id, ForeignKey("bulletins.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    """Of content/bulletins/definitions.yaml."""
    cell: Mapped[str] = mapped_column(String(120), primary_key=True)
    """Values of its dimensions, joined by `|`, `*` for all of one; of a figure without dimensions: empty."""
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    """Of amounts; of counts: empty."""
    value: Mapped[int] = mapped_column(BigInteger)
    """A count, or minor units."""
    people: Mapped[int]
    """Borrowers whom it concerns."""
    hidden: Mapped[str | None] = mapped_column(String(12))
    """Why it is not shown: small, complement; None: it is."""
