"""Follow-ups: set, found when due, locked one at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from app.persistence.bulk import add_rows
from app.persistence.models.follow_ups import FollowUpRow
from app.persistence.queries.chunks import chunks


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


def put_follow_ups(session: Session, kind: str, subjects: Mapping[str, str], *, at: datetime) -> None:
    """Have subjects (id -> borrower id) looked at at `at`, instead of when they were to be before; three statements."""
    for part in chunks(subjects):
        waiting = (FollowUpRow.kind == kind) & FollowUpRow.subject_id.in_(part)
        known = set(session.scalars(select(FollowUpRow.subject_id).where(waiting)))
        if known:
            session.execute(update(FollowUpRow).where(waiting).values(due_at=at, next_try_at=at, tries=0))
        add_follow_ups(session, kind, [(each, subjects[each]) for each in part if each not in known], at=at)


def add_follow_ups(session: Session, kind: str, subjects: Sequence[tuple[str, str]], *, at: datetime) -> None:
    """Have new subjects, each (id, borrower id), looked at at `at`; one statement. The caller holds their agenda rows."""
    rows = [
        {"kind": kind, "subject_id": subject_id, "borrower_id": borrower_id, "due_at": at, "next_try_at": at, "tries": 0}
        for subject_id, borrower_id in subjects
    ]
    add_rows(session, cast(Table, FollowUpRow.__table__), rows)
