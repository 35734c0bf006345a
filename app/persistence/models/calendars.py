"""A lender's own days: where its calendar differs from its country's."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class CalendarDayRow(Base):
    """What one lender says of one day; it wins over the country. Whoever writes it renews the lender's version."""

    __tablename__ = "calendar_days"

    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    """off, working."""
    name: Mapped[str] = mapped_column(String(200))
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    recorded_by: Mapped[str] = mapped_column(String(80))
    """The door it came through, later the member of staff."""
