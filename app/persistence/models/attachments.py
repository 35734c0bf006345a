"""Files that borrowers hand in. Their bytes are elsewhere, sealed, under a name that says nothing."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base


class AttachmentRow(Base):
    """One file, from its announcement on. It belongs to what claimed it, and is forgotten when nothing does in a day."""

    __tablename__ = "attachments"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str | None] = mapped_column(Id, ForeignKey("lenders.id"))
    """Whose staff may see it; None: any lender the borrower has a loan with."""
    by: Mapped[str] = mapped_column(String(80), default="borrower", server_default="borrower")
    """Who handed it in: borrower, or staff:NAME for the borrower to read."""
    purpose: Mapped[str] = mapped_column(String(16))
    media_type: Mapped[str] = mapped_column(String(40))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the bytes as the borrower has them, in hex."""
    name_sealed: Mapped[bytes] = mapped_column(Sealed)
    stored_as: Mapped[str] = mapped_column(String(64))
    """A random word, by which the store keeps it; never made of anything the borrower says."""
    state: Mapped[str] = mapped_column(String(12))
    refused_because: Mapped[str | None] = mapped_column(String(80))
    subject_kind: Mapped[str | None] = mapped_column(String(24))
    """dispute, hardship_request, conversation."""
    subject_id: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    """Until when its bytes are taken."""
    uploaded_at: Mapped[datetime | None] = mapped_column(Instant)
    scanned_at: Mapped[datetime | None] = mapped_column(Instant)
    claimed_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (
        Index("ix_attachments_borrower_id", "borrower_id", "created_at"),
        Index("ix_attachments_subject_id", "subject_id"),
        Index(
            "ix_attachments_unclaimed",
            "created_at",
            sqlite_where=text("claimed_at IS NULL"),
            postgresql_where=text("claimed_at IS NULL"),
        ),
    )
