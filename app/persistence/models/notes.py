"""Private notes of staff about borrowers, with every version they had."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base


class NoteRow(Base):
    """One note of one lender's staff, as it reads now. Never deleted; the borrower does not see it here."""

    __tablename__ = "notes"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    text_sealed: Mapped[bytes] = mapped_column(Sealed)
    """Without card numbers; sealed for its place and version."""
    pinned: Mapped[bool] = mapped_column(default=False)
    by: Mapped[str] = mapped_column(String(80))
    """Who wrote the first version."""
    written_at: Mapped[datetime] = mapped_column(Instant)
    version_no: Mapped[int] = mapped_column(default=1)
    """Counts from 1; each correction is a version, and all are kept in `note_versions`."""
    corrected_by: Mapped[str | None] = mapped_column(String(80))
    corrected_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (Index("ix_notes_borrower_id", "borrower_id", "lender_id", "written_at", "id"),)


class NoteVersionRow(Base):
    """One version of a note, as it was written. Never changed."""

    __tablename__ = "note_versions"

    note_id: Mapped[str] = mapped_column(Id, ForeignKey("notes.id"), primary_key=True)
    version_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    borrower_id: Mapped[str] = mapped_column(Id)
    text_sealed: Mapped[bytes] = mapped_column(Sealed)
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (Index("ix_note_versions_borrower_id", "borrower_id", "at"),)
