"""Contacts that people made: who, why, what the gate said, and what became of it; beside the engine's decisions."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class ManualContactRow(Base):
    """One contact by hand, about which "why" is answered as about a decision."""

    __tablename__ = "manual_contacts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    contact_id: Mapped[str] = mapped_column(Id, ForeignKey("contacts.id"))
    kind: Mapped[str] = mapped_column(String(12))
    """message, reply, call, visit, letter."""
    channel: Mapped[str] = mapped_column(String(16))
    message_class: Mapped[str] = mapped_column(String(16))
    """The class it is, by where the debt stood."""
    loan_ids: Mapped[list[str]] = mapped_column(Json, default=list)
    """What it was about; empty: all loans of the lender."""
    template: Mapped[str | None] = mapped_column(String(60))
    """None: free text."""
    markers: Mapped[list[str] | None] = mapped_column(Json)
    """What a reader finds in free text, by the law packs' words; it is asked about again by these."""
    made_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(16))
    overridden: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    """Stops of the policy that were set aside: reason and rule of each, and who set it aside."""
    override_reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    outcome: Mapped[str] = mapped_column(String(16))
    """SENT; SUPPRESSED where it was taken back before it left."""
    reason: Mapped[str] = mapped_column(String(40))
    rule: Mapped[str | None] = mapped_column(String(80))
    changed_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        Index("ix_manual_contacts_contact_id", "contact_id", unique=True),
        Index("ix_manual_contacts_borrower_id", "borrower_id", "made_at", "id"),
    )
