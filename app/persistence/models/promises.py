"""Promises to pay, and every change of them."""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class PromiseRow(Base):
    """One promise: an amount of a loan by the end of a day. Never deleted: that it was made is part of the history."""

    __tablename__ = "promises"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    group_id: Mapped[str] = mapped_column(Id)
    """The same for promises made together: half on Friday, half the Friday after."""
    promise_no: Mapped[int]
    """Counts the promises of the loan from 1: its name in decisions, which no database has made."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    promised_on: Mapped[date]
    zone: Mapped[str] = mapped_column(String(64))
    """Where the borrower lived when it was made: there its day ends."""
    ends_at: Mapped[datetime] = mapped_column(Instant)
    """The first instant after that day."""
    state: Mapped[str] = mapped_column(String(12))
    """A `PromiseState` of domain/promises.py."""
    paid_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Money that keeps it, as the ledger has it now; at most `amount_minor`."""
    made_at: Mapped[datetime] = mapped_column(Instant)
    made_on: Mapped[date]
    """The lender's date then: money of an earlier value date does not keep it, nor what was known before `made_at`."""
    made_by: Mapped[str] = mapped_column(String(80))
    """borrower, staff:NAME, core:CODE."""
    channel: Mapped[str] = mapped_column(String(12))
    """How it was given: in_app, voice, sms, ..."""
    reference: Mapped[str | None] = mapped_column(String(120))
    """LENDER/the core's own number, so that telling twice makes one promise."""
    replaced_by_id: Mapped[str | None] = mapped_column(Id)
    """The group that stands in its place."""
    hold_id: Mapped[str | None] = mapped_column(Id)
    """The hold that keeps the loan's other reminders back while it is open."""
    open_since: Mapped[datetime] = mapped_column(Instant)
    """When it was made, or was open again because its money was taken back: reminders dated earlier are none."""
    settled_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when it is not open."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        UniqueConstraint("borrower_id", "loan_id", "promise_no"),
        Index("ix_promises_loan_id", "loan_id"),
        Index(
            "ix_promises_reference",
            "borrower_id",
            "reference",
            unique=True,
            sqlite_where=text("reference IS NOT NULL"),
            postgresql_where=text("reference IS NOT NULL"),
        ),
    )


class PromiseEventRow(Base):
    """One change of a promise: made, paid on, settled, put right."""

    __tablename__ = "promise_events"

    promise_id: Mapped[str] = mapped_column(Id, ForeignKey("promises.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[str] = mapped_column(String(12))
    paid_minor: Mapped[int] = mapped_column(BigInteger)
    by: Mapped[str] = mapped_column(String(80))
    """borrower, staff:NAME, core:CODE, ledger (money), calendar (its day was over)."""
