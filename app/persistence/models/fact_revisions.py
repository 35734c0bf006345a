"""What dated facts were before they were told otherwise: figures of a time that is over are counted as it was known."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant
from app.persistence.db import Base


class FactRevisionRow(Base):
    """One fact that was told late, told otherwise or taken back. Never changed: a trigger of the database keeps it."""

    __tablename__ = "fact_revisions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    fact: Mapped[str] = mapped_column(String(24))
    """A name of queries/fact_revisions.py."""
    row_id: Mapped[str] = mapped_column(Id)
    """Of the row that holds the fact as it is known last."""
    before_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it had happened as far as was known; None: as far as was known it had not."""
    before_word: Mapped[str | None] = mapped_column(String(24))
    """The state that stood beside it, where figures ask for it too."""
    revised_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        Index("ix_fact_revisions_fact", "fact", "revised_at"),
        Index("ix_fact_revisions_row_id", "row_id", "fact", "revised_at"),
    )
