"""Arrangements: agreed changes of a plan."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base


class ArrangementRow(Base):
    """One arrangement; states of domain/arrangements.py. A loan has at most one that is active."""

    __tablename__ = "arrangements"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    request_id: Mapped[str] = mapped_column(Id, ForeignKey("plan_requests.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    kind: Mapped[str] = mapped_column(String(24))
    state: Mapped[str] = mapped_column(String(12))
    anchor_no: Mapped[int]
    """The plan version that it made."""
    previous_anchor_no: Mapped[int]
    """The one that held before, and comes back where the rule says so."""
    document_sha256: Mapped[str] = mapped_column(String(64))
    """Of what was shown and agreed to; it is kept with the request."""
    agreed_on: Mapped[date]
    """In the loan's zone."""
    agreed_at: Mapped[datetime] = mapped_column(Instant)
    agreed_by_session: Mapped[str] = mapped_column(Id)
    """The borrower's session, in which a code was proved shortly before."""
    watched: Mapped[list[list[Any]]] = mapped_column(Json)
    """Rows of the new plan that have to be kept: [row_no, due_on]."""
    rule: Mapped[dict[str, Any]] = mapped_column(Json)
    """The rule it is watched by, as it was when agreed: grace_days, tolerance_minor, fall_back, ..."""
    hold_id: Mapped[str | None] = mapped_column(Id)
    """The hold plan_agreed, where the rule puts one."""
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_reason: Mapped[str | None] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        UniqueConstraint("request_id"),
        Index("ix_arrangements_borrower_id", "borrower_id", "agreed_at"),
        Index("ix_arrangements_loan_id", "loan_id", "agreed_at"),
        Index(
            "ix_arrangements_active",
            "loan_id",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )
