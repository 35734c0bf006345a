"""Rehearsals: what a policy would do, as it was worked out on the real book. Nothing of one is ever sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base


class RehearsalRow(Base):
    """One rehearsal: its settings, how far it is, its result."""

    __tablename__ = "rehearsals"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str | None] = mapped_column(Id, ForeignKey("lenders.id"))
    """Whose loans it is about, and whose staff see it; None: of the operator, over the whole book."""
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    """Policy document (or version), from, days, payments and delivery assumed, seed, what it is held against."""
    state: Mapped[str] = mapped_column(String(12))
    """waiting, running, done, failed."""
    borrowers_done: Mapped[int] = mapped_column(default=0)
    borrowers_total: Mapped[int] = mapped_column(default=0)
    digest: Mapped[str | None] = mapped_column(String(64))
    failure: Mapped[str | None] = mapped_column(String(400))
    by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)


class RehearsalCountRow(Base):
    """One line of a rehearsal's result: how many decisions of one kind on one day."""

    __tablename__ = "rehearsal_counts"

    rehearsal_id: Mapped[str] = mapped_column(Id, ForeignKey("rehearsals.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(20))
    """decisions, load (by hour and channel), cost, delta."""
    line: Mapped[dict[str, Any]] = mapped_column(Json)
