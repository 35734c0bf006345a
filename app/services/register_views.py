"""What is shown of reports: to staff with what stands in the way now, to the borrower with the basis and how to object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.permissions import check_may
from app.domain.registers import Gate, ReportState
from app.persistence.queries import register_events as events
from app.persistence.queries import restricted_register as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import reading, unit_of_work
from app.persistence.vault import Vault
from app.services.desk_payments import DeskStaff
from app.services.register_contents import declined_place, opened_line, report_place
from app.services.register_gates import ask_gates
from app.services.registers import get_register, words_in

OPEN_STATES = (ReportState.WAITING.value, ReportState.STANDING.value)


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report with what was handed over, opened, and what happened to it."""

    row: Any
    content: Mapping[str, Any] | None
    events: Sequence[Any]
    gate: Gate | None
    """Of one that waits: what stands in its way now."""
    declined_reason: str | None = None


def gates_of(rows: Sequence[Any], *, now: datetime) -> dict[str, Gate | None]:
    """Return report -> what stands in its way now, of those that wait."""
    waiting = [row for row in rows if row.state == ReportState.WAITING]
    found: dict[str, Gate | None] = {}
    with reading() as session:
        for name in sorted({row.register for row in waiting}):
            some = {row.loan_id: row.id for row in waiting if row.register == name}
            asked = ask_gates(session, some, get_register(name), now=now, but_waiting=True)
            found |= {some[loan_id]: each.gate for loan_id, each in asked.items()}
    return found


def read_report(staff: DeskStaff, report_id: str, *, now: datetime) -> ShownReport:
    """Return a report as staff read it; the reading is written down. Raises NotFoundError, ForbiddenError."""
    check_may(staff.role, "register_reports.read")
    with unit_of_work() as work:
        row = queries.get_shown(work.session, report_id, lender_id=staff.lender_id)
        facts = {"report_id": row.id, "register": row.register}
        add_audit(work.session, at=now, actor=staff.by, action="register_report.read", borrower_id=row.borrower_id,
                  facts=facts)  # fmt: skip
        happened = events.find_events(work.session, report_id)
        content = _content(work.vault, row)
        declined = declined_reason(work.vault, row)
    return ShownReport(row, content, happened, gates_of([row], now=now).get(row.id), declined)


def page_own(
    reads: Connection, ring: Vault, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int, locale: str
) -> list[dict[str, Any]]:
    """Return a borrower's own reports, newest first: what, to whom, on which basis, how to object, and the state."""
    rows = queries.page_own(reads, borrower_id, before=before, limit=limit)
    heard = events.find_handed_over(reads, [row.id for row in rows])
    return [_own_view(ring, row, locale, heard.get(row.id)) for row in rows]


def own_report(reads: Connection, ring: Vault, borrower_id: str, report_id: str, *, locale: str) -> dict[str, Any]:
    """Return one of a borrower's own reports. Raises NotFoundError, also for one that was never approved."""
    row = queries.get_shown(reads, report_id, borrower_id=borrower_id, reported=True)
    return _own_view(ring, row, locale, events.find_handed_over(reads, [report_id]).get(report_id))


def declined_reason(ring: Vault, row: Any) -> str | None:
    """Return why a report was declined, opened."""
    found: str | None = row.declined_reason
    if row.declined_reason_sealed is not None:
        return ring.open(row.declined_reason_sealed, place=declined_place(row.id))
    return found


def _own_view(ring: Vault, row: Any, locale: str, handed_over_at: datetime | None) -> dict[str, Any]:
    register = get_register(row.register)
    basis = register.bases[row.basis]
    return {
        "id": row.id, "loan_id": row.loan_id, "loan_no": row.loan_no, "state": row.state,
        "register": words_in(register.name, locale), "kept_by": register.kept_by,
        "basis": {"source": basis.source, "words": words_in(basis.words, locale), "verified": basis.is_verified},
        "content": _content(ring, row) or {}, "notice_kind": row.notice_kind,
        "notice_delivered_at": row.notice_delivered_at,
        "reported_at": row.reported_at, "handed_over_at": handed_over_at, "keep_until": row.keep_until,
        "disputed": row.mark is not None, "how_to_object": words_in(register.objection, locale),
        "removed_at": row.removed_at,
        "removal_reason": row.removal_reason, "removal_due_on": row.removal_due_on,
    }  # fmt: skip


def _content(ring: Vault, row: Any) -> dict[str, Any] | None:
    return None if row.content_sealed is None else opened_line(ring, report_place(row.id), row.content_sealed)
