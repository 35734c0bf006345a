"""What happened to reports: kept for the register's next file, and told to the lender's own systems; many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.persistence.ids import new_id
from app.persistence.queries import register_events as queries
from app.persistence.queries.borrowers import find_borrower_nos
from app.persistence.unit_of_work import Work
from app.services.register_contents import event_place, sealed_line
from app.services.webhook_events import NewEvent, announce_many


@dataclass(frozen=True, slots=True)
class ReportEvent:
    """One event of one report. `content`: what its line hands over."""

    report_id: str
    borrower_id: str
    loan_no: str
    register: str
    kind: str
    """reported, corrected, removed."""
    content: Mapping[str, Any]
    reason: str | None = None
    mark: str | None = None


def add_events(work: Work, lender_id: str, events: Sequence[ReportEvent], *, by: str, now: datetime) -> None:
    """Append events of reports of one lender; the statements are as many for one as for all. `by`: who is answerable."""
    if not events:
        return
    queries.add_events(work.session, [_row(work, lender_id, each, by, now) for each in events])
    numbers = find_borrower_nos(work.session, {each.borrower_id for each in events})
    told = [
        NewEvent(f"register_report.{each.kind}.v1", _told(each, numbers[each.borrower_id]), each.borrower_id)
        for each in events
    ]
    announce_many(work, lender_id, told, now=now)


def _row(work: Work, lender_id: str, each: ReportEvent, by: str, now: datetime) -> dict[str, Any]:
    event_id = new_id()
    sealed, digest = sealed_line(work.vault, event_place(event_id), each.content)
    return {
        "id": event_id, "report_id": each.report_id, "borrower_id": each.borrower_id, "lender_id": lender_id,
        "register": each.register, "kind": each.kind, "reason": each.reason, "at": now, "by": by,
        "content_sealed": sealed, "content_sha256": digest,
    }  # fmt: skip


def _told(each: ReportEvent, borrower_no: str) -> dict[str, Any]:
    return {
        "report_id": each.report_id, "loan_no": each.loan_no, "borrower_no": borrower_no, "register": each.register,
        "reason": each.reason, "mark": each.mark,
    }  # fmt: skip
