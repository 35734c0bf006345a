"""Notices that were served on a person about a loan, and what proves that they arrived."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base


class ServedNoticeRow(Base):
    """One notice about one loan. It leaves as its message does, which says how far it has come."""

    __tablename__ = "served_notices"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    kind: Mapped[str] = mapped_column(String(60))
    key: Mapped[str] = mapped_column(String(160))
    """Of whoever wanted it: the same again is this one."""
    channel: Mapped[str] = mapped_column(String(16))
    message_id: Mapped[str] = mapped_column(Id, ForeignKey("messages.id"))
    said_sha256: Mapped[str] = mapped_column(String(64))
    """Of the words (title, line feed, body, in UTF-8) as they were written; a letter's document has a hash of its own."""
    by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        Index("ix_served_notices_key", "key", unique=True),
        Index("ix_served_notices_loan_id", "loan_id", "kind"),
        Index("ix_served_notices_borrower_id", "borrower_id"),
        Index("ix_served_notices_message_id", "message_id", unique=True),
    )


class DeliveryProofRow(Base):
    """What proves that a message arrived, beside the receipts of its channel. One of each kind for a message."""

    __tablename__ = "delivery_proofs"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    message_id: Mapped[str] = mapped_column(Id, ForeignKey("messages.id"))
    kind: Mapped[str] = mapped_column(String(20))
    """opened_in_app, seen_in_app (which proves nothing), registered_post, signed_receipt, handed_over, courier."""
    delivered_at: Mapped[datetime] = mapped_column(Instant)
    """What it proves."""
    reference_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """The number of the post; who signed."""
    attachment_id: Mapped[str | None] = mapped_column(Id, ForeignKey("attachments.id"))
    by: Mapped[str] = mapped_column(String(80))
    recorded_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("message_id", "kind"),
        Index("ix_delivery_proofs_borrower_id", "borrower_id"),
    )
