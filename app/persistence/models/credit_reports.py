"""Credit reporting: the bureaus a lender reports to, the loans, what was frozen and furnished, what was put right."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base

_STANDS = text("ended_at IS NULL")
_COUNTS = text("state NOT IN ('declined', 'rejected')")
_OPEN = text("state IN ('proposed', 'approved')")


class CreditBureauRow(Base):
    """That a lender reports to a bureau, and how. A second person approves it; one that stood before is ended by it."""

    __tablename__ = "credit_bureaus"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    bureau: Mapped[str] = mapped_column(String(24))
    """A short name: PBOC, EXPERIAN, ..."""
    format: Mapped[str] = mapped_column(String(12))
    """metro2 or pboc."""
    furnisher_code: Mapped[str] = mapped_column(String(40))
    """By which the bureau knows the lender."""
    furnisher_name: Mapped[str] = mapped_column(String(60))
    furnisher_address: Mapped[str] = mapped_column(String(96))
    """As the file's header names the lender; Latin letters in Metro 2."""
    reports: Mapped[str] = mapped_column(String(16))
    """all: every enrolled loan; negative_only: those that are late."""
    while_disputed: Mapped[str] = mapped_column(String(12))
    """withheld: nothing negative is furnished while a dispute is open; marked: it is, with the mark."""
    lead_days: Mapped[int]
    """Days of the house after a notice was delivered, beside those of the law; at least 1."""
    state: Mapped[str] = mapped_column(String(12))
    """waiting, enabled, declined, ended."""
    requested_by: Mapped[str] = mapped_column(String(90))
    requested_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index(
            "uq_credit_bureaus_enabled", "lender_id", "bureau", unique=True,
            sqlite_where=text("state = 'enabled'"), postgresql_where=text("state = 'enabled'"),
        ),
        Index("ix_credit_bureaus_lender_id", "lender_id", "requested_at"),
    )  # fmt: skip


class CreditEnrolmentRow(Base):
    """That a loan is reported, since when, as what. One stands at a time; a run of arrears that is over ends it."""

    __tablename__ = "credit_enrolments"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    kind: Mapped[str] = mapped_column(String(12))
    """positive, negative, default."""
    notice_message_id: Mapped[str | None] = mapped_column(String(36))
    """The notice that was delivered before; None: of a positive one, or told by the core."""
    rule: Mapped[str | None] = mapped_column(String(80))
    """That let it pass, where one looked at it."""
    started_by: Mapped[str] = mapped_column(String(90))
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(String(90))
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    end_reason: Mapped[str | None] = mapped_column(String(40))
    """cured, settled, raised, withdrawn, deleted."""

    __table_args__ = (
        Index("uq_credit_enrolments_loan", "loan_id", unique=True, sqlite_where=_STANDS, postgresql_where=_STANDS),
        Index("ix_credit_enrolments_loan_id", "loan_id", "started_at"),
        Index("ix_credit_enrolments_lender_id", "lender_id", "started_at", "loan_id"),
        Index("ix_credit_enrolments_borrower_id", "borrower_id"),
    )


class CreditSnapshotRow(Base):
    """A lender's reports to a bureau as of a day, frozen. What it holds never changes; only what becomes of it does."""

    __tablename__ = "credit_snapshots"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    bureau_id: Mapped[str] = mapped_column(Id, ForeignKey("credit_bureaus.id"))
    bureau: Mapped[str] = mapped_column(String(24))
    format: Mapped[str] = mapped_column(String(12))
    as_of: Mapped[date]
    previous_id: Mapped[str | None] = mapped_column(Id)
    """The one before it of the same lender and bureau whose history it goes on with."""
    state: Mapped[str] = mapped_column(String(16))
    """As in domain/credit_snapshots.MOVES."""
    cursor: Mapped[str | None] = mapped_column(Id)
    """The last loan that is frozen; where it goes on after it was stopped."""
    counts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """furnished and withheld; by status code, by reason, by mark."""
    chain_sha256: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """Hash over all its rows, in the order of their loans."""
    made_by: Mapped[str] = mapped_column(String(90))
    made_at: Mapped[datetime] = mapped_column(Instant)
    """When it was begun: what was known of holds, notices and disputes then counts."""
    frozen_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decline_reason: Mapped[str | None] = mapped_column(String(200))
    """As it was kept before it was sealed; not written any more."""
    decline_reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    file_sha256: Mapped[str | None] = mapped_column(String(64))
    file_records: Mapped[int | None]
    filed_by: Mapped[str | None] = mapped_column(String(90))
    filed_at: Mapped[datetime | None] = mapped_column(Instant)
    submitted_by: Mapped[str | None] = mapped_column(String(90))
    submitted_at: Mapped[datetime | None] = mapped_column(Instant)
    submission_reference: Mapped[str | None] = mapped_column(String(120))
    """The bureau's own number of what it took in."""
    answered_at: Mapped[datetime | None] = mapped_column(Instant)
    noted_cursor: Mapped[str | None] = mapped_column(Id)
    """Of one that was handed in: the last loan of which what follows from that is noted (services/credit_submissions)."""
    noted_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the last of it was."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index(
            "uq_credit_snapshots_as_of", "lender_id", "bureau", "as_of", unique=True,
            sqlite_where=_COUNTS, postgresql_where=_COUNTS,
        ),
        Index("ix_credit_snapshots_lender_id", "lender_id", "as_of"),
    )  # fmt: skip


class CreditReportRow(Base):
    """One loan in a snapshot: what is furnished, or why nothing is. A trigger lets only its people be forgotten."""

    __tablename__ = "credit_reports"

    snapshot_id: Mapped[str] = mapped_column(Id, ForeignKey("credit_snapshots.id"), primary_key=True)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"), primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    kind: Mapped[str] = mapped_column(String(12))
    """positive, negative, default: what the account facts make of it."""
    reason: Mapped[str | None] = mapped_column(String(40))
    """Why it is not furnished; None: it is."""
    rule: Mapped[str | None] = mapped_column(String(80))
    """Of the law pack, where one decided."""
    notice_message_id: Mapped[str | None] = mapped_column(String(36))
    mark: Mapped[str | None] = mapped_column(String(2))
    """Of a dispute: XB, XC, XH."""
    status: Mapped[str] = mapped_column(String(4))
    """By the format: Metro 2 account status, or the month's status code."""
    first_delinquency_on: Mapped[date | None]
    history: Mapped[str] = mapped_column(String(64))
    """Month by month, newest first, this month in front."""
    last_snapshot_id: Mapped[str | None] = mapped_column(Id)
    """In which the loan was furnished last before this one; None: never."""
    account: Mapped[dict[str, Any]] = mapped_column(Json)
    """The account facts (domain/credit_accounts), without the person's name and numbers: those are the file's."""
    people_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """JSON of whom the report names (credit_accounts.consumers_of); None: not furnished, or no longer kept."""
    people_mark: Mapped[str | None] = mapped_column(String(64))
    """Of the borrower's sealed record that the people were read from: the same, so are they. None: nobody is named."""
    terms_mark: Mapped[str | None] = mapped_column(String(64))
    """Of the loan's terms that the history was worked out by, where nothing of the loan was ever furnished."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Chained: of the row before it and of this one, without the people."""

    __table_args__ = (Index("ix_credit_reports_borrower_id", "borrower_id", "loan_id"),)


class CreditOmissionRow(Base):
    """A frozen report that was left out of the file, since a gate had shut between freezing and making it."""

    __tablename__ = "credit_omissions"

    snapshot_id: Mapped[str] = mapped_column(Id, ForeignKey("credit_snapshots.id"), primary_key=True)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(40))
    rule: Mapped[str | None] = mapped_column(String(80))
    omitted_at: Mapped[datetime] = mapped_column(Instant)


class CreditRejectionRow(Base):
    """A line that the bureau did not take, as it told."""

    __tablename__ = "credit_rejections"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    snapshot_id: Mapped[str] = mapped_column(Id, ForeignKey("credit_snapshots.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    code: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str] = mapped_column(String(400))
    """As it was kept before it was sealed; empty since."""
    detail_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    told_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("snapshot_id", "loan_id", "code"),)


class CreditCorrectionRow(Base):
    """What was furnished and is to be told otherwise, or taken out. States as in domain/credit_corrections.MOVES."""

    __tablename__ = "credit_corrections"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    snapshot_id: Mapped[str] = mapped_column(Id, ForeignKey("credit_snapshots.id"))
    """In which it was furnished."""
    bureau: Mapped[str] = mapped_column(String(24))
    kind: Mapped[str] = mapped_column(String(12))
    """correction or deletion."""
    code: Mapped[str] = mapped_column(String(8))
    """How the format says it: DA, DF (Metro 2), 114 (PBOC), else the new status."""
    reason: Mapped[str] = mapped_column(String(40))
    """Of domain/credit_corrections.REASONS."""
    old: Mapped[dict[str, Any]] = mapped_column(Json)
    new: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """Only the values that differ; None: taken out."""
    evidence: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """On which it rests: rule, its source and grade, the days it counts from and to, the case."""
    state: Mapped[str] = mapped_column(String(12))
    proposed_by: Mapped[str] = mapped_column(String(90))
    proposed_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    filed_in: Mapped[str | None] = mapped_column(Id)
    """The snapshot whose file told it to the bureau."""
    filed_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index(
            "uq_credit_corrections_open", "loan_id", "bureau", "reason", unique=True,
            sqlite_where=_OPEN, postgresql_where=_OPEN,
        ),
        Index("ix_credit_corrections_lender_id", "lender_id", "state", "proposed_at"),
        Index("ix_credit_corrections_borrower_id", "borrower_id", "proposed_at"),
    )  # fmt: skip


class CreditStatementRow(Base):
    """What a borrower adds to their own record. The newest that is not withdrawn goes with the reports."""

    __tablename__ = "credit_statements"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    words_sealed: Mapped[bytes] = mapped_column(Sealed)
    made_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (Index("ix_credit_statements_borrower_id", "borrower_id", "loan_id", "made_at"),)
