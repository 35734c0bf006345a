"""Visits to borrowers: who went where with what identity, and what came of it; and what a lender allows of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class VisitRow(Base):
    """One visit: planned, started at the door, ended with an outcome; or cancelled."""

    __tablename__ = "visits"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_ids: Mapped[list[str]] = mapped_column(Json)
    """What it is about."""
    place: Mapped[str] = mapped_column(String(12))
    """home, workplace, elsewhere."""
    address_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """One line; None: the borrower's own address."""
    from_at: Mapped[datetime] = mapped_column(Instant)
    until_at: Mapped[datetime] = mapped_column(Instant)
    """Exclusive: from then on it is not begun any more."""
    people_sealed: Mapped[bytes] = mapped_column(Sealed)
    """JSON list of who goes: {name, agency, identity_no, authorisation}."""
    state: Mapped[str] = mapped_column(String(12))
    """planned, started, ended, cancelled."""
    state_reason: Mapped[str | None] = mapped_column(String(40))
    """Why it was cancelled."""
    outcome: Mapped[str | None] = mapped_column(String(20))
    override_reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """Why a policy was set aside for it."""
    identity_shown: Mapped[bool | None]
    """Whether those who went say that they showed who they are, and their authorisation."""
    message_id: Mapped[str | None] = mapped_column(Id)
    """Of its contact, from its start on: by it caps of law count the visit."""
    notes_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    """[{kind: file, id} | {kind: recording, sha256, seconds, kept_at}]."""
    planned_at: Mapped[datetime] = mapped_column(Instant)
    planned_by: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    started_by: Mapped[str | None] = mapped_column(String(80))
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it ended or was cancelled."""
    closed_by: Mapped[str | None] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_visits_borrower_id", "borrower_id", "from_at", "id"),
        Index("ix_visits_lender_id", "lender_id", "from_at", "id"),
    )


class VisitRulesRow(Base):
    """What a lender allows of visits. No row: only where a law pack speaks of them, at home, by two people."""

    __tablename__ = "visit_rules"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    allowed: Mapped[bool]
    """Also where no rule of law speaks of them."""
    workplace: Mapped[bool]
    most_people: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(Instant)
    changed_by: Mapped[str] = mapped_column(String(80))
