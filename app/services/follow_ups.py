"""Having something looked at again: one row for each promise, arrangement, offer, dispute or payment that waits for a day.

Whoever sets one holds the borrower's agenda row (`agenda.touch` or `lock_agenda`). `engine/follow_ups.py` does the looking.
"""

from datetime import datetime

from app.persistence.models.follow_ups import FollowUpRow
from app.persistence.queries.follow_ups import find_follow_up
from app.persistence.unit_of_work import Work


def follow_up_at(work: Work, kind: str, subject_id: str, borrower_id: str, *, at: datetime) -> None:
    """Have it looked at at `at` (book time), instead of when it was to be before."""
    row = find_follow_up(work.session, kind, subject_id)
    if row is None:
        row = FollowUpRow(kind=kind, subject_id=subject_id, borrower_id=borrower_id, due_at=at, next_try_at=at, tries=0)
        work.session.add(row)
    else:
        row.due_at, row.next_try_at, row.tries = at, at, 0
    work.session.flush()


def forget_follow_up(work: Work, kind: str, subject_id: str) -> None:
    """Have it looked at no more."""
    row = find_follow_up(work.session, kind, subject_id)
    if row is not None:
        work.session.delete(row)
        work.session.flush()
