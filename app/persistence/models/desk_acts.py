"""What staff do to a loan's ledger at the desk: payments taken in, claims given up, and what of it the core knows."""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base

_COUNTS = text("state IN ('waiting', 'booked')")


class DeskPaymentRow(Base):
    """Money that a member of staff took in. Never deleted; states as in domain/desk_payments.py."""

    __tablename__ = "desk_payments"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    effective_on: Mapped[date]
    method: Mapped[str] = mapped_column(String(12))
    """cash, cheque, transfer, other."""
    receipt: Mapped[str] = mapped_column(String(64))
    """Number of the receipt that was given, or the bank's own reference of a transfer."""
    reference: Mapped[str] = mapped_column(String(120))
    """Of its ledger entry: what the lender's core is told, and may name when it tells of the same money."""
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    is_another: Mapped[bool]
    """Said to be another payment than one of the same amount and day that was known."""
    state: Mapped[str] = mapped_column(String(12))
    """waiting, booked, declined, reversed."""
    requested_by: Mapped[str] = mapped_column(String(90))
    requested_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    """Who approved or declined it; who asked, within their own limit."""
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    reason: Mapped[str | None] = mapped_column(String(200))
    """Why it was declined or reversed."""
    reversed_by: Mapped[str | None] = mapped_column(String(90))
    reversed_at: Mapped[datetime | None] = mapped_column(Instant)
    entry_id: Mapped[str | None] = mapped_column(Id)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index(
            "uq_desk_payments_receipt", "lender_id", "receipt", unique=True, sqlite_where=_COUNTS, postgresql_where=_COUNTS
        ),
        Index("ix_desk_payments_borrower_id", "borrower_id", "requested_at"),
        Index("ix_desk_payments_lender_id", "lender_id", "state", "requested_at"),
    )


class WaiverRow(Base):
    """A claim given up: fees, penalties or interest, never principal. States as in domain/waivers.py."""

    __tablename__ = "waivers"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    interest_minor: Mapped[int] = mapped_column(BigInteger)
    fees_minor: Mapped[int] = mapped_column(BigInteger)
    penalties_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(12))
    """goodwill, our_error, hardship, settlement, legal."""
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    reference: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(12))
    """waiting, granted, declined."""
    requested_by: Mapped[str] = mapped_column(String(90))
    requested_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    declined_reason: Mapped[str | None] = mapped_column(String(200))
    effective_on: Mapped[date | None]
    """Of a waiver that is granted: the day it was, where the loan is."""
    entry_id: Mapped[str | None] = mapped_column(Id)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index("ix_waivers_borrower_id", "borrower_id", "requested_at"),
        Index("ix_waivers_loan_id", "loan_id", "state", "effective_on"),
        Index("ix_waivers_lender_id", "lender_id", "state", "requested_at"),
    )


class DeskEntryRow(Base):
    """A ledger entry that the desk made, and whether the lender's core has told of it since."""

    __tablename__ = "desk_entries"

    entry_id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    kind: Mapped[str] = mapped_column(String(20))
    """As in domain/ledger.py: repayment, waiver."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    effective_on: Mapped[date]
    channel: Mapped[str | None] = mapped_column(String(40))
    reference: Mapped[str] = mapped_column(String(120))
    receipt: Mapped[str | None] = mapped_column(String(64))
    told_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the core told of it; None: its figures lack it."""
    told_as: Mapped[str | None] = mapped_column(String(120))
    """The core's reference of it."""
    reversed_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("lender_id", "reference"), Index("ix_desk_entries_loan_id", "loan_id"))
