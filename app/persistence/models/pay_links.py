"""Links for paying: the proofs that were tried on one."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class PayLinkTryRow(Base):
    """How often a proof was wrong on one link. There is no row before the first; the link itself is stored nowhere."""

    __tablename__ = "pay_link_tries"

    message_id: Mapped[str] = mapped_column(Id, primary_key=True)
    """Of the message that carries it: each has one link."""
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    tries: Mapped[int]
    first_at: Mapped[datetime] = mapped_column(Instant)
    last_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (Index("ix_pay_link_tries_borrower_id", "borrower_id", "last_at"),)
