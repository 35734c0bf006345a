"""Tasks: work that a person has to do, with the day by which."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base

_IS_OPEN = text("state = 'open'")
_IS_CLAIMED = text("claimed_by IS NOT NULL")
_TO_RANK = text("state = 'open' AND kind IN ('call', 'call_back')")


class TaskRow(Base):
    """One task. `natural_key` makes the same occasion the same task, whoever notices it and how often."""

    __tablename__ = "tasks"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    natural_key: Mapped[str] = mapped_column(String(160))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str | None] = mapped_column(Id)
    decision_id: Mapped[str | None] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(40))
    """call, letter, duty, or a task kind of the law packs' vocabulary."""
    queue: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12), default="open")
    """open, done, cancelled."""
    state_reason: Mapped[str | None] = mapped_column(String(40))
    rule: Mapped[str | None] = mapped_column(String(80))
    due_on: Mapped[date | None]
    """Last day in time, where the borrower is."""
    due_at: Mapped[datetime | None] = mapped_column(Instant)
    not_before: Mapped[datetime | None] = mapped_column(Instant)
    not_after: Mapped[datetime | None] = mapped_column(Instant)
    """A call may be made in [not_before, not_after) only."""
    breach: Mapped[bool] = mapped_column(default=False)
    """The day has passed and it was not done."""
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_by: Mapped[str | None] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(default=1)
    claimed_by: Mapped[str | None] = mapped_column(String(80))
    """Who does it now, until `claimed_until`: nobody else takes it meanwhile."""
    claimed_until: Mapped[datetime | None] = mapped_column(Instant)
    rank_at: Mapped[datetime] = mapped_column(Instant, server_default="0")
    """Of a call: when its place in the worklist is to be worked out next."""

    __table_args__ = (
        UniqueConstraint("natural_key"),
        Index("ix_tasks_to_rank", "rank_at", "id", sqlite_where=_TO_RANK, postgresql_where=_TO_RANK),
        Index("ix_tasks_borrower_id", "borrower_id", "state"),
        Index("ix_tasks_queue", "state", "queue", "due_on"),
        Index("ix_tasks_claimed_by", "claimed_by", sqlite_where=_IS_CLAIMED, postgresql_where=_IS_CLAIMED),
        Index("ix_tasks_deadline", "due_on", "id", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
        Index("ix_tasks_open", "breach", "due_on", "id", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    )
