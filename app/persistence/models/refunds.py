"""Refunds: money that was paid over and goes back to who paid it."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class RefundRow(Base):
    """One refund. Never deleted. Fields as in domain/refunds.py."""

    __tablename__ = "refunds"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    """Also the idempotency key at the provider: whatever happens on the way, it is paid once."""
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    intent_id: Mapped[str | None] = mapped_column(Id)
    """The payment intent whose money goes back, of a refund through a provider."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(12))
    method: Mapped[str] = mapped_column(String(12))
    """provider, bank, core."""
    reference: Mapped[str] = mapped_column(String(120))
    """Of its ledger entry, ours or the core's that confirms it."""
    provider_reference: Mapped[str | None] = mapped_column(String(120))
    reason: Mapped[str | None] = mapped_column(String(40))
    """Why it was asked for, cancelled or failed, by a word of ours or the provider's."""
    requested_by: Mapped[str] = mapped_column(String(80))
    """borrower, system, staff:NAME."""
    approved_by: Mapped[str | None] = mapped_column(String(80))
    """`rule`: within what needs nobody's approval."""
    entry_id: Mapped[str | None] = mapped_column(Id)
    """The ledger entry that took the money out of the loan; of a refund that is done."""
    requested_at: Mapped[datetime] = mapped_column(Instant)
    approved_at: Mapped[datetime | None] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it was done, or cancelled."""
    next_look_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it is to be sent, or asked about at the provider; None: nobody waits for us."""
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        UniqueConstraint("lender_id", "reference"),
        Index("ix_refunds_borrower_id", "borrower_id", "loan_id", "requested_at"),
        Index("ix_refunds_lender_id", "lender_id", "state", "requested_at"),
        Index("ix_refunds_next_look_at", "next_look_at"),
    )
