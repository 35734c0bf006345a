"""Lenders: who lends, under which licence, in which jurisdiction and zone."""

from datetime import date, datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class LenderRow(Base):
    """One lender of this installation."""

    __tablename__ = "lenders"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    """Short name in files, commands and keys."""
    name: Mapped[str] = mapped_column(String(200))
    licence_kind: Mapped[str] = mapped_column(String(40), default="unstated")
    """bank, consumer_finance, microloan, private_lender, ... ; `unstated` where the source says nothing."""
    licence_no: Mapped[str | None] = mapped_column(String(120))
    regulator: Mapped[str | None] = mapped_column(String(200))
    complaints_contact: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str | None] = mapped_column(String(24))
    """first_party or third_party_collector; None: nobody said, and the stricter reading (third party) holds."""
    role_reason: Mapped[str | None] = mapped_column(String(400))
    """Why it is first party, for whoever examines that choice."""
    legal_name: Mapped[str | None] = mapped_column(String(200))
    """As its licence says; None: `name` is all that is known."""
    licence_role: Mapped[str | None] = mapped_column(String(16))
    """What it is to the borrower by its licence: lender, guarantor, platform or collector; None: nobody said."""
    licensed_from: Mapped[date | None]
    licensed_until: Mapped[date | None]
    """Last day of the licence; None: nobody said, or it never ends (`licensed_from` is then all there is)."""
    jurisdiction: Mapped[str] = mapped_column(String(8))
    """ISO 3166 country, or EU."""
    zone: Mapped[str] = mapped_column(String(64))
    currency: Mapped[str] = mapped_column(String(3))
    locale: Mapped[str] = mapped_column(String(16), default="en")
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    heard_at: Mapped[datetime | None] = mapped_column(Instant)
    """When its core last told us of money, to some minutes; None: it never has, and how old balances are is not known."""
    calendar_version: Mapped[str | None] = mapped_column(Id)
    """New with every edit of its own days (`calendar_days`); None: it never had any."""
