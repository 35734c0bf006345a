"""Stops of interest that a person asked for, and what another decided."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class InterestStopRequestRow(Base):
    """One request. States and acts as in domain/interest_stop_requests.py."""

    __tablename__ = "interest_stop_requests"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    act: Mapped[str] = mapped_column(String(12))
    """put, end, withdraw."""
    stop_id: Mapped[str | None] = mapped_column(Id)
    """Of the stop that is to end or be taken back; of `put`, the one that was made of it."""
    from_on: Mapped[date | None]
    until_on: Mapped[date | None]
    """First day that bears interest again."""
    scope: Mapped[str | None] = mapped_column(String(24))
    rule: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(400))
    state: Mapped[str] = mapped_column(String(12))
    """waiting, done, declined."""
    asked_by: Mapped[str] = mapped_column(String(80))
    asked_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    declined_reason: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index("ix_interest_stop_requests_lender_id", "lender_id", "state", "asked_at"),
        Index("ix_interest_stop_requests_loan_id", "loan_id", "state"),
        Index("ix_interest_stop_requests_borrower_id", "borrower_id"),
    )
