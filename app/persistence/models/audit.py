"""The audit trail: who did what. Rows are never changed or deleted; triggers of the database see to it (migration 0026)."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base

_UNSEALED = text("seq IS NULL")


class AuditRow(Base):
    """Who did what. `mac` is made with the row, from all it says; `seq` and `chain` when it is sealed, and never again."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(60))
    borrower_id: Mapped[str | None] = mapped_column(Id)
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    lender_id: Mapped[str | None] = mapped_column(Id)
    """For whom it was done: of staff and cores; None: by a borrower, the engine or an operator."""
    key_id: Mapped[str | None] = mapped_column(String(16))
    mac: Mapped[str | None] = mapped_column(String(64))
    """Keyed hash of the columns above. None: from before there was one."""
    seq: Mapped[int | None] = mapped_column(BigInteger)
    """Its place in the chain, without gaps. None: not sealed yet."""
    chain: Mapped[str | None] = mapped_column(String(64))
    """Keyed hash of the chain before it, its place and its own content."""

    __table_args__ = (
        Index("ix_audit_borrower_id_at", "borrower_id", "at"),
        Index("ix_audit_at", "at", "id"),
        Index("ix_audit_seq", "seq", unique=True),
        Index("ix_audit_unsealed", "id", postgresql_where=_UNSEALED, sqlite_where=_UNSEALED),
    )


class AuditHeadRow(Base):
    """Where the chain ends. One row."""

    __tablename__ = "audit_heads"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    chain: Mapped[str] = mapped_column(String(64), default="")
    sealed_at: Mapped[datetime] = mapped_column(Instant)
    keyed_from: Mapped[int | None] = mapped_column(BigInteger)
    """The first place whose row was written with a hash of its own; every one after it must have one."""
