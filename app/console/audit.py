"""The audit trail: who did what, newest first, and whether the chain is sealed."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import Response, request

from app.console.frame import page, pages
from app.console.lists import SIZE, after, listed
from app.persistence.queries.borrowers import find_borrowers_of_lender
from app.persistence.unit_of_work import reading
from app.services import audit_trail
from app.web.auth import desk, permits
from app.web.pagination import Key
from app.web.reads import end_reads, reads

_LONGEST = 80
_ASKED = ("actor", "action", "borrower_no", "on")


@pages.get("/audit")
@permits("audit.read")
def audit() -> Response:
    """List rows by who, what, about whom and when."""
    lender_id = desk().lender_id
    asked: dict[str, Any] = {
        name: request.args.get(name, "").strip()[:_LONGEST] for name in ("actor", "action", "borrower_no", "on")
    }
    day = _day(asked["on"])
    borrower_id, unknown = None, False
    if asked["borrower_no"]:
        borrower_id = find_borrowers_of_lender(reads(), lender_id, [asked["borrower_no"]]).get(asked["borrower_no"])
        unknown = borrower_id is None
    before = after(**asked)
    end_reads()
    with reading() as session:
        rows: list[Any] = []
        if not unknown:
            rows = audit_trail.page_audit(
                session,
                lender_id=lender_id,
                borrower_id=borrower_id,
                actor=asked["actor"] or None,
                action=asked["action"] or None,
                since=day,
                until=None if day is None else day + timedelta(days=1),
                before=before,
                limit=SIZE + 1,
            )
        found = listed(rows, [Key(row.at, row.id) for row in rows], **asked)
        return page("audit.html", found=found, asked=asked, head=audit_trail.head(session), unknown=unknown)


def _day(text: str) -> datetime | None:
    try:
        day = datetime.combine(date.fromisoformat(text), time(0), tzinfo=UTC) if text else None
        return None if day is None else day + timedelta(days=1) - timedelta(days=1)
    except (ValueError, OverflowError):  # the last day of all has no next
        return None
