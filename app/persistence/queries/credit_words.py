"""Free text beside credit reports that an earlier version kept as it was written."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session


def find_plain(session: Session, column: InstrumentedAttribute[Any], *, limit: int) -> Sequence[Any]:
    """Return rows of the table of `column` in which it still has a text, locked."""
    statement = select(column.class_).where(column.is_not(None), column != "").limit(limit).with_for_update()
    return session.scalars(statement).all()
