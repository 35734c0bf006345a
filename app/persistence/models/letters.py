"""Letters: the document as it was made, its hash, and the batches in which they are printed."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base


class LetterRow(Base):
    """One letter. What was posted is kept as it was: the document is evidence."""

    __tablename__ = "letters"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    message_id: Mapped[str | None] = mapped_column(Id, ForeignKey("messages.id"))
    lender_id: Mapped[str | None] = mapped_column(Id, ForeignKey("lenders.id"))
    """Who writes; None of a letter made before it was kept."""
    loan_id: Mapped[str | None] = mapped_column(Id, ForeignKey("loans.id"))
    """The loan that leads in it."""
    batch_id: Mapped[str | None] = mapped_column(Id, ForeignKey("letter_batches.id"))
    jurisdiction: Mapped[str] = mapped_column(String(8))
    template: Mapped[str] = mapped_column(String(60))
    locale: Mapped[str] = mapped_column(String(16))
    pages: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the PDF."""
    pdf_sealed: Mapped[bytes] = mapped_column(Sealed)
    state: Mapped[str] = mapped_column(String(16))
    """made, handed_over, printed, in_transit, delivered, returned, failed, cancelled."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)
    printed_at: Mapped[datetime | None] = mapped_column(Instant)
    posted_at: Mapped[datetime | None] = mapped_column(Instant)
    delivered_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the post says that it was, until it says that it came back."""
    returned_at: Mapped[datetime | None] = mapped_column(Instant)
    answer_by: Mapped[date | None]
    """The last day that it leaves to pay or to answer, where the borrower lives; None of a letter that names none."""

    __table_args__ = (
        Index("ix_letters_borrower_id", "borrower_id"),
        Index("ix_letters_message_id", "message_id", unique=True),
        Index("ix_letters_batch_id", "batch_id"),
        Index("ix_letters_lender_id", "lender_id", "created_at", "id"),
    )


class LetterBatchRow(Base):
    """Letters made together, for a print room or a printing service."""

    __tablename__ = "letter_batches"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    total: Mapped[int] = mapped_column(default=0)
    made: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(12))
    """making, ready, handed_over, stopped."""
    by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)
