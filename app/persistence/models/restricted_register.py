"""Reports of borrowers to an authority or association under a named legal basis, and the files they are handed over in."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base

_LIVE = text("state IN ('waiting', 'standing')")
_UNFILED = text("file_id IS NULL")
_UNTOLD = text("told_at IS NULL")


class RegisterReportRow(Base):
    """One report of one loan to one register. Never deleted before its retention ends; states as in domain/registers.py."""

    __tablename__ = "register_reports"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    register: Mapped[str] = mapped_column(String(40))
    """A key of content/registers."""
    basis: Mapped[str] = mapped_column(String(40))
    """The key of the legal basis it rests on."""
    state: Mapped[str] = mapped_column(String(12))
    """waiting, declined, standing, removed."""
    fields: Mapped[list[Any]] = mapped_column(Json)
    """Names of what is handed over; no more than the register's own list."""
    content_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """What was handed over last, or is to be with the next file, as JSON; None while it waits."""
    content_sha256: Mapped[str | None] = mapped_column(String(64))
    notice_message_id: Mapped[str | None] = mapped_column(Id)
    """The message that served the notice; None: the core told that it came."""
    notice_kind: Mapped[str] = mapped_column(String(40))
    notice_delivered_at: Mapped[datetime] = mapped_column(Instant)
    asked_by: Mapped[str] = mapped_column(String(90))
    asked_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    declined_reason: Mapped[str | None] = mapped_column(String(200))
    """Of before reasons were sealed; nothing is written here any more."""
    declined_reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    reported_at: Mapped[datetime | None] = mapped_column(Instant)
    keep_until: Mapped[date | None]
    """Last day it may stand, by the register's retention."""
    mark: Mapped[str | None] = mapped_column(String(2))
    """Metro 2 compliance condition code of an objection while it stands; None: none."""
    removal_reason: Mapped[str | None] = mapped_column(String(24))
    """One of domain/registers.py `RemovalReason`."""
    removal_due_on: Mapped[date | None]
    """By when it has to be off the register, once there is a reason to remove it."""
    removed_by: Mapped[str | None] = mapped_column(String(90))
    removed_at: Mapped[datetime | None] = mapped_column(Instant)
    stated_at: Mapped[datetime | None] = mapped_column(Instant)
    """Until when the book was looked at for the amounts of its content; None: when it was reported."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index("uq_register_reports_live", "loan_id", "register", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
        Index("ix_register_reports_lender_id", "lender_id", "state", "id"),
        Index("ix_register_reports_borrower_id", "borrower_id", "asked_at"),
    )


class RegisterReportEventRow(Base):
    """What the register is to be told of a report: reported, corrected, removed. Appended; `file_id` says in which file."""

    __tablename__ = "register_report_events"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    report_id: Mapped[str] = mapped_column(Id, ForeignKey("register_reports.id"))
    borrower_id: Mapped[str] = mapped_column(Id)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    register: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(12))
    """reported, corrected, removed."""
    reason: Mapped[str | None] = mapped_column(String(24))
    at: Mapped[datetime] = mapped_column(Instant)
    """When it happened; it is recorded in the same instant."""
    by: Mapped[str] = mapped_column(String(90))
    content_sealed: Mapped[bytes] = mapped_column(Sealed)
    """What was to be told when it happened, as JSON."""
    content_sha256: Mapped[str] = mapped_column(String(64))
    told_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """The line as it was handed over, with the amounts of the file's day; written once. None: as `content_sealed`."""
    told_sha256: Mapped[str | None] = mapped_column(String(64))
    file_id: Mapped[str | None] = mapped_column(Id, ForeignKey("register_files.id"))
    """None: not handed over yet."""
    left_out: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Never handed over: reported and removed before there was a file."""
    told_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the borrower was told."""

    __table_args__ = (
        Index("ix_register_report_events_report_id", "report_id", "at"),
        Index(
            "ix_register_report_events_unfiled", "lender_id", "register", "id",
            sqlite_where=_UNFILED, postgresql_where=_UNFILED,
        ),
        Index("ix_register_report_events_file_id", "file_id", "id"),
        Index("ix_register_report_events_untold", "id", sqlite_where=_UNTOLD, postgresql_where=_UNTOLD),
    )  # fmt: skip


class RegisterFileRow(Base):
    """One file handed to a register: its lines are the events that name it, in the order of their ids."""

    __tablename__ = "register_files"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    register: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    """Counts from 1 per lender and register: a register sees at once that one is missing."""
    lines: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the file's bytes."""
    columns: Mapped[list[Any] | None] = mapped_column(Json)
    """Names of its columns, in order; None: those of before they were kept."""
    held_back: Mapped[list[Any] | None] = mapped_column(Json)
    """[report, gate] of what was left out of it, because a gate had shut since it was approved."""
    made_by: Mapped[str] = mapped_column(String(90))
    made_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("lender_id", "register", "number"),)
