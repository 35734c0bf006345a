"""Follow-ups: set, found when due, locked one at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.persistence.models.follow_ups import FollowUpRow


class DueFollowUp(NamedTuple):
    """One that is due, and whose agenda row is its lock."""

    kind: str
    subject_id: str
    borrower_id: str


def find_due(session: Session, *, now: datetime, limit: int) -> list[DueFollowUp]:
    """Return up to `limit` that are due, the longest due first."""
    statement = (
        select(FollowUpRow.kind, FollowUpRow.subject_id, FollowUpRow.borrower_id)
        .where(FollowUpRow.next_try_at <= now)
        .order_by(FollowUpRow.next_try_at, FollowUpRow.subject_id)
        .limit(limit)
    )
    return [DueFollowUp(*row) for row in session.execute(statement)]


def find_follow_up(session: Session, kind: str, subject_id: str) -> FollowUpRow | None:
    """Return it as it stands now. The caller holds the borrower's agenda row."""
    return session.get(FollowUpRow, (kind, subject_id), populate_existing=True)


def add_follow_ups(session: Session, kind: str, subjects: Sequence[tuple[str, str]], *, at: datetime) -> None:
    """Have new subjects, each (id, borrower id), looked at at `at`; one statement. The caller holds their agenda rows."""
    rows = [
        {"kind": kind, "subject_id": subject_id, "borrower_id": borrower_id, "due_at": at, "next_try_at": at, "tries": 0}
        for subject_id, borrower_id in subjects
    ]
    if rows:
        session.execute(insert(FollowUpRow), rows)
