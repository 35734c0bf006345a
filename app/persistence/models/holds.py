"""Holds: states of a borrower or a loan that stop or limit contact."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class HoldRow(Base):
    """One hold. Never deleted: that it stood is part of the answer to "why not"."""

    __tablename__ = "holds"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str | None] = mapped_column(Id, ForeignKey("loans.id"))
    """None: for all loans of the borrower."""
    kind: Mapped[str] = mapped_column(String(32))
    """A kind of domain/holds.py."""
    from_at: Mapped[datetime] = mapped_column(Instant)
    until_at: Mapped[datetime | None] = mapped_column(Instant)
    """Exclusive; None: open."""
    form: Mapped[str | None] = mapped_column(String(12))
    """How it was told: written, electronic, oral."""
    by: Mapped[str] = mapped_column(String(80))
    """Who put it: borrower, core:CODE, staff:NAME, ..."""
    evidence: Mapped[str | None] = mapped_column(String(400))
    """Where the proof is: a file or ticket number, never the content."""
    reference: Mapped[str | None] = mapped_column(String(120))
    """The source's own number, so that telling twice makes one hold."""
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    """Since when it is known: what was decided before did not know it."""
    released_at: Mapped[datetime | None] = mapped_column(Instant)
    released_by: Mapped[str | None] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_holds_borrower_id", "borrower_id", "from_at"),
        Index(
            "ix_holds_reference",
            "borrower_id",
            "reference",
            unique=True,
            sqlite_where=text("reference IS NOT NULL"),
            postgresql_where=text("reference IS NOT NULL"),
        ),
    )
