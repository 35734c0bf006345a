"""Lines of lenders' bank statements, what became of each, and the references by which payers name a loan on a transfer."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class TransferReferenceRow(Base):
    """Directory: which loan a creditor reference names at a lender. Made when it is first shown; it never changes."""

    __tablename__ = "transfer_references"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(String(10), primary_key=True)
    """Ten digits; the RF form follows from them (domain/creditor_references.py)."""
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    borrower_id: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("loan_id"),)


class TransferSettingsRow(Base):
    """Where borrowers of a lender transfer to, and how far its statement lines are matched by themselves."""

    __tablename__ = "transfer_settings"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    account: Mapped[str | None] = mapped_column(String(56))
    """IBAN without blanks, or as the country writes accounts; None: borrowers are shown the reference alone."""
    bic: Mapped[str | None] = mapped_column(String(11))
    holder: Mapped[str | None] = mapped_column(String(70))
    """Name of the account; None: the lender's."""
    rules: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """Fields of domain/statement_matching.py `MatchRules` in which the lender differs."""
    changed_at: Mapped[datetime] = mapped_column(Instant)
    changed_by: Mapped[str] = mapped_column(String(80))


class StatementLineRow(Base):
    """One movement on a lender's account, as its bank told it. The money fields never change."""

    __tablename__ = "statement_lines"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    reference: Mapped[str] = mapped_column(String(90))
    """The bank's own; unique per lender, so that a line counts once however often it comes."""
    booked_on: Mapped[date]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    """Positive: money in."""
    currency: Mapped[str] = mapped_column(String(3))
    returns_reference: Mapped[str | None] = mapped_column(String(90))
    """Of money that goes back: the reference of the line that brought it."""
    our_account: Mapped[str | None] = mapped_column(String(56))
    texts_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """JSON of what the payer wrote and who they are: counter_account, payer, payment_reference, words."""
    content_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12))
    how: Mapped[str | None] = mapped_column(String(20))
    why: Mapped[list[str]] = mapped_column(Json, default=list)
    candidates: Mapped[list[str]] = mapped_column(Json, default=list)
    """Ids of loans that a person may look at first."""
    ignored_because: Mapped[str | None] = mapped_column(String(200))
    received_at: Mapped[datetime] = mapped_column(Instant)
    matched_at: Mapped[datetime | None] = mapped_column(Instant)
    matched_by: Mapped[str | None] = mapped_column(String(80))
    """`rules`, or staff:NAME; of one ignored, who said so."""
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        UniqueConstraint("lender_id", "reference"),
        Index("ix_statement_lines_state", "lender_id", "state", "received_at", "id"),
    )


class StatementPartRow(Base):
    """What of a line went to a loan. The parts of a matched line add up to it."""

    __tablename__ = "statement_parts"

    line_id: Mapped[str] = mapped_column(Id, ForeignKey("statement_lines.id"), primary_key=True)
    part_no: Mapped[int] = mapped_column(primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id)
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    borrower_id: Mapped[str] = mapped_column(Id)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    payment_reference: Mapped[str] = mapped_column(String(120))
    """Of the ledger entry: its own, `stmt:<line>`, or that under which the core told of the same money."""

    __table_args__ = (
        UniqueConstraint("lender_id", "payment_reference"),
        Index("ix_statement_parts_borrower_id", "borrower_id", "loan_id"),
    )


class StatementKeyRow(Base):
    """What a line that waits says of its loan, as keyed hashes: a loan that comes later finds its lines by them."""

    __tablename__ = "statement_keys"

    lender_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(40), primary_key=True)
    line_id: Mapped[str] = mapped_column(Id, ForeignKey("statement_lines.id"), primary_key=True)

    __table_args__ = (Index("ix_statement_keys_line_id", "line_id"),)
