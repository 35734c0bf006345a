"""Keeping what a dated fact was before it was told otherwise, and asking for facts as they were known at an instant.

Rows hold what is known last; whatever overwrites a column named here keeps the value before, and so does whatever says late
that something happened earlier. Events that are only added need none of it: when each was recorded stands in it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, exists, select, union_all
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from app.persistence.ids import new_id
from app.persistence.models.fact_revisions import FactRevisionRow

LETTER_DELIVERED: Final = "letter_delivered"
LETTER_RETURNED: Final = "letter_returned"
MESSAGE_SENT: Final = "message_sent"
DISPUTE_ANSWERED: Final = "dispute_answered"
HOLD_UNTIL: Final = "hold_until"
CALL_OUTCOME: Final = "call_outcome"
"""With the outcome beside the instant of the call."""
LOAN_ENDED: Final = "loan_ended"
"""With the loan's status beside it."""

Build = Callable[[Any, Any], Any]
"""Makes a query of rows from the expression of an instant and of the word beside it."""


def add_revision(
    session: Session, fact: str, row_id: str, before_at: datetime | None, *, now: datetime, before_word: str | None = None
) -> None:
    """Keep what a fact was until now. Call it in the same transaction as the change."""
    session.add(
        FactRevisionRow(id=new_id(), fact=fact, row_id=row_id, before_at=before_at, before_word=before_word, revised_at=now)
    )


def as_known(fact: str, row_id: Any, at: Any, build: Build, *, known_at: datetime, word: Any = None) -> Any:
    """Return the union of rows whose fact stands as it was known, and of those that were told otherwise after `known_at`.

    `build` gets (`at`, `word`) for the former, the values before for the latter, and says what it asks of them. The latter
    are few and found by an index, so that nothing is looked up for each row.
    """
    revised, earlier = aliased(FactRevisionRow), aliased(FactRevisionRow)
    changed_since = select(FactRevisionRow.row_id).where(FactRevisionRow.fact == fact, FactRevisionRow.revised_at > known_at)
    is_first: ColumnElement[bool] = ~exists().where(
        earlier.fact == fact, earlier.row_id == revised.row_id, earlier.revised_at > known_at,
        (earlier.revised_at < revised.revised_at)
        | and_(earlier.revised_at == revised.revised_at, earlier.id < revised.id),
    )  # fmt: skip
    stands = build(at, word).where(row_id.not_in(changed_since))
    stood = (
        build(revised.before_at, revised.before_word)
        .join(revised, and_(revised.fact == fact, revised.row_id == row_id))
        .where(revised.revised_at > known_at, is_first)
    )
    return union_all(stands, stood)
