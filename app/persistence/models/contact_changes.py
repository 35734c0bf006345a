"""Changes of a borrower's phone, e-mail and address on their way: proposed, proved, cooling off, in force."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base

_OPEN = text("state IN ('proposed', 'cooling_off')")
_KEPT = text("keeps_until IS NOT NULL")


class ContactChangeRow(Base):
    """One change of one kind of contact data. Never deleted; states as in domain/contact_changes.py."""

    __tablename__ = "contact_changes"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    """At whose desk it was asked for."""
    kind: Mapped[str] = mapped_column(String(8))
    """phone, email, address."""
    state: Mapped[str] = mapped_column(String(12))
    new_sealed: Mapped[bytes] = mapped_column(Sealed)
    """Phone in E.164, e-mail; of an address a JSON list of its lines."""
    new_digest: Mapped[str] = mapped_column(String(64))
    """Keyed hash: tells what a core sends from what was proved, without opening either."""
    old_digest: Mapped[str | None] = mapped_column(String(64))
    """Of what it takes the place of; None: there was none."""
    key_id: Mapped[str] = mapped_column(String(16))
    """Of the digests."""
    proposed_by: Mapped[str] = mapped_column(String(90))
    proposed_at: Mapped[datetime] = mapped_column(Instant)
    challenge_id: Mapped[str | None] = mapped_column(Id)
    """Of the code that was sent last."""
    codes_sent: Mapped[int] = mapped_column(default=0, server_default="0")
    prove_until: Mapped[datetime] = mapped_column(Instant)
    proof: Mapped[str | None] = mapped_column(String(12))
    """code, app, supervisor."""
    proved_by: Mapped[str | None] = mapped_column(String(90))
    proved_at: Mapped[datetime | None] = mapped_column(Instant)
    grounds_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """Of a supervisor's word: why, and which documents were seen."""
    effective_at: Mapped[datetime | None] = mapped_column(Instant)
    """End of the cool-off."""
    took_effect_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(String(90))
    ended_reason: Mapped[str | None] = mapped_column(String(40))
    keeps_until: Mapped[datetime | None] = mapped_column(Instant)
    """Until when it stands against a core that goes on sending what it took the place of; None: no longer."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index("uq_contact_changes_open", "borrower_id", "kind", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_contact_changes_borrower_id", "borrower_id", "proposed_at"),
        Index("ix_contact_changes_kept", "borrower_id", sqlite_where=_KEPT, postgresql_where=_KEPT),
    )
