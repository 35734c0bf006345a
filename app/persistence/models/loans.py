"""Loans, their plans, and the ledger with what follows from it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, String, UniqueConstraint, false, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base

_ACCOUNT_NO = (
    "upper(replace(replace(replace(replace(replace(replace(replace("
    "loan_no, '-', ''), '.', ''), '_', ''), ':', ''), '/', ''), '#', ''), ' ', ''))"
)
ACCOUNT_NO: ColumnElement[str] = literal_column(_ACCOUNT_NO.replace("loan_no", "loans.loan_no"), String())
"""A loan's number in capitals without its punctuation, as the index has it, so that loans are found by it."""


class LoanRow(Base):
    """One loan with its contract. The loan number is unique per lender (`loan_numbers`)."""

    __tablename__ = "loans"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"), index=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    loan_no: Mapped[str] = mapped_column(String(64))
    product: Mapped[str | None] = mapped_column(String(80))
    product_kind: Mapped[str | None] = mapped_column(String(20))
    """instalment, revolving, hcstc, single_payment, secured_vehicle; None: nobody said."""
    autopay: Mapped[bool] = mapped_column(default=False)
    """A payment is expected to be drawn by itself when an instalment is due."""
    currency: Mapped[str] = mapped_column(String(3))
    zone: Mapped[str] = mapped_column(String(64))
    """IANA zone whose calendar the due dates are in."""
    status: Mapped[str] = mapped_column(String(20), default="active")
    """active, closed, written_off, cancelled."""
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when the core has it as over (closed unpaid, written off, cancelled): no reminder step after it counts."""
    resumed_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the core took such a word back: no step between the two counts."""
    principal_minor: Mapped[int | None] = mapped_column(BigInteger)
    """Amount lent; None when no source said, and then the plan's principal stands for it."""
    disbursed_on: Mapped[date | None]
    maturity_on: Mapped[date | None]
    contract: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """The loan's own terms: method, day_count, rate, delinquency_edges, ... ; nothing about a loan is a constant in code."""
    cap: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """The cap of law on what the loan may cost, as of when the loan was put (domain/caps.py); None: never looked at."""
    cap_unknown: Mapped[bool] = mapped_column(default=False, server_default=false())
    """A cap may bind and its figure is missing; a copy of what `cap` says, to be found by."""
    stops: Mapped[list[list[Any]] | None] = mapped_column(Json)
    """A copy of the loan's `interest_stops` as `domain/stops.py` packs them, so that a balance needs no statement more."""
    over_cap_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """What the plan and its charges ask for above the cap, which is not collected; written with the snapshot."""
    marks: Mapped[list[str]] = mapped_column(Json, default=list)
    """What a reader must know: first_instalment_only, estimated_plan, absent_from_tape, ..."""
    anchor_no: Mapped[int] = mapped_column(default=0)
    """The current plan version; 0 while there is no plan."""
    core_as_of: Mapped[date | None]
    """Day of the newest tape that has the loan; with `core_figures` a copy, so that a balance needs no statement more."""
    core_figures: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """What that tape says, as far as it can be held against ours (domain/tapes.py `CoreFigures`)."""
    desk_untold_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """What the desk took in and gave up, and the core has not told of: its figures lack it."""
    version: Mapped[int] = mapped_column(default=1)
    source_version: Mapped[int | None]
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    """When the book of record knew the loan."""
    imported_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        Index("ix_loans_account_no", "lender_id", text(_ACCOUNT_NO)),
        Index(
            "ix_loans_on_tape",
            "lender_id",
            "id",
            sqlite_where=text("core_as_of IS NOT NULL"),
            postgresql_where=text("core_as_of IS NOT NULL"),
        ),
        Index(
            "ix_loans_cap_unknown",
            "lender_id",
            "id",
            sqlite_where=text("cap_unknown"),
            postgresql_where=text("cap_unknown"),
        ),
        Index(
            "ix_loans_over_cap",
            "lender_id",
            "id",
            sqlite_where=text("over_cap_minor > 0"),
            postgresql_where=text("over_cap_minor > 0"),
        ),
    )


class LoanNumberRow(Base):
    """Directory: which loan has this number at this lender."""

    __tablename__ = "loan_numbers"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    loan_no: Mapped[str] = mapped_column(String(64), primary_key=True)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    borrower_id: Mapped[str] = mapped_column(Id)


class LoanAccountRow(Base):
    """Directory: which loans are kept in, or paid from, this account; what statement lines are matched by."""

    __tablename__ = "loan_accounts"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    account_no: Mapped[str] = mapped_column(String(56), primary_key=True)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"), primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)


class StandingOrderRow(Base):
    """An order by which the borrower's bank pays by itself, as the core last said."""

    __tablename__ = "standing_orders"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(String(120), primary_key=True)
    account_no: Mapped[str] = mapped_column(String(56))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    imported_at: Mapped[datetime] = mapped_column(Instant)


class LoanTapeRow(Base):
    """What the core said of a loan on one day; kept beside our own figures, never mixed with them."""

    __tablename__ = "loan_tapes"

    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"), primary_key=True)
    as_of: Mapped[date] = mapped_column(primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    imported_at: Mapped[datetime] = mapped_column(Instant)


OF_CONTRACT = "contract"
"""The origin of plans made from the loan's contract; the core's own plan always replaces one."""
AGREED, RETURNED = "arrangement", "arrangement_ended"
"""The origins of plans that a borrower agreed to here, and of the one before that came back when such a plan was broken."""
ESTIMATED_PLAN = "estimated_plan"
"""The mark of a loan whose plan was made of a tape's terms; it goes when the core sends the plan."""


class PlanVersionRow(Base):
    """One version of a loan's plan. `anchor_no` counts from 1."""

    __tablename__ = "plan_versions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    anchor_no: Mapped[int]
    effective_on: Mapped[date | None]
    """First day it holds for; None: from the start of the loan."""
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    imported_at: Mapped[datetime] = mapped_column(Instant)
    watched_from_at: Mapped[datetime] = mapped_column(Instant)
    """Reminder steps dated earlier are no candidates: nobody was watching, or the plan was not yet agreed."""
    origin: Mapped[str] = mapped_column(String(80))
    content_hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (UniqueConstraint("loan_id", "anchor_no"),)


class InstalmentRow(Base):
    """One contractual row of one plan version."""

    __tablename__ = "instalments"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    anchor_no: Mapped[int]
    row_no: Mapped[int]
    due_on: Mapped[date]
    principal_minor: Mapped[int] = mapped_column(BigInteger)
    interest_minor: Mapped[int] = mapped_column(BigInteger)
    fees_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    penalties_minor: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (
        UniqueConstraint("loan_id", "anchor_no", "row_no"),
        Index("ix_instalments_due_on", "due_on"),
    )


class LedgerEntryRow(Base):
    """An append-only fact about money. Never updated, never deleted. Fields as in domain/ledger.py."""

    __tablename__ = "ledger_entries"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    kind: Mapped[str] = mapped_column(String(24))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    effective_on: Mapped[date]
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    imported_at: Mapped[datetime] = mapped_column(Instant)
    reference: Mapped[str] = mapped_column(String(120))
    """The payer's or the core's reference; unique per lender (`payment_references`)."""
    reverses_id: Mapped[str | None] = mapped_column(Id)
    row_no: Mapped[int | None]
    due_on: Mapped[date | None]
    """When a charge falls due; None: the day it is levied."""
    surplus: Mapped[str | None] = mapped_column(String(12))
    """What the payer chose for money that is more than what is due (domain/allocation.py `Surplus`)."""
    principal_minor: Mapped[int | None] = mapped_column(BigInteger)
    interest_minor: Mapped[int | None] = mapped_column(BigInteger)
    fees_minor: Mapped[int | None] = mapped_column(BigInteger)
    penalties_minor: Mapped[int | None] = mapped_column(BigInteger)
    channel: Mapped[str | None] = mapped_column(String(40))
    bank_reference: Mapped[str | None] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(500))
    origin: Mapped[str] = mapped_column(String(80))
    """Which door it came through: "ingest", or "import:<map>"."""

    __table_args__ = (
        Index("ix_ledger_entries_loan_id_recorded_at", "loan_id", "recorded_at"),
        Index(
            "ix_ledger_entries_bank_reference",
            "bank_reference",
            sqlite_where=text("bank_reference IS NOT NULL"),
            postgresql_where=text("bank_reference IS NOT NULL"),
        ),
        Index("ix_ledger_entries_effective_on", "effective_on", postgresql_using="brin"),
    )


class PaymentReferenceRow(Base):
    """Directory: the ledger entry of a payment reference at a lender; what makes a payment idempotent."""

    __tablename__ = "payment_references"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(String(120), primary_key=True)
    entry_id: Mapped[str] = mapped_column(Id)
    borrower_id: Mapped[str] = mapped_column(Id)
    content_hash: Mapped[str] = mapped_column(String(64))


_IS_UNMATCHED = text("matched_at IS NULL")


class UnmatchedPaymentRow(Base):
    """Money that could not be matched to a loan: kept and listed until it is, never dropped."""

    __tablename__ = "unmatched_payments"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    reference: Mapped[str] = mapped_column(String(120))
    loan_no: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    content_hash: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(Instant)
    matched_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("lender_id", "reference"),
        Index(
            "ix_unmatched_payments_waiting",
            "lender_id",
            "received_at",
            "id",
            sqlite_where=_IS_UNMATCHED,
            postgresql_where=_IS_UNMATCHED,
        ),
    )


class AllocationRow(Base):
    """What one entry did to one row, with the span of knowledge in which that stood. Derived from the ledger."""

    __tablename__ = "allocations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    entry_id: Mapped[str] = mapped_column(Id)
    row_no: Mapped[int | None]
    principal_minor: Mapped[int] = mapped_column(BigInteger)
    interest_minor: Mapped[int] = mapped_column(BigInteger)
    fees_minor: Mapped[int] = mapped_column(BigInteger)
    penalties_minor: Mapped[int] = mapped_column(BigInteger)
    unapplied_minor: Mapped[int] = mapped_column(BigInteger)
    effective_on: Mapped[date]
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    replaced_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (Index("ix_allocations_loan_id_row_no", "loan_id", "row_no"),)


class PositionSnapshotRow(Base):
    """A loan's state that does not depend on the date, written with the ledger entry that changed it."""

    __tablename__ = "position_snapshots"

    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"), primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, index=True)
    version: Mapped[int]
    """Raised by each write; part of the ETag."""
    anchor_no: Mapped[int]
    principal_balance_minor: Mapped[int] = mapped_column(BigInteger)
    unapplied_minor: Mapped[int] = mapped_column(BigInteger)
    open_rows: Mapped[list[list[Any]]] = mapped_column(Json)
    """[row_no, due_on ISO, principal, interest, fees, penalties] still open, ascending by due date."""
    row_states: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """By row number, of rows that are late or have charges due earlier: late [...], ahead [[due_on, fees, penalties]]."""
    last_effective_on: Mapped[date | None]
    last_recorded_at: Mapped[datetime | None] = mapped_column(Instant)
    holds_until: Mapped[date | None]
    """Last day it answers for; None: every later day."""
    paid_late_days: Mapped[int] = mapped_column(default=0, server_default="0")
    """Most days late of rows paid by now in the run of arrears that goes on."""


class ImportRunRow(Base):
    """One file taken in: what it was, and what came of it."""

    __tablename__ = "import_runs"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str | None] = mapped_column(Id, ForeignKey("lenders.id"))
    """None: a file about lenders or borrowers, which belong to the installation."""
    map_name: Mapped[str] = mapped_column(String(80))
    as_of: Mapped[date | None]
    """The business date of a tape; newer ones win, older ones are refused, per lender and map."""
    file_sha256: Mapped[str] = mapped_column(String(64))
    counts: Mapped[dict[str, Any]] = mapped_column(Json)
    started_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (Index("ix_import_runs_lender_id_map_name", "lender_id", "map_name", "as_of"),)
