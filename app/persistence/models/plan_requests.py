"""Requests for another plan, with what was offered, and who approved it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class PlanRequestRow(Base):
    """One request; states of domain/plan_requests.py. A loan has at most one that still waits for somebody."""

    __tablename__ = "plan_requests"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    kind: Mapped[str] = mapped_column(String(24))
    """Of domain/plan_options.py."""
    terms: Mapped[dict[str, Any]] = mapped_column(Json)
    why_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """What the borrower says about it, without card numbers."""
    asked_by: Mapped[str] = mapped_column(String(80))
    """borrower:ID, or staff:NAME on the borrower's behalf."""
    state: Mapped[str] = mapped_column(String(12))
    approvals_needed: Mapped[int]
    anchor_no: Mapped[int]
    """The plan version that the document was computed on."""
    snapshot_version: Mapped[int]
    """The loan's snapshot then: money that came since makes it another."""
    document_sealed: Mapped[bytes] = mapped_column(Sealed)
    """Exactly what was shown, canonical JSON."""
    document_sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[list[list[Any]]] = mapped_column(Json)
    """The plan offered: [row_no, due_on, principal, interest, fees, penalties]."""
    requested_at: Mapped[datetime] = mapped_column(Instant)
    offered_at: Mapped[datetime | None] = mapped_column(Instant)
    stands_until: Mapped[datetime] = mapped_column(Instant)
    """Exclusive: of a request, until when staff answer; of an offer, until when it may be accepted."""
    hold_id: Mapped[str | None] = mapped_column(Id)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it was accepted, declined, withdrawn, or expired."""
    ended_reason: Mapped[str | None] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_plan_requests_borrower_id", "borrower_id", "requested_at"),
        Index("ix_plan_requests_lender_id", "lender_id", "state", "requested_at", "id"),
        Index(
            "ix_plan_requests_waiting",
            "loan_id",
            unique=True,
            sqlite_where=text("state IN ('requested', 'offered')"),
            postgresql_where=text("state IN ('requested', 'offered')"),
        ),
    )


class PlanApprovalRow(Base):
    """One person's decision about a request."""

    __tablename__ = "plan_approvals"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    request_id: Mapped[str] = mapped_column(Id, ForeignKey("plan_requests.id"))
    borrower_id: Mapped[str] = mapped_column(Id)
    staff: Mapped[str] = mapped_column(String(80))
    """As the audit trail names them."""
    role: Mapped[str] = mapped_column(String(16))
    decision: Mapped[str] = mapped_column(String(8))
    """approve or decline."""
    reason: Mapped[str | None] = mapped_column(String(400))
    document_sha256: Mapped[str] = mapped_column(String(64))
    """What they had before them."""
    at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("request_id", "staff"),)
