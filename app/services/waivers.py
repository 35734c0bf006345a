"""Waivers: fees, penalties and interest given up at the desk, within a role's limits or by a second person.

The ledger is written by `payments.record_payment` alone: an entry of kind waiver whose split says what of it is what, so
that nothing of it touches principal. The lender's core is told by `waiver.granted.v1`, so that it books it too. Each act
takes the borrower's agenda row first: limits of a year are exact however many grant at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.book import PaymentValues, check_text
from app.domain.desk_limits import YEAR, DeskLimits
from app.domain.desk_payments import ORIGIN, reference_of
from app.domain.errors import ConflictError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.domain.permissions import check_may
from app.domain.splits import Split
from app.domain.times import business_date
from app.domain.waivers import REASONS, WaiverState, check_move, check_parts
from app.persistence.ids import new_id
from app.persistence.models.desk_acts import WaiverRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries import waivers as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import get_loan, get_own_loan_id
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.desk_entries import keep_entry
from app.services.desk_limits import desk_limits
from app.services.desk_payments import DeskStaff
from app.services.notices import tell_borrower
from app.services.payments import record_payment
from app.services.positions import position_of
from app.services.tasks import NewTask, add_task, finish_task
from app.services.webhook_events import announce
from app.wording.variables import Value

QUEUE, TASK = "approvals", "waiver"
LONGEST_NOTE, LONGEST_REASON = 500, 200
_S = WaiverState


@dataclass(frozen=True, slots=True)
class Wished:
    """What is to be given up, and why. `parts`: by component; principal of it is refused."""

    loan_no: str
    parts: Split
    currency: str
    reason: str
    note: str | None = field(default=None, repr=False)


def ask_waiver(work: Work, borrower_id: str, wished: Wished, *, staff: DeskStaff, now: datetime) -> str:
    """Give something up within one's limits, or have it wait for somebody else; return the waiver's id.

    Raises NotFoundError, ValidationError (more than is due), ForbiddenError, ConflictError (one of the loan waits already).
    """
    check_may(staff.role, "waivers.grant")
    loan_id = get_own_loan_id(work.session, staff.lender_id, borrower_id, wished.loan_no)
    lock_agenda(work.session, [borrower_id])
    loan = get_loan(work.session, loan_id)
    if wished.reason not in REASONS:
        raise refused_at("/reason", f"reason is not one of {', '.join(REASONS)}.")
    check_text("note", wished.note or "", LONGEST_NOTE)
    if wished.currency != loan.currency:
        raise refused_at("/parts", f"The loan is in {loan.currency}.")
    check_parts(wished.parts, open_parts_of(work.session, loan, now=now), loan.currency)
    if queries.find_waiting(work.session, loan_id) is not None:
        raise ConflictError("A waiver of this loan waits for approval already; have it decided first.")
    waiver_id = new_id()
    note = None if wished.note is None else without_card_numbers(wished.note)
    row = WaiverRow(
        id=waiver_id, borrower_id=borrower_id, loan_id=loan_id, lender_id=staff.lender_id,
        interest_minor=wished.parts.interest, fees_minor=wished.parts.fees, penalties_minor=wished.parts.penalties,
        currency=loan.currency, reason=wished.reason, note_sealed=work.vault.seal(note, place=_place(waiver_id)),
        reference=reference_of("waiver", waiver_id), state=_S.WAITING.value, requested_by=staff.by, requested_at=now,
        version=1,
    )  # fmt: skip
    queries.add_waiver(work.session, row)
    _audit(work, row, "requested", by=staff.by, now=now)
    waived = _waived(work, loan, now)
    if _limits(work, staff).may_waive_alone(staff.role, wished.parts, loan.currency, waived_minor=waived):
        _grant(work, row, loan, staff=staff, now=now)
    else:
        facts = {"waiver_id": row.id, "amount_minor": wished.parts.total, "currency": loan.currency, "reason": row.reason}
        task = NewTask(_task(row.id), borrower_id, TASK, QUEUE, loan_id=loan_id, due_at=now, facts=facts)
        add_task(work, task, now=now)
    return row.id


def approve_waiver(work: Work, waiver_id: str, *, staff: DeskStaff, now: datetime) -> None:
    """Grant a waiver that waits, of what is still due now. Approving one that is granted changes nothing.

    Raises NotFoundError, ForbiddenError (it takes somebody else), ConflictError, ValidationError (less is due by now).
    """
    check_may(staff.role, "waivers.approve")
    row = _locked(work, waiver_id, staff)
    if row.state == _S.GRANTED:
        return
    check_move(row.state, _S.GRANTED)
    loan = get_loan(work.session, row.loan_id)
    parts = parts_of(row)
    _limits(work, staff).check_may_approve_waiver(
        staff.role, parts, row.currency, waived_minor=_waived(work, loan, now), requested_by=row.requested_by, by=staff.by
    )
    check_parts(parts, open_parts_of(work.session, loan, now=now), row.currency)
    _grant(work, row, loan, staff=staff, now=now)
    finish_task(work, _task(row.id), reason="granted", by=staff.by, now=now)


def decline_waiver(work: Work, waiver_id: str, *, staff: DeskStaff, now: datetime, reason: str) -> None:
    """Let a waiver be that waits; who asked for it may do so too. Twice changes nothing.

    Raises NotFoundError, ForbiddenError, ConflictError, ValidationError.
    """
    check_text("reason", reason, LONGEST_REASON)
    row = _locked(work, waiver_id, staff)
    if row.state == _S.DECLINED:
        return
    if row.requested_by != staff.by:
        check_may(staff.role, "waivers.approve")
    check_move(row.state, _S.DECLINED)
    row.declined_reason = without_card_numbers(reason)
    _move(work, row, _S.DECLINED, staff=staff, now=now)
    finish_task(work, _task(row.id), reason="declined", by=staff.by, now=now)


def open_parts_of(session: Session, loan: LoanRow, *, now: datetime) -> Split:
    """Return what of a loan is due today and unpaid, by component: the most that can be given up of each."""
    return position_of(session, loan, business_date(now, loan.zone)).due_to_date


def list_waivers(reads: Connection, borrower_id: str, *, lender_id: str) -> Sequence[Any]:
    """Return a borrower's waivers by this lender, newest first, at most 100."""
    return queries.find_of_borrower(reads, borrower_id, lender_id=lender_id)


def parts_of(row: Any) -> Split:
    """Return a waiver's amount by component."""
    return Split(0, row.interest_minor, row.fees_minor, row.penalties_minor)


def note_of(ring: Vault, row: Any) -> str | None:
    """Return the note of a waiver, opened."""
    return ring.open(row.note_sealed, place=_place(row.id))


def _grant(work: Work, row: WaiverRow, loan: LoanRow, *, staff: DeskStaff, now: datetime) -> None:
    parts, today = parts_of(row), business_date(now, loan.zone)
    values = PaymentValues(
        row.reference, loan.loan_no, parts.total, row.currency, today, kind=EntryKind.WAIVER, split=parts
    )  # fmt: skip
    result = record_payment(work, row.lender_id, values, now=now, origin=f"{ORIGIN}{staff.by}"[:40])
    if result.status != "recorded" or result.entry_id is None:
        raise ConflictError("Nothing of it is owed any more.")
    row.entry_id, row.effective_on = result.entry_id, today
    keep_entry(work, row, kind=EntryKind.WAIVER, amount_minor=parts.total)
    _move(work, row, _S.GRANTED, staff=staff, now=now)
    _announce(work, row, loan, now=now)
    told: dict[str, Value] = {"amount": {row.currency: parts.total}, "loan": loan.loan_no}
    tell_borrower(
        work, row.borrower_id, "waiver_granted", told, now=now, loan_id=row.loan_id, key=f"waiver:{row.id}:granted"
    )


def _move(work: Work, row: WaiverRow, to: WaiverState, *, staff: DeskStaff, now: datetime) -> None:
    row.state, row.decided_by, row.decided_at = to.value, staff.by, now
    row.version += 1
    work.session.flush()
    _audit(work, row, to.value, by=staff.by, now=now)


def _announce(work: Work, row: WaiverRow, loan: LoanRow, *, now: datetime) -> None:
    parts = parts_of(row)
    data = {
        "waiver_id": row.id,
        "reference": row.reference,
        "loan_no": loan.loan_no,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "amount": _money(parts.total, row.currency),
        "interest": _money(parts.interest, row.currency),
        "fees": _money(parts.fees, row.currency),
        "penalties": _money(parts.penalties, row.currency),
        "reason": row.reason,
        "effective_on": None if row.effective_on is None else row.effective_on.isoformat(),
        "by": row.decided_by,
    }
    announce(work, row.lender_id, "waiver.granted.v1", data, now=now, borrower_id=row.borrower_id)


def _money(minor: int, currency: str) -> dict[str, Any]:
    return {"amount_minor": Money(minor, currency).minor, "currency": currency}


def _audit(work: Work, row: WaiverRow, verb: str, *, by: str, now: datetime) -> None:
    facts = {
        "waiver_id": row.id, "loan_id": row.loan_id, "interest_minor": row.interest_minor, "fees_minor": row.fees_minor,
        "penalties_minor": row.penalties_minor, "currency": row.currency, "reason": row.reason, "entry_id": row.entry_id,
    }  # fmt: skip
    add_audit(work.session, at=now, actor=by, action=f"waiver.{verb}", borrower_id=row.borrower_id, facts=facts)


def _waived(work: Work, loan: LoanRow, now: datetime) -> int:
    return queries.sum_granted(work.session, loan.id, after=business_date(now, loan.zone) - YEAR)


def _limits(work: Work, staff: DeskStaff) -> DeskLimits:
    return desk_limits(get_lender(work.session, staff.lender_id).code)


def _locked(work: Work, waiver_id: str, staff: DeskStaff) -> WaiverRow:
    lock_agenda(work.session, [queries.get_owner(work.session, waiver_id, staff.lender_id)])
    return queries.get_waiver(work.session, waiver_id)


def _task(waiver_id: str) -> str:
    return f"waiver/{waiver_id}"


def _place(waiver_id: str) -> str:
    return f"waivers.note:{waiver_id}"
