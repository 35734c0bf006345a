"""Taking reports off registers, and correcting them: what was paid, what was disputed rightly, what may stand no longer.

The engine looks at every report that stands (`look_at_reports`), and so does whoever makes a file: nothing is handed over
that must not stand. By when the register has to be told is the register's own (`removal_days`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.permissions import check_may
from app.domain.registers import RemovalReason, ReportState, check_move, must_correct, removal_due_on
from app.domain.times import business_date
from app.persistence.models.restricted_register import RegisterReportRow
from app.persistence.queries import register_events as events
from app.persistence.queries import restricted_register as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audits
from app.persistence.queries.chunks import chunks
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans
from app.persistence.queries.positions import find_recorded
from app.persistence.unit_of_work import Work, looking, unit_of_work
from app.services.desk_payments import DeskStaff
from app.services.register_contents import (
    AMOUNTS_ON,
    CORRECTED,
    REMOVED,
    contents_of,
    opened_line,
    report_place,
    sealed_line,
)
from app.services.register_events import ReportEvent, add_events
from app.services.register_gates import LoanToday, loans_today
from app.services.registers import get_register
from app.services.served_notices import find_served

SYSTEM = "system"
DISPUTED = "XB"
"""Metro 2 compliance condition code: the information is disputed."""
BY_STAFF = (RemovalReason.OUR_ERROR, RemovalReason.LAW, RemovalReason.DISPUTE_UPHELD)
_ENDS = frozenset({"identity_theft", "deceased", "insolvent", "breathing_space", "mental_health_crisis"})
"""Holds under which a report does not stand on."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Told:
    """A report with what its register is to be told of it."""

    row: RegisterReportRow
    content: Mapping[str, Any]
    reason: str | None


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
    """Look at some; return how many changed. Takes the borrowers' agenda rows. A fixed number of statements a page."""
    session = work.session
    lock_agenda(session, queries.find_owners(session, lender_id, report_ids))
    rows = [row for row in queries.load_reports(session, lender_id, report_ids) if row.state == ReportState.STANDING]
    changed = 0
    for name in sorted({row.register for row in rows}):  # of one register a loan has one report that stands
        for part in chunks([row for row in rows if row.register == name], _PAGE):
            changed += _look_at_page(work, lender_id, part, now)
    return changed


def _look_at_page(work: Work, lender_id: str, rows: Sequence[RegisterReportRow], now: datetime) -> int:
    session = work.session
    loan_ids = [row.loan_id for row in rows]
    today = loans_today(session, loan_ids, now=now)
    upheld = queries.find_upheld(session, loan_ids)
    served = find_served(session, loan_ids)
    came = {each.message_id for notices in served.values() for each in notices if each.delivered_at is not None}
    holds = queries.find_ending_holds(session, [row.borrower_id for row in rows], _ENDS, now)
    booked = find_recorded(session, loan_ids)
    kept: list[RegisterReportRow] = []
    gone: list[_Told] = []
    for row in rows:
        reason = _reason(row, today[row.loan_id], upheld.get(row.loan_id), came, holds, now)
        if reason is None:
            kept.append(row)
            continue
        since = {RemovalReason.PAID: booked.get(row.loan_id), RemovalReason.DISPUTE_UPHELD: upheld.get(row.loan_id)}
        zone = today[row.loan_id].loan.zone
        gone.append(_removed(row, reason, by=SYSTEM, now=now, since=business_date(since.get(reason) or now, zone)))
    _tell(work, lender_id, REMOVED, gone, by=SYSTEM, now=now)
    disputed = queries.find_disputed(session, [row.loan_id for row in kept])
    corrected = _what_changed(work, kept, today, booked, disputed, now)
    _tell(work, lender_id, CORRECTED, corrected, by=SYSTEM, now=now)
    return len(gone) + len(corrected)


def _what_changed(
    work: Work,
    rows: Sequence[RegisterReportRow],
    today: Mapping[str, LoanToday],
    booked: Mapping[str, datetime | None],
    disputed: Collection[str],
    now: datetime,
) -> list[_Told]:
    """Correct what is disputed or no longer is, and what a register heard of a debt that the ledger has moved since.

    What no register has heard of says the amounts of its file's day anyhow. A debt that only grows with time is none: the
    amounts are those of the day that stands with them.
    """
    heard = events.find_handed_over(work.session, [row.id for row in rows])
    moved = [
        row
        for row in rows
        if row.id in heard
        and (at := booked.get(row.loan_id)) is not None
        and at >= (row.stated_at or row.reported_at or now)
    ]
    stands = contents_of(work, [today[row.loan_id] for row in moved], {row.loan_id: row.fields for row in moved})
    found: list[_Told] = []
    for row in rows:
        mark = DISPUTED if row.loan_id in disputed else None
        content: Mapping[str, Any] | None = stands.get(row.loan_id)
        if content is None and row.mark == mark:
            continue
        said = opened_line(work.vault, report_place(row.id), row.content_sealed or b"{}")
        row.stated_at = row.stated_at if content is None else now
        if row.mark != mark or (content is not None and must_correct(said, content)):
            row.mark = mark
            found.append(_restated(work, row, said if content is None else content))
    return found


def _reason(
    row: RegisterReportRow,
    today: LoanToday,
    upheld_at: datetime | None,
    came: set[str],
    holds: set[tuple[str, str | None]],
    now: datetime,
) -> RemovalReason | None:
    if today.position.overdue_minor <= 0:
        return RemovalReason.PAID
    if upheld_at is not None and row.reported_at is not None and upheld_at > row.reported_at:
        return RemovalReason.DISPUTE_UPHELD
    if row.notice_message_id is not None and row.notice_message_id not in came:
        return RemovalReason.NOTICE_RETURNED
    if not holds.isdisjoint({(row.borrower_id, row.loan_id), (row.borrower_id, None)}):
        return RemovalReason.HOLD
    if row.keep_until is not None and today.on > row.keep_until:
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
    told = _removed(row, RemovalReason(reason), by=staff.by, now=now, since=_today(work, row, now))
    _tell(work, row.lender_id, REMOVED, [told], by=staff.by, now=now)
    return row


def correct(work: Work, report_id: str, *, staff: DeskStaff, now: datetime) -> RegisterReportRow:
    """Hand over anew what a report says, by the book of now; the same again changes nothing.

    Raises NotFoundError, ForbiddenError, ConflictError (it does not stand).
    """
    check_may(staff.role, "register_reports.ask")
    row = _locked(work, report_id, staff.lender_id)
    if row.state != ReportState.STANDING:
        raise ConflictError(f"The report is {row.state}; only what stands is corrected.")
    today = loans_today(work.session, [row.loan_id], now=now)
    content = contents_of(work, today.values(), {row.loan_id: tuple(row.fields)})[row.loan_id]
    said = opened_line(work.vault, report_place(row.id), row.content_sealed or b"{}")
    if {**said, AMOUNTS_ON: None} != {**content, AMOUNTS_ON: None}:
        row.stated_at = now
        _tell(work, row.lender_id, CORRECTED, [_restated(work, row, content)], by=staff.by, now=now)
    return row


def _removed(row: RegisterReportRow, reason: RemovalReason, *, by: str, now: datetime, since: date) -> _Told:
    """Take a report off; the caller holds its borrower's agenda row and tells. Raises ConflictError."""
    check_move(row.state, ReportState.REMOVED)
    row.state, row.removal_reason, row.removed_by, row.removed_at = ReportState.REMOVED.value, reason.value, by, now
    row.removal_due_on = removal_due_on(get_register(row.register), since)
    row.version += 1
    return _Told(row, {}, reason.value)


def _restated(work: Work, row: RegisterReportRow, content: Mapping[str, Any]) -> _Told:
    """Write what a report says by now; the caller tells."""
    row.content_sealed, row.content_sha256 = sealed_line(work.vault, report_place(row.id), content)
    row.version += 1
    return _Told(row, content, row.mark)


def _tell(work: Work, lender_id: str, kind: str, told: Sequence[_Told], *, by: str, now: datetime) -> None:
    """Keep for the next file what became of reports of one lender, and write it down; the statements are as many for one."""
    if not told:
        return
    work.session.flush()
    loans = {loan.id: loan.loan_no for loan in find_loans(work.session, sorted({each.row.loan_id for each in told}))}
    happened = [
        ReportEvent(
            each.row.id, each.row.borrower_id, loans[each.row.loan_id], each.row.register, kind, each.content, each.reason,
            each.row.mark,
        )
        for each in told
    ]  # fmt: skip
    add_events(work, lender_id, happened, by=by, now=now)
    audits = [
        (
            each.row.borrower_id,
            {"report_id": each.row.id, "loan_id": each.row.loan_id, "register": each.row.register, "reason": each.reason},
        )
        for each in told
    ]
    add_audits(work.session, audits, at=now, actor=by, action=f"register_report.{kind}")


def _locked(work: Work, report_id: str, lender_id: str) -> RegisterReportRow:
    lock_agenda(work.session, queries.find_owners(work.session, lender_id, [report_id]))
    rows = queries.load_reports(work.session, lender_id, [report_id])
    if not rows:
        raise NotFoundError("There is no such report.")
    return rows[0]


def _today(work: Work, row: RegisterReportRow, now: datetime) -> date:
    return business_date(now, get_lender(work.session, row.lender_id).zone)
