"""What the running program keeps about itself: leases, its clock, and the events of a replay."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base


class LeaseRow(Base):
    """Who may do a job now. The fence rises with each new holder; a write under an older fence is refused."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80))
    fence: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(Instant)
    """Machine time."""


class ClockRow(Base):
    """The book's clock where it is moved: in the sandbox and in a replay. No row: machine time."""

    __tablename__ = "clock"

    id: Mapped[int] = mapped_column(primary_key=True)
    frozen_at: Mapped[datetime | None] = mapped_column(Instant)
    """Stands still here; else machine time plus the offset."""
    offset_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    travel_to: Mapped[datetime | None] = mapped_column(Instant)
    """Where the engine is moving it, from wake to wake."""


class ScratchEventRow(Base):
    """A fact of the book that a replay has not reached yet."""

    __tablename__ = "scratch_events"

    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    kind: Mapped[str] = mapped_column(String(20))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    applied_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (Index("ix_scratch_events_at", "at", "seq"),)


class ScratchRunRow(Base):
    """What a scratch copy was made for."""

    __tablename__ = "scratch_runs"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    ends_at: Mapped[datetime] = mapped_column(Instant)
