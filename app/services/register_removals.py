"""Taking reports off registers, and correcting them: what was paid, what was disputed rightly, what may stand no longer.

The engine looks at every report that stands (`look_at_reports`), and so does whoever makes a file: nothing is handed over
that must not stand. By when the register has to be told is the register's own (`removal_days`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.permissions import check_may
from app.domain.registers import RemovalReason, ReportState, check_move, removal_due_on
from app.domain.times import business_date
from app.persistence.models.restricted_register import RegisterReportRow
from app.persistence.queries import restricted_register as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans
from app.persistence.unit_of_work import Work, looking, unit_of_work
from app.services.desk_payments import DeskStaff
from app.services.register_contents import (
    CORRECTED,
    REMOVED,
    contents_of,
    opened_line,
    report_place,
    sealed_line,
)
from app.services.register_events import ReportEvent, add_events
from app.services.register_gates import AskedGate, ask_gates
from app.services.registers import get_register
from app.services.served_notices import find_served

SYSTEM = "system"
DISPUTED = "XB"
"""Metro 2 compliance condition code: the information is disputed."""
BY_STAFF = (RemovalReason.OUR_ERROR, RemovalReason.LAW, RemovalReason.DISPUTE_UPHELD)
_ENDS = frozenset({"identity_theft", "deceased", "insolvent", "breathing_space", "mental_health_crisis"})
"""Holds under which a report does not stand on."""
_PAGE = 300


def look_at_reports(*, now: datetime, lender_id: str | None = None) -> int:
    """Look at every report that stands; take off what must not stand, mark what is disputed. Return how many changed."""
    changed, after = 0, ""
    while True:
        with looking() as session:
            page = queries.page_standing(session, after=after, limit=_PAGE, lender_id=lender_id)
        if not page:
            return changed
        after = page[-1].id
        for owner in sorted({row.lender_id for row in page}):
            with unit_of_work() as work:
                changed += look_at(work, owner, [row.id for row in page if row.lender_id == owner], now=now)


def look_at(work: Work, lender_id: str, report_ids: Sequence[str], *, now: datetime) -> int:
    """Look at some; return how many changed. Takes the borrowers' agenda rows."""
    session = work.session
    lock_agenda(session, queries.find_owners(session, lender_id, report_ids))
    rows = [row for row in queries.load_reports(session, lender_id, report_ids) if row.state == ReportState.STANDING]
    changed = 0
    for name in sorted({row.register for row in rows}):
        some = [row for row in rows if row.register == name]
        asked = ask_gates(session, [row.loan_id for row in some], get_register(name), now=now)
        disputed = queries.find_disputed(session, [row.loan_id for row in some])
        upheld = queries.find_upheld(session, [row.loan_id for row in some])
        served = find_served(session, [row.loan_id for row in some])
        came = {each.message_id for notices in served.values() for each in notices if each.delivered_at is not None}
        holds = queries.find_ending_holds(session, [row.borrower_id for row in some], _ENDS, now)
        for row in some:
            reason = _reason(row, asked[row.loan_id], upheld.get(row.loan_id), came, holds, now)
            mark = DISPUTED if row.loan_id in disputed else None
            if reason is not None:
                remove(work, row, reason, by=SYSTEM, now=now, since=business_date(now, asked[row.loan_id].loan.zone))
                changed += 1
            elif row.mark != mark:
                row.mark = mark
                _correct(work, row, opened_line(work.vault, report_place(row.id), row.content_sealed or b""), now=now)
                changed += 1
    session.flush()
    return changed


def _reason(
    row: RegisterReportRow,
    asked: AskedGate,
    upheld_at: datetime | None,
    came: set[str],
    holds: set[tuple[str, str | None]],
    now: datetime,
) -> RemovalReason | None:
    if asked.position.overdue_minor <= 0:
        return RemovalReason.PAID
    if upheld_at is not None and row.reported_at is not None and upheld_at > row.reported_at:
        return RemovalReason.DISPUTE_UPHELD
    if row.notice_message_id is not None and row.notice_message_id not in came:
        return RemovalReason.NOTICE_RETURNED
    if not holds.isdisjoint({(row.borrower_id, row.loan_id), (row.borrower_id, None)}):
        return RemovalReason.HOLD
    if row.keep_until is not None and business_date(now, asked.loan.zone) > row.keep_until:
        return RemovalReason.RETENTION_ENDED
    return None


def take_off(work: Work, report_id: str, reason: str, *, staff: DeskStaff, now: datetime) -> RegisterReportRow:
    """Take a report off by hand. Twice changes nothing. Raises NotFoundError, ForbiddenError, ConflictError."""
    check_may(staff.role, "register_reports.ask")
    if reason not in BY_STAFF:
        raise refused_at("/reason", f"reason is not one of {', '.join(each.value for each in BY_STAFF)}.")
    row = _locked(work, report_id, staff.lender_id)
    if row.state == ReportState.REMOVED:
        return row
    remove(work, row, RemovalReason(reason), by=staff.by, now=now, since=_today(work, row, now))
    return row


def correct(work: Work, report_id: str, *, staff: DeskStaff, now: datetime) -> RegisterReportRow:
    """Hand over anew what a report says, by the book of now; the same again changes nothing.

    Raises NotFoundError, ForbiddenError, ConflictError (it does not stand).
    """
    check_may(staff.role, "register_reports.ask")
    row = _locked(work, report_id, staff.lender_id)
    if row.state != ReportState.STANDING:
        raise ConflictError(f"The report is {row.state}; only what stands is corrected.")
    asked = ask_gates(work.session, [row.loan_id], get_register(row.register), now=now)
    content = contents_of(work, asked.values(), {row.loan_id: tuple(row.fields)})[row.loan_id]
    if sealed_line(work.vault, report_place(row.id), content)[1] != row.content_sha256:
        _correct(work, row, content, now=now, by=staff.by)
    return row


def remove(work: Work, row: RegisterReportRow, reason: RemovalReason, *, by: str, now: datetime, since: date) -> None:
    """Take a report off. The caller holds the borrower's agenda row. Raises ConflictError."""
    check_move(row.state, ReportState.REMOVED)
    row.state, row.removal_reason, row.removed_by, row.removed_at = ReportState.REMOVED.value, reason.value, by, now
    row.removal_due_on = removal_due_on(get_register(row.register), since)
    row.version += 1
    work.session.flush()
    _tell(work, row, REMOVED, {}, reason=reason.value, by=by, now=now)


def _correct(work: Work, row: RegisterReportRow, content: Mapping[str, object], *, now: datetime, by: str = SYSTEM) -> None:
    row.content_sealed, row.content_sha256 = sealed_line(work.vault, report_place(row.id), content)
    row.version += 1
    work.session.flush()
    _tell(work, row, CORRECTED, content, reason=row.mark, by=by, now=now)


def _tell(
    work: Work, row: RegisterReportRow, kind: str, content: Mapping[str, object], *, reason: str | None, by: str,
    now: datetime,
) -> None:  # fmt: skip
    (loan,) = find_loans(work.session, [row.loan_id])
    event = ReportEvent(row.id, row.borrower_id, loan.loan_no, row.register, kind, content, reason, row.mark)
    add_events(work, row.lender_id, [event], by=by, now=now)
    facts = {"report_id": row.id, "loan_id": row.loan_id, "register": row.register, "reason": reason}
    add_audit(work.session, at=now, actor=by, action=f"register_report.{kind}", borrower_id=row.borrower_id, facts=facts)


def _locked(work: Work, report_id: str, lender_id: str) -> RegisterReportRow:
    lock_agenda(work.session, queries.find_owners(work.session, lender_id, [report_id]))
    rows = queries.load_reports(work.session, lender_id, [report_id])
    if not rows:
        raise NotFoundError("There is no such report.")
    return rows[0]


def _today(work: Work, row: RegisterReportRow, now: datetime) -> date:
    return business_date(now, get_lender(work.session, row.lender_id).zone)
