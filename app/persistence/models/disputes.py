"""Disputes of what is owed, objections to credit reports, complaints."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class DisputeRow(Base):
    """One case of one borrower about one loan. Never deleted."""

    __tablename__ = "disputes"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    reference: Mapped[str] = mapped_column(String(20))
    """What people call it by."""
    kind: Mapped[str] = mapped_column(String(12))
    """dispute, objection, complaint."""
    ground: Mapped[str] = mapped_column(String(24))
    """A key of domain/disputes.GROUNDS."""
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    """How much of what is owed is disputed; None: all of it."""
    currency: Mapped[str] = mapped_column(String(3))
    words_sealed: Mapped[bytes] = mapped_column(Sealed)
    state: Mapped[str] = mapped_column(String(16), default="received")
    jurisdiction: Mapped[str] = mapped_column(String(8))
    """Of the law pack that governed when it came: whose terms and ways to complain these are."""
    received_at: Mapped[datetime] = mapped_column(Instant)
    answer_due_on: Mapped[date]
    """Last day in time, in the loan's zone."""
    rule: Mapped[str | None] = mapped_column(String(80))
    """Of the law pack, if one says the day."""
    source: Mapped[str] = mapped_column(String(160))
    taken_by: Mapped[str | None] = mapped_column(String(80))
    answered_at: Mapped[datetime | None] = mapped_column(Instant)
    answered_by: Mapped[str | None] = mapped_column(String(80))
    answer_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    upheld_minor: Mapped[int | None] = mapped_column(BigInteger)
    """How much of it was right, where it was partly upheld and staff said how much."""
    correction_reference: Mapped[str | None] = mapped_column(String(64))
    """The core's reference of the waiver or reversal that puts it right."""
    breached_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it was noticed that the answer was not given in time."""
    hold_id: Mapped[str | None] = mapped_column(Id)
    """The hold that is on the loan while it is open, or was."""
    credit_mark: Mapped[str | None] = mapped_column(String(2))
    """Metro 2 compliance condition code; None: none."""
    escalated_at: Mapped[datetime | None] = mapped_column(Instant)
    escalated_to: Mapped[str | None] = mapped_column(String(12))
    escalation_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    attachments: Mapped[list[Any]] = mapped_column(Json, default=list)
    """Ids."""
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_disputes_borrower_id", "borrower_id", "received_at", "id"),
        Index("ix_disputes_lender_id", "lender_id", "state", "answer_due_on", "id"),
        Index("ix_disputes_loan_id", "loan_id", "state"),
    )
