"""Who funded which part of a loan, what of the money that came in was passed on to them, and what was paid out."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base

_WAITING = text("state = 'waiting'")
_IN_FORCE = text("state = 'active'")


class FunderRow(Base):
    """A person or firm whose money is in loans of a lender."""

    __tablename__ = "funders"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    funder_no: Mapped[str] = mapped_column(String(64))
    """Unique at the lender."""
    kind: Mapped[str] = mapped_column(String(8))
    """person, firm."""
    name_sealed: Mapped[bytes] = mapped_column(Sealed)
    email_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    account_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """Where payouts go: IBAN or account number, as told."""
    account_by: Mapped[str | None] = mapped_column(String(90))
    """Who told that account: they approve no payout to it. None: it was never told, or before this was kept."""
    locale: Mapped[str] = mapped_column(String(16), default="en", server_default="en")
    content_hash: Mapped[str] = mapped_column(String(64))
    """Keyed, of what was told last: the same again changes nothing."""
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (UniqueConstraint("lender_id", "funder_no"),)


class FundedLoanRow(Base):
    """A loan that funders have shares of, and how far its ledger was passed on."""

    __tablename__ = "funded_loans"

    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"), primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    currency: Mapped[str] = mapped_column(String(3))
    units_minor: Mapped[int] = mapped_column(BigInteger)
    """The loan's principal: what all shares are parts of. What nobody funded is the lender's own part."""
    service_fee: Mapped[dict[str, Any]] = mapped_column(Json)
    """What the platform keeps of money passed on, by component, as fractions: {"interest": "0.1"}."""
    passed_version: Mapped[int] = mapped_column(default=0, server_default="0")
    """Version of the position snapshot up to which its ledger was passed on; -1: shares changed since."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (Index("ix_funded_loans_lender_id", "lender_id", "loan_id"),)


class ShareTransferRow(Base):
    """A share of a loan that went from one to another, from the beginning of a day on. Appended, never changed."""

    __tablename__ = "share_transfers"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("funded_loans.loan_id"))
    giver_id: Mapped[str | None] = mapped_column(Id, ForeignKey("funders.id"))
    """None: the lender; that is, the share was funded."""
    taker_id: Mapped[str | None] = mapped_column(Id, ForeignKey("funders.id"))
    """None: the lender, which took the share back."""
    units_minor: Mapped[int] = mapped_column(BigInteger)
    """Principal funded, in the loan's currency."""
    effective_on: Mapped[date]
    reference: Mapped[str] = mapped_column(String(120))
    content_hash: Mapped[str] = mapped_column(String(64))
    recorded_on: Mapped[date]
    """The day of recording where the lender is: periods of statements count by it."""
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(90))

    __table_args__ = (
        UniqueConstraint("lender_id", "reference"),
        Index("ix_share_transfers_loan_id", "loan_id", "effective_on"),
        Index("ix_share_transfers_taker_id", "taker_id", "loan_id"),
        Index("ix_share_transfers_giver_id", "giver_id", "loan_id"),
    )


class PassThroughMarkRow(Base):
    """How a ledger entry was passed on last: what makes passing on happen once per entry."""

    __tablename__ = "pass_through_marks"

    entry_id: Mapped[str] = mapped_column(Id, primary_key=True)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("funded_loans.loan_id"))
    revision: Mapped[int]
    """Counts from 1; raised when an entry is reversed, spread anew, or its shares turn out to be others."""
    effective_on: Mapped[date]
    is_money: Mapped[bool]
    """False: principal given up or adjusted; it lowers what funders have outstanding, and nothing is paid."""
    principal_minor: Mapped[int] = mapped_column(BigInteger)
    interest_minor: Mapped[int] = mapped_column(BigInteger)
    fees_minor: Mapped[int] = mapped_column(BigInteger)
    penalties_minor: Mapped[int] = mapped_column(BigInteger)
    shares_hash: Mapped[str] = mapped_column(String(64))
    """Of the shares by which it was divided."""

    __table_args__ = (Index("ix_pass_through_marks_loan_id", "loan_id"),)


class PassThroughEntryRow(Base):
    """What one holder got of one ledger entry, or had taken back. Append-only; sums are what was passed on."""

    __tablename__ = "pass_through_entries"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("funded_loans.loan_id"))
    entry_id: Mapped[str] = mapped_column(Id)
    revision: Mapped[int]
    funder_id: Mapped[str | None] = mapped_column(Id, ForeignKey("funders.id"))
    """None: the lender's own part."""
    currency: Mapped[str] = mapped_column(String(3))
    effective_on: Mapped[date]
    booked_on: Mapped[date]
    """The day of booking where the lender is: periods of statements count by it, so that none changes afterwards."""
    booked_at: Mapped[datetime] = mapped_column(Instant)
    is_money: Mapped[bool]
    principal_minor: Mapped[int] = mapped_column(BigInteger)
    interest_minor: Mapped[int] = mapped_column(BigInteger)
    fees_minor: Mapped[int] = mapped_column(BigInteger)
    penalties_minor: Mapped[int] = mapped_column(BigInteger)
    service_fee_minor: Mapped[int] = mapped_column(BigInteger)
    """What the platform kept of it."""

    __table_args__ = (
        Index("ix_pass_through_entries_entry_id", "entry_id", "revision"),
        Index("ix_pass_through_entries_loan_id", "loan_id", "funder_id"),
        Index("ix_pass_through_entries_funder_id", "funder_id", "booked_on"),
    )


class PayoutBatchRow(Base):
    """Payouts to funders in one currency, made by one person and approved by another."""

    __tablename__ = "payout_batches"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    currency: Mapped[str] = mapped_column(String(3))
    until_on: Mapped[date]
    """What was booked until the end of this day is in it."""
    state: Mapped[str] = mapped_column(String(12))
    """waiting, approved, declined."""
    payouts: Mapped[int]
    total_minor: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the payouts file."""
    requested_by: Mapped[str] = mapped_column(String(90))
    requested_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    declined_reason: Mapped[str | None] = mapped_column(String(200))
    """As it was kept before `declined_reason_sealed`."""
    declined_reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index(
            "uq_payout_batches_waiting", "lender_id", "currency", unique=True,
            sqlite_where=_WAITING, postgresql_where=_WAITING,
        ),
        Index("ix_payout_batches_lender_id", "lender_id", "requested_at"),
    )  # fmt: skip


class PayoutRow(Base):
    """What one funder is paid by one batch."""

    __tablename__ = "payouts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    batch_id: Mapped[str] = mapped_column(Id, ForeignKey("payout_batches.id"))
    funder_id: Mapped[str] = mapped_column(Id, ForeignKey("funders.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    payee_sealed: Mapped[bytes] = mapped_column(Sealed)
    """Name and account as they were when the batch was made, as JSON."""

    __table_args__ = (UniqueConstraint("batch_id", "funder_id"), Index("ix_payouts_funder_id", "funder_id"))


class WindDownRow(Base):
    """A lender's word that it takes no new loans and only collects. Never deleted; states as in domain/wind_downs.py."""

    __tablename__ = "wind_downs"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    state: Mapped[str] = mapped_column(String(12))
    """waiting, active, declined, ended."""
    reason: Mapped[str] = mapped_column(String(400), default="")
    """As it was kept before `reason_sealed`; empty since."""
    reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    terms: Mapped[dict[str, Any]] = mapped_column(Json)
    """{"longer_plans": bool, "contact": text}: what is still offered, and whom borrowers ask."""
    requested_by: Mapped[str] = mapped_column(String(90))
    requested_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    declined_reason: Mapped[str | None] = mapped_column(String(200))
    """As it was kept before `declined_reason_sealed`."""
    declined_reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    since_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when the lender winds down, of one that corrects another; None: since it was decided."""
    told_until: Mapped[str | None] = mapped_column(Id)
    """The last borrower who was told of it, in the order of ids."""
    told_at: Mapped[datetime | None] = mapped_column(Instant)
    """When all had been."""
    ended_by: Mapped[str | None] = mapped_column(String(90))
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index("uq_wind_downs_waiting", "lender_id", unique=True, sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("uq_wind_downs_active", "lender_id", unique=True, sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
    )
