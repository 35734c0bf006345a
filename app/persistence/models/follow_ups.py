"""Follow-ups: instants at which something the borrower and the lender agreed, or asked, is to be looked at again."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class FollowUpRow(Base):
    """The next look at one promise, arrangement, offer, dispute, payment intent and the like; at most one for each."""

    __tablename__ = "follow_ups"

    kind: Mapped[str] = mapped_column(String(24), primary_key=True)
    """Whose: a key of `engine.follow_ups.HANDLERS`."""
    subject_id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    due_at: Mapped[datetime] = mapped_column(Instant)
    next_try_at: Mapped[datetime] = mapped_column(Instant)
    """`due_at`, or later after a look that failed."""
    tries: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (Index("ix_follow_ups_next_try_at", "next_try_at"),)
