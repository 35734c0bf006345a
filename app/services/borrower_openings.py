"""Opening a borrower's page: once, with a reason, written down; after that its parts are read for a while without more.

A page is loaded again and again (tabs, forms sent, parts that refresh themselves); a trail with a row for each would hide
who looked and why. So an opening holds for half an hour of one member of staff in one session, and then is asked anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrower_openings import OPENED, find_openings
from app.persistence.unit_of_work import Work
from app.services.borrower_pages import check_reason

HOLDS_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening that holds."""

    at: datetime
    reason: str

    @property
    def until(self) -> datetime:
        """When a reason is asked for again."""
        return self.at + HOLDS_FOR


def add_opening(work: Work, borrower_id: str, reason: str, *, actor: str, seat: str, now: datetime) -> Opening:
    """Write down that somebody opens a borrower. `seat`: the session or key it holds for. Raises ValidationError."""
    check_reason(reason)
    facts: dict[str, Any] = {"reason": reason, "seat": seat}
    add_audit(work.session, at=now, actor=actor, action=OPENED, borrower_id=borrower_id, facts=facts)
    return Opening(now, reason)


def find_opening(
    reads: Connection | Session, borrower_id: str, *, lender_id: str, actor: str, seat: str, now: datetime
) -> Opening | None:
    """Return the newest opening that holds for this seat, in one statement."""
    for row in find_openings(reads, borrower_id, lender_id, actor, since=now - HOLDS_FOR):
        if row.facts.get("seat") == seat:
            return Opening(row.at, str(row.facts.get("reason")))
    return None
