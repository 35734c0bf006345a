"""Reporting borrowers to a register of an authority or association: asked for by one person, decided by another.

Both look at the same gates (`register_gates`); what stands in the way is said by code, loan by loan. Nothing here is ever
made public: `register_publication` asks the law about figures, and refuses names. What ends a report is `register_removals`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.book import check_text
from app.domain.free_text import without_card_numbers
from app.domain.permissions import check_may
from app.domain.registers import Gate, Register, ReportState, check_move, check_second, keep_until
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.restricted_register import RegisterReportRow
from app.persistence.queries import restricted_register as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audits
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans
from app.persistence.unit_of_work import Work
from app.services.desk_payments import DeskStaff
from app.services.register_contents import REPORTED, contents_of, declined_place, report_place, sealed_line
from app.services.register_events import ReportEvent, add_events
from app.services.register_gates import AskedGate, ask_gates
from app.services.registers import register_for

PAGE = 500
"""Loans looked at together: what is held in memory at once."""
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What became of one loan. `gate` None: it waits for a second person, or stands where one approved already."""

    report_id: str | None
    gate: Gate | None
    notice_message_id: str | None = None
    rule: str | None = None


def report(
    work: Work,
    loan_ids: Sequence[str],
    *,
    register: str,
    basis: str,
    by: str,
    now: datetime,
    lender_id: str,
    approved_by: DeskStaff | None = None,
    fields: Sequence[str] = (),
) -> Mapping[str, ReportOutcome]:
    """Report many loans of one lender to a register; return loan id -> what became of it, for every loan named.

    `by`: who asks, a member of staff or a policy. `approved_by`: another person with `register_reports.approve` who
    approved all of them together; None: each waits for one. `fields`: of those that the register may be told; none named:
    all. Takes the borrowers' agenda rows. Raises ValidationError (no such register, basis or field, or not in this
    jurisdiction), ForbiddenError (who asks approves).
    """
    lender = get_lender(work.session, lender_id)
    target = register_for(register, lender.jurisdiction)
    target.basis(basis)
    told = target.check_fields(fields)
    if approved_by is not None:
        check_may(approved_by.role, "register_reports.approve")
        check_second(by, approved_by.by)
    outcomes = {loan_id: ReportOutcome(None, Gate.LEFT_OUT) for loan_id in loan_ids}
    ids = list(outcomes)
    for start in range(0, len(ids), PAGE):
        part = ids[start : start + PAGE]
        own = [loan for loan in find_loans(work.session, part) if loan.lender_id == lender_id]
        lock_agenda(work.session, {loan.borrower_id for loan in own})
        asked = ask_gates(work.session, [loan.id for loan in own], target, now=now)
        outcomes |= _write(work, lender, target, asked, _Asked(basis, told, by, approved_by), now)
        work.session.expire_all()  # a page at a time is held, however many there are
    return outcomes


def decide_reports(
    work: Work, report_ids: Sequence[str], *, approve: bool, staff: DeskStaff, now: datetime, reason: str | None = None
) -> Mapping[str, ReportOutcome]:
    """Approve reports that wait, or decline them with a reason; return report id -> what became of it.

    One that a gate stops by now keeps waiting, and says which; one of another lender, or none, is left out. Deciding the
    same way twice changes nothing. Raises ForbiddenError (it takes somebody else), ConflictError, ValidationError.
    """
    check_may(staff.role, "register_reports.approve")
    check_text("reason", reason or "", LONGEST_REASON)
    reason = without_card_numbers((reason or "").strip())
    lender = get_lender(work.session, staff.lender_id)
    lock_agenda(work.session, queries.find_owners(work.session, lender.id, report_ids))
    rows = queries.load_reports(work.session, lender.id, report_ids)
    wanted = ReportState.STANDING if approve else ReportState.DECLINED
    outcomes = {report_id: ReportOutcome(None, Gate.LEFT_OUT) for report_id in report_ids}
    outcomes |= {row.id: ReportOutcome(row.id, None, row.notice_message_id) for row in rows}
    rows = [row for row in rows if row.state != wanted]
    for row in rows:
        check_move(row.state, wanted)
        check_second(row.asked_by, staff.by)
    if not approve:
        for row in rows:
            row.state, row.decided_by, row.decided_at = ReportState.DECLINED.value, staff.by, now
            row.declined_reason_sealed = work.vault.seal(reason, place=declined_place(row.id)) if reason else None
            row.version += 1
        work.session.flush()
        _audit(work, rows, "declined", staff.by, now)
        return outcomes
    for name in sorted({row.register for row in rows}):
        some = [row for row in rows if row.register == name]
        outcomes |= _approve(work, lender, register_for(name, lender.jurisdiction), some, staff, now)
    return outcomes


@dataclass(frozen=True, slots=True)
class _Asked:
    basis: str
    fields: tuple[str, ...]
    by: str
    approved_by: DeskStaff | None


def _write(
    work: Work, lender: LenderRow, register: Register, asked: Mapping[str, AskedGate], wish: _Asked, now: datetime
) -> dict[str, ReportOutcome]:
    outcomes = {key: ReportOutcome(None, each.gate, None, each.rule) for key, each in asked.items()}
    passing = [each for each in asked.values() if each.gate is None and each.notice is not None]
    stands = wish.approved_by is not None
    contents = contents_of(work, passing, dict.fromkeys((each.loan.id for each in passing), wish.fields)) if stands else {}
    reports: list[dict[str, Any]] = []
    events: list[ReportEvent] = []
    audits: list[tuple[str | None, dict[str, Any]]] = []
    for each in passing:
        assert each.notice is not None
        loan, report_id = each.loan, new_id()
        row: dict[str, Any] = {
            "id": report_id, "borrower_id": loan.borrower_id, "loan_id": loan.id, "lender_id": lender.id,
            "register": register.key, "basis": wish.basis, "state": ReportState.WAITING.value, "fields": list(wish.fields),
            "notice_message_id": each.notice.message_id, "notice_kind": each.notice.kind,
            "notice_delivered_at": each.notice.delivered_at, "asked_by": wish.by, "asked_at": now, "content_sealed": None,
            "content_sha256": None, "decided_by": None, "decided_at": None, "reported_at": None, "keep_until": None,
            "stated_at": None, "version": 1,
        }  # fmt: skip
        if wish.approved_by is not None:
            sealed, digest = sealed_line(work.vault, report_place(report_id), contents[loan.id])
            row |= {
                "state": ReportState.STANDING.value, "content_sealed": sealed, "content_sha256": digest,
                "decided_by": wish.approved_by.by, "decided_at": now, "reported_at": now, "stated_at": now,
                "keep_until": keep_until(register, business_date(now, loan.zone)),
            }  # fmt: skip
            events.append(ReportEvent(report_id, loan.borrower_id, loan.loan_no, register.key, REPORTED, contents[loan.id]))
        reports.append(row)
        outcomes[loan.id] = ReportOutcome(report_id, None, each.notice.message_id)
        audits.append((loan.borrower_id, {"report_id": report_id, "loan_id": loan.id, "register": register.key}))
    work.session.flush()
    queries.add_reports(work.session, reports)
    verb = "reported" if stands else "asked"
    add_audits(work.session, audits, at=now, actor=wish.by, action=f"register_report.{verb}")
    if wish.approved_by is not None:
        add_events(work, lender.id, events, by=wish.approved_by.by, now=now)
    return outcomes


def _approve(
    work: Work, lender: LenderRow, register: Register, rows: Sequence[RegisterReportRow], staff: DeskStaff, now: datetime
) -> dict[str, ReportOutcome]:
    asked = ask_gates(work.session, [row.loan_id for row in rows], register, now=now, but_waiting=True)
    passing = {key: each for key, each in asked.items() if each.gate is None}
    fields = {row.loan_id: tuple(row.fields) for row in rows}
    contents = contents_of(work, passing.values(), fields)
    outcomes: dict[str, ReportOutcome] = {}
    events: list[ReportEvent] = []
    reported: list[RegisterReportRow] = []
    for row in rows:
        each = asked[row.loan_id]
        if each.gate is not None or each.notice is None or each.notice.delivered_at is None:
            outcomes[row.id] = ReportOutcome(row.id, each.gate, row.notice_message_id, each.rule)
            continue
        row.content_sealed, row.content_sha256 = sealed_line(work.vault, report_place(row.id), contents[row.loan_id])
        row.notice_message_id, row.notice_kind = each.notice.message_id, each.notice.kind
        row.notice_delivered_at = each.notice.delivered_at
        row.state, row.decided_by, row.decided_at, row.reported_at = ReportState.STANDING.value, staff.by, now, now
        row.stated_at = now
        row.keep_until = keep_until(register, business_date(now, each.loan.zone))
        row.version += 1
        events.append(ReportEvent(row.id, row.borrower_id, each.loan.loan_no, register.key, REPORTED, contents[row.loan_id]))
        outcomes[row.id] = ReportOutcome(row.id, None, row.notice_message_id)
        reported.append(row)
    work.session.flush()
    _audit(work, reported, "reported", staff.by, now)
    add_events(work, lender.id, events, by=staff.by, now=now)
    return outcomes


def _audit(work: Work, rows: Sequence[RegisterReportRow], verb: str, by: str, now: datetime) -> None:
    """Write down what became of reports: ids, and never why one was declined."""
    told = [(row.borrower_id, {"report_id": row.id, "loan_id": row.loan_id, "register": row.register}) for row in rows]
    add_audits(work.session, told, at=now, actor=by, action=f"register_report.{verb}")
