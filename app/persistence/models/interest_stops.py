"""Days for which the law stops interest, and sums charged for lateness, on a loan."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base

_STANDS = text("replaced_at IS NULL")


class InterestStopRow(Base):
    """One stop as it was known for a while. A change replaces it by a new row of the same `stop_id`; none is deleted."""

    __tablename__ = "interest_stops"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    stop_id: Mapped[str] = mapped_column(Id)
    """The same through all that was ever known of the stop: the id of its first row."""
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    from_on: Mapped[date]
    """First day that bears no interest."""
    until_on: Mapped[date | None]
    """First day that bears interest again; None: as long as it stands."""
    scope: Mapped[str] = mapped_column(String(24))
    """interest, or interest_and_charges."""
    rule: Mapped[str] = mapped_column(String(40))
    """The rule of the law pack that stops it."""
    occasion: Mapped[str] = mapped_column(String(120))
    """What it is about (a missed notice's due day, a hold), so that looking twice makes one stop."""
    reason: Mapped[str] = mapped_column(String(400))
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    recorded_by: Mapped[str] = mapped_column(String(80))
    replaced_at: Mapped[datetime | None] = mapped_column(Instant)
    """Until when it was known so; None: it still is."""
    replaced_by: Mapped[str | None] = mapped_column(String(80))

    __table_args__ = (
        Index("ix_interest_stops_loan_id", "loan_id", "recorded_at"),
        Index("ix_interest_stops_borrower_id", "borrower_id"),
        Index(
            "ux_interest_stops_standing",
            "loan_id",
            "rule",
            "occasion",
            unique=True,
            sqlite_where=_STANDS,
            postgresql_where=_STANDS,
        ),
    )
