"""Autopay mandates, and the drawings that were told of."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base

_IS_LIVING = text("state IN ('pending', 'active', 'failing', 'failed')")


class PaymentMandateRow(Base):
    """One mandate to draw a loan's instalments. Fields as in domain/mandates.py."""

    __tablename__ = "payment_mandates"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    provider: Mapped[str] = mapped_column(String(40))
    """Who draws: `core`, or a payment provider's name."""
    reference: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(12))
    last_drawn_on: Mapped[date | None]
    """Day of the newest drawing, in the loan's zone."""
    retry_on: Mapped[date | None]
    """When it is tried again after a failure, as told."""
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """Drawings in a row that failed."""
    failed_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the last failure was told."""
    failure_code: Mapped[str | None] = mapped_column(String(40))
    """Of who draws: insufficient_funds, account_closed, ..."""
    loan_said: Mapped[bool]
    """What the core's own word for the loan (`autopay`) was when last heard: the same again says nothing new."""
    source_version: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)
    """When `state` last changed."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index("ix_payment_mandates_borrower_id", "borrower_id", "loan_id", "created_at"),
        Index("ix_payment_mandates_loan_id", "loan_id", "created_at"),
        Index(
            "ix_payment_mandates_living",
            "loan_id",
            unique=True,
            sqlite_where=_IS_LIVING,
            postgresql_where=_IS_LIVING,
        ),
    )


class MandateDrawRow(Base):
    """One drawing as it was told. Never changed."""

    __tablename__ = "mandate_draws"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    mandate_id: Mapped[str] = mapped_column(Id, ForeignKey("payment_mandates.id"))
    reference: Mapped[str] = mapped_column(String(120))
    drawn_on: Mapped[date]
    outcome: Mapped[str] = mapped_column(String(12))
    """succeeded, failed."""
    code: Mapped[str | None] = mapped_column(String(40))
    retry_on: Mapped[date | None]
    recorded_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("mandate_id", "reference"),
        Index("ix_mandate_draws_borrower_id", "borrower_id", "mandate_id"),
    )
