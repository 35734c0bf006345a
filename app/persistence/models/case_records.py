"""Case records: facts of a case that no other table keeps, as told by the core or by staff."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base


class CaseRecordRow(Base):
    """One fact as told once. Never changed: told again under its reference, a new row takes its place from then on."""

    __tablename__ = "case_records"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str | None] = mapped_column(Id, ForeignKey("loans.id"))
    """None: about all loans of the borrower."""
    list_name: Mapped[str] = mapped_column(String(24))
    """A fact of the law packs' vocabulary: events, requests, notices, ..."""
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    """As the vocabulary writes it."""
    by: Mapped[str] = mapped_column(String(80))
    reference: Mapped[str] = mapped_column(String(120))
    """LENDER/NUMBER of its source, so that telling twice makes one record."""
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    """Since when it is known."""
    replaced_at: Mapped[datetime | None] = mapped_column(Instant)
    """Exclusive; None: it stands."""

    __table_args__ = (
        Index("ix_case_records_borrower_id", "borrower_id", "recorded_at"),
        Index("ix_case_records_reference", "borrower_id", "reference"),
    )
