"""Requests for help with money trouble."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class HardshipRequestRow(Base):
    """One request. A borrower has at most one that is open."""

    __tablename__ = "hardship_requests"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str | None] = mapped_column(Id, ForeignKey("loans.id"))
    """None: about all loans of the borrower."""
    lender_id: Mapped[str | None] = mapped_column(Id, ForeignKey("lenders.id"))
    """Of the loan; None as `loan_id` where the borrower owes several lenders: each of them sees it."""
    state: Mapped[str] = mapped_column(String(12), default="open")
    answers_sealed: Mapped[bytes] = mapped_column(Sealed)
    """JSON: change, lasts, monthly_minor, currency, wants_advice, words."""
    jurisdiction: Mapped[str] = mapped_column(String(8))
    opened_at: Mapped[datetime] = mapped_column(Instant)
    review_due_on: Mapped[date]
    """Last day in time, where the borrower is."""
    zone: Mapped[str] = mapped_column(String(64))
    """Where its days are counted."""
    taken_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(80))
    outcome_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """The words of the decision."""
    arrangement: Mapped[str | None] = mapped_column(String(64))
    """What was agreed: the id of a plan request or an arrangement."""
    breached_at: Mapped[datetime | None] = mapped_column(Instant)
    hold_id: Mapped[str | None] = mapped_column(Id)
    attachments: Mapped[list[Any]] = mapped_column(Json, default=list)
    """Ids."""
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_hardship_requests_borrower_id", "borrower_id", "opened_at", "id"),
        Index("ix_hardship_requests_state", "state", "review_due_on", "id"),
    )
