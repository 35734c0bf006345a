"""What a lender sets for its desk: service levels, canned replies, and who is away."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base


class ServiceLevelsRow(Base):
    """The service levels of a lender. No row: those that come with the product."""

    __tablename__ = "service_levels"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    """As content/service_levels.yaml."""
    changed_at: Mapped[datetime] = mapped_column(Instant)
    changed_by: Mapped[str] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(default=1)


class CannedReplyRow(Base):
    """A reply that is written beforehand: a template, and perhaps where the thread goes with it."""

    __tablename__ = "canned_replies"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    key: Mapped[str] = mapped_column(String(40))
    """What people call it by."""
    title: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str | None] = mapped_column(String(12))
    """The kind of thread it is for; None: any."""
    texts: Mapped[dict[str, str]] = mapped_column(Json)
    """Locale -> text with variables; in every locale."""
    sets_status: Mapped[str | None] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12), default="draft")
    """draft, approved, retired."""
    written_by: Mapped[str] = mapped_column(String(80))
    written_at: Mapped[datetime] = mapped_column(Instant)
    approved_by: Mapped[str | None] = mapped_column(String(80))
    approved_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (UniqueConstraint("lender_id", "key"),)


class StaffAbsenceRow(Base):
    """Somebody who is given no threads for now."""

    __tablename__ = "staff_absences"

    staff_id: Mapped[str] = mapped_column(Id, ForeignKey("staff_accounts.id"), primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    since_at: Mapped[datetime] = mapped_column(Instant)
