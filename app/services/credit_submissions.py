"""What follows from a file that was handed in: facts from which duties of law count, enrolments whose end was told.

The handing in is one commit; this goes on after it page by page, each with where it is, so that a process that dies leaves
nothing out and nothing recorded of a file that never left. The engine goes on with what is not at its end.
"""

from datetime import datetime

from app.domain.credit_snapshots import FURNISHED
from app.persistence.queries import credit_snapshots as queries
from app.persistence.queries.credit_enrolments import mark_ended
from app.persistence.unit_of_work import unit_of_work
from app.services.credit_events import note_furnished

PAGE = 500


def note_page(snapshot_id: str, *, now: datetime, page: int = PAGE) -> bool:
    """Note what follows from the next loans of a snapshot that was handed in; return whether there may be more."""
    with unit_of_work() as work:
        row = queries.load_snapshot(work.session, snapshot_id)
        if row.state not in FURNISHED or row.noted_at is not None or row.submitted_at is None:
            return False
        rows = queries.page_furnished(work.session, snapshot_id, after=row.noted_cursor, limit=page)
        left = queries.find_rows(work.session, snapshot_id, [each.loan_id for each in rows])
        told = [each for each in rows if not left[each.loan_id].is_out]
        note_furnished(work, told, furnished_at=row.submitted_at, now=now)
        ended = [each.loan_id for each in told if each.account.get("closed_on")]
        mark_ended(work.session, ended, by="system", reason="settled", at=row.submitted_at)
        if rows:
            row.noted_cursor = rows[-1].loan_id
        if len(rows) == page:
            return True
        row.noted_at = now
        return False
