"""Payments taken in at the desk: booked within a role's limit, above it by a second person; a mistake is taken back.

The ledger is written by `payments.record_payment` alone, under a reference of ours that the lender's core is told and may
name. Each act takes the borrower's agenda row first, so that of any number at once one counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.domain.book import PaymentValues, check_text
from app.domain.desk_payments import METHODS, ORIGIN, DeskPaymentState, check_move, reference_of
from app.domain.errors import ConflictError, CurrencyMismatchError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.domain.permissions import check_may
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.desk_acts import DeskPaymentRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries import desk_payments as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.desk_entries import find_alike, find_desk_entry
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import get_loan, get_own_loan_id
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.desk_entries import keep_entry
from app.services.desk_limits import desk_limits
from app.services.notices import tell_borrower
from app.services.payments import record_payment
from app.services.tasks import NewTask, add_task, finish_task
from app.services.webhook_events import announce

QUEUE, TASK = "approvals", "desk_payment"
LONGEST_NOTE, LONGEST_REASON = 300, 200
OLDEST = timedelta(days=366)
"""How far back money may have come in: what is older is a slip of the pen, or the core's to book."""
_S = DeskPaymentState


@dataclass(frozen=True, slots=True)
class DeskStaff:
    """Who acts at the desk, and for whom."""

    by: str
    """As the audit trail names them."""
    role: str
    lender_id: str


@dataclass(frozen=True, slots=True)
class TakenPayment:
    """Money as it was taken in. `receipt`: number of the receipt given, or the bank's own reference of a transfer."""

    loan_no: str
    amount: Money
    effective_on: date
    method: str
    receipt: str
    note: str | None = field(default=None, repr=False)
    is_another: bool = False
    """Another payment than one of the same day and amount that is known."""


def take_payment(work: Work, borrower_id: str, taken: TakenPayment, *, staff: DeskStaff, now: datetime) -> str:
    """Book money that was taken in, or have it wait for approval; return its id.

    Raises NotFoundError, ValidationError, CurrencyMismatchError, ForbiddenError; ConflictError where the receipt, or a
    payment of the same day and amount, is known.
    """
    check_may(staff.role, "payments.record")
    loan_id = get_own_loan_id(work.session, staff.lender_id, borrower_id, taken.loan_no)
    lock_agenda(work.session, [borrower_id])
    loan = get_loan(work.session, loan_id)
    _check(work, loan, taken, now)
    if queries.find_receipt(work.session, staff.lender_id, taken.receipt) is not None:
        raise ConflictError(f"Receipt {taken.receipt} was recorded before; each is recorded once.")
    payment_id = new_id()
    note = None if taken.note is None else without_card_numbers(taken.note)
    row = DeskPaymentRow(
        id=payment_id, borrower_id=borrower_id, loan_id=loan_id, lender_id=staff.lender_id, amount_minor=taken.amount.minor,
        currency=taken.amount.currency, effective_on=taken.effective_on, method=taken.method, receipt=taken.receipt,
        reference=reference_of("payment", payment_id), is_another=taken.is_another, state=_S.WAITING.value,
        note_sealed=work.vault.seal(note, place=_place(payment_id)), requested_by=staff.by, requested_at=now, version=1,
    )  # fmt: skip
    _check_is_new(work, row)
    queries.add_desk_payment(work.session, row)
    _audit(work, row, "requested", by=staff.by, now=now)
    limits = desk_limits(get_lender(work.session, staff.lender_id).code)
    if limits.payments.may_alone(staff.role, taken.amount):
        _book(work, row, loan, staff=staff, now=now)
    else:
        facts = {"payment_id": row.id, "amount_minor": row.amount_minor, "currency": row.currency}
        task = NewTask(_task(row.id), borrower_id, TASK, QUEUE, loan_id=loan_id, due_at=now, facts=facts)
        add_task(work, task, now=now)
    return row.id


def approve_payment(work: Work, payment_id: str, *, staff: DeskStaff, now: datetime) -> None:
    """Book a payment that waits. Approving one that is booked changes nothing.

    Raises NotFoundError, ForbiddenError (it takes somebody else), ConflictError.
    """
    check_may(staff.role, "payments.approve")
    row = _locked(work, payment_id, staff)
    if row.state == _S.BOOKED:
        return
    check_move(row.state, _S.BOOKED)
    limits = desk_limits(get_lender(work.session, staff.lender_id).code)
    limits.payments.check_may_approve(staff.role, _amount(row), requested_by=row.requested_by, by=staff.by)
    _check_is_new(work, row)
    _book(work, row, get_loan(work.session, row.loan_id), staff=staff, now=now)
    finish_task(work, _task(row.id), reason="booked", by=staff.by, now=now)


def decline_payment(work: Work, payment_id: str, *, staff: DeskStaff, now: datetime, reason: str) -> None:
    """Leave a payment that waits out of the ledger; who took it in may do so too. Twice changes nothing.

    Raises NotFoundError, ForbiddenError, ConflictError, ValidationError.
    """
    check_text("reason", reason, LONGEST_REASON)
    row = _locked(work, payment_id, staff)
    if row.state == _S.DECLINED:
        return
    if row.requested_by != staff.by:
        check_may(staff.role, "payments.approve")
    check_move(row.state, _S.DECLINED)
    _move(work, row, _S.DECLINED, staff=staff, now=now, reason=reason)
    finish_task(work, _task(row.id), reason="declined", by=staff.by, now=now)


def reverse_payment(work: Work, payment_id: str, *, staff: DeskStaff, now: datetime, reason: str) -> None:
    """Take a payment back that was booked by mistake; the borrower is told. Twice changes nothing.

    Raises NotFoundError, ForbiddenError, ValidationError; ConflictError where the core has told of it: then it says so.
    """
    check_may(staff.role, "payments.reverse")
    check_text("reason", reason, LONGEST_REASON)
    row = _locked(work, payment_id, staff)
    if row.state == _S.REVERSED:
        return
    check_move(row.state, _S.REVERSED)
    entry = find_desk_entry(work.session, row.entry_id or "")
    if entry is not None and entry.told_at is not None:
        raise ConflictError(f"Your core has told of this payment as {entry.told_as}; have it reversed there.")
    loan = get_loan(work.session, row.loan_id)
    values = PaymentValues(
        reference_of("reversal", row.id), loan.loan_no, row.amount_minor, row.currency, business_date(now, loan.zone),
        kind=EntryKind.REVERSAL, reverses_reference=row.reference,
    )  # fmt: skip
    record_payment(work, row.lender_id, values, now=now, origin=f"{ORIGIN}{staff.by}"[:40])
    work.session.refresh(row)  # taking the entry back has moved it
    row.reversed_by, row.reason = staff.by, without_card_numbers(reason)
    work.session.flush()
    _audit(work, row, "reversed", by=staff.by, now=now)
    _announce(work, row, loan, "reversed", now=now)
    _tell(work, row, loan, "payment_reversed", now=now)


def list_payments(reads: Connection, borrower_id: str, *, lender_id: str) -> Sequence[Any]:
    """Return a borrower's payments at this lender's desk, newest first, at most 100."""
    return queries.find_of_borrower(reads, borrower_id, lender_id=lender_id)


def note_of(ring: Vault, row: Any) -> str | None:
    """Return the note of a payment, opened."""
    return ring.open(row.note_sealed, place=_place(row.id))


def _check(work: Work, loan: LoanRow, taken: TakenPayment, now: datetime) -> None:
    check_text("reference", taken.receipt, 64)
    check_text("note", taken.note or "", LONGEST_NOTE)
    if taken.method not in METHODS:
        raise refused_at("/method", f"method is not one of {', '.join(METHODS)}.")
    if taken.amount.currency != loan.currency:
        raise CurrencyMismatchError(f"Loan {loan.loan_no} is in {loan.currency}, the payment in {taken.amount.currency}.")
    if taken.amount.minor <= 0:
        raise refused_at("/amount", "Give an amount above nothing.")
    if without_card_numbers(taken.receipt) != taken.receipt:
        raise refused_at("/receipt", "That is the number of a card; give the number of the receipt.")
    if taken.effective_on > business_date(now, loan.zone):
        raise refused_at("/effective_on", "The day is in the future; record the money when it has come.")
    if taken.effective_on < max(business_date(now, loan.zone) - OLDEST, loan.disbursed_on or date.min):
        raise refused_at("/effective_on", "The day is before the loan, or more than a year ago; look at the date again.")


def _check_is_new(work: Work, row: DeskPaymentRow) -> None:
    """Refuse money that may be what somebody told of before, unless it was said to be another."""
    if row.is_another:
        return
    on, minor = row.effective_on, row.amount_minor
    waiting = queries.find_waiting_alike(work.session, row.loan_id, on=on, amount_minor=minor)
    known = find_alike(work.session, row.loan_id, on=on, amount_minor=minor)
    known += [each for each in waiting if each != row.reference]
    if known:
        raise ConflictError(
            f"A payment of this amount and day is known as {known[0]}; say that this is another one, or leave it.",
            {"reference": known[0]},
        )


def _book(work: Work, row: DeskPaymentRow, loan: LoanRow, *, staff: DeskStaff, now: datetime) -> None:
    values = PaymentValues(
        row.reference, loan.loan_no, row.amount_minor, row.currency, row.effective_on, channel=METHODS[row.method],
        bank_reference=row.receipt,
    )  # fmt: skip
    result = record_payment(work, row.lender_id, values, now=now, origin=f"{ORIGIN}{staff.by}"[:40])
    if result.status != "recorded" or result.entry_id is None:
        raise ConflictError("This money is known already: a plan, a bank statement or a payment provider told of it.")
    row.entry_id = result.entry_id
    keep_entry(
        work, row, kind=EntryKind.REPAYMENT, amount_minor=row.amount_minor, channel=values.channel, receipt=row.receipt
    )
    _move(work, row, _S.BOOKED, staff=staff, now=now)
    _announce(work, row, loan, "recorded", now=now)
    _tell(work, row, loan, "payment_received", now=now)


def _move(
    work: Work, row: DeskPaymentRow, to: DeskPaymentState, *, staff: DeskStaff, now: datetime, reason: str | None = None
) -> None:
    row.state, row.decided_by, row.decided_at = to.value, staff.by, now
    row.reason = None if reason is None else without_card_numbers(reason)
    row.version += 1
    work.session.flush()
    _audit(work, row, to.value, by=staff.by, now=now)


def _tell(work: Work, row: DeskPaymentRow, loan: LoanRow, template: str, *, now: datetime) -> None:
    amount = {row.currency: row.amount_minor}
    tell_borrower(
        work, row.borrower_id, template, {"amount": amount, "loan": loan.loan_no}, now=now, loan_id=row.loan_id,
        key=f"desk_payment:{row.id}:{row.state}",
    )  # fmt: skip


def _announce(work: Work, row: DeskPaymentRow, loan: LoanRow, verb: str, *, now: datetime) -> None:
    data = {
        "payment_id": row.id,
        "reference": row.reference,
        "receipt": row.receipt,
        "loan_no": loan.loan_no,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "amount": {"amount_minor": row.amount_minor, "currency": row.currency},
        "effective_on": row.effective_on.isoformat(),
        "method": row.method,
        "by": row.decided_by,
    }
    announce(work, row.lender_id, f"desk_payment.{verb}.v1", data, now=now, borrower_id=row.borrower_id)


def _audit(work: Work, row: DeskPaymentRow, verb: str, *, by: str, now: datetime) -> None:
    facts = {
        "payment_id": row.id, "loan_id": row.loan_id, "amount_minor": row.amount_minor, "currency": row.currency,
        "method": row.method, "entry_id": row.entry_id,
    }  # fmt: skip
    add_audit(work.session, at=now, actor=by, action=f"desk_payment.{verb}", borrower_id=row.borrower_id, facts=facts)


def _locked(work: Work, payment_id: str, staff: DeskStaff) -> DeskPaymentRow:
    lock_agenda(work.session, [queries.get_owner(work.session, payment_id, staff.lender_id)])
    return queries.get_desk_payment(work.session, payment_id)


def _amount(row: DeskPaymentRow) -> Money:
    return Money(row.amount_minor, row.currency)


def _task(payment_id: str) -> str:
    return f"desk-payment/{payment_id}"


def _place(payment_id: str) -> str:
    return f"desk_payments.note:{payment_id}"
