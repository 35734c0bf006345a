"""Refunds: asked for by the borrower or staff, taken up by themselves, approved, cancelled.

Each act takes the borrower's agenda row first, so that of any number at once one lays claim to the money. Sending is
`refund_sending.py`; that it is done is `refund_settling.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.domain.book import check_text
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.money import Money
from app.domain.positions import Snapshot
from app.domain.refunds import (
    BORROWER,
    BY_RULE,
    CORE,
    METHODS,
    PROVIDER,
    SYSTEM,
    Claim,
    RefundState,
    check_amount,
    check_may_approve,
    check_move,
    is_automatic,
    overpaid_minor,
    reference_of,
    refundable_minor,
)
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.refunds import RefundRow
from app.persistence.queries import refunds as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.collateral_sales import exists_reversal_of
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_owners, get_loan
from app.persistence.queries.positions import find_snapshot
from app.persistence.queries.refundable_intents import find_refundable_intent
from app.persistence.queries.tasks import find_task_ids, get_task
from app.persistence.unit_of_work import Work
from app.services import accounts, agenda
from app.services.refund_rules import refund_rules
from app.services.refund_words import tell_of_refund
from app.services.tasks import NewTask, add_task, close_task

QUEUE = TASK_KIND = "refund"
HISTORY = timedelta(days=30)
"""Money that came this long before we were told of it is a book's history: nothing is taken up by itself."""
_LONGEST_REASON = 40


@dataclass(frozen=True, slots=True)
class Staff:
    """Who acts at the desk."""

    by: str
    role: str


@dataclass(frozen=True, slots=True)
class Overpaid:
    """What was paid over on a loan, and what of it may still be asked for."""

    overpaid: Money
    refundable: Money


def list_refunds(reads: Connection, borrower_id: str, loan_id: str) -> tuple[Overpaid, Sequence[Any]]:
    """Return what was paid over on a loan, and its refunds, newest first. Raises NotFoundError."""
    row = accounts.get_position_account(reads, borrower_id, loan_id)
    found = queries.find_refunds(reads, borrower_id, loan_id)
    snapshot = Snapshot(row.anchor_no or 0, row.principal_balance_minor or 0, row.unapplied_minor or 0, (), None, None)
    over_minor = 0 if row.open_rows else overpaid_minor(snapshot)
    left_minor = refundable_minor(snapshot, [Claim(each.state, each.amount_minor) for each in found]) if over_minor else 0
    return Overpaid(Money(over_minor, row.currency), Money(left_minor, row.currency)), found


def request_refund(
    work: Work, borrower_id: str, loan_id: str, amount: Money | None, *, by: str, now: datetime, reason: str | None = None
) -> RefundRow:
    """Ask for money back; `amount` None: all there is. Small sums are approved by rule at once, others wait for a person.

    `by`: `borrower` or a member of staff. Raises NotFoundError, ConflictError (nothing is there), ValidationError.
    """
    check_text("reason", reason or "", _LONGEST_REASON)
    lock_agenda(work.session, [borrower_id])
    loan = get_loan(work.session, loan_id)
    if loan.borrower_id != borrower_id:
        raise NotFoundError("There is no such loan.")
    most_minor = refundable_minor(_snapshot(work, loan), queries.find_claims(work.session, loan.id))
    if amount is not None and amount.currency != loan.currency:
        raise refused_at("/amount", f"The loan is in {loan.currency}.")
    wanted_minor = most_minor if amount is None else amount.minor
    check_amount(wanted_minor, loan.currency, most_minor)
    agenda.touch(work, [borrower_id], now=now)
    return _add(work, loan, wanted_minor, by=by, now=now, reason=reason)


def request_by_staff(
    work: Work, lender_id: str, loan_no: str, amount: Money | None, *, staff: Staff, now: datetime, reason: str
) -> RefundRow:
    """Ask for money back on behalf of a borrower, for another to approve where the amount wants it. Raises as above."""
    owner = find_loan_owners(work.session, lender_id, [loan_no]).get(loan_no)
    if owner is None:
        raise NotFoundError(f"There is no loan {loan_no}.")
    return request_refund(work, owner[1], owner[0], amount, by=staff.by, now=now, reason=reason)


def approve_refund(
    work: Work, lender_id: str, refund_id: str, *, staff: Staff, now: datetime, method: str | None = None
) -> RefundRow:
    """Let a refund go, or go again after it failed; `method` None: as it was made. Twice changes nothing.

    Raises NotFoundError, ForbiddenError (it takes somebody else), ConflictError (it is over, or the money is not there).
    """
    row, lender = _locked(work, lender_id, refund_id)
    if row.state == RefundState.APPROVED:
        return row
    check_move(row.state, RefundState.APPROVED)
    rules = refund_rules(lender.code)
    check_may_approve(row.amount_minor, row.currency, rules, requested_by=row.requested_by, by=staff.by, role=staff.role)
    if exists_reversal_of(work.session, row.id):
        raise ConflictError("It is the surplus of a sale that somebody asked to take back; have that decided first.")
    others = queries.find_claims(work.session, row.loan_id, without=row.id)
    loan = get_loan(work.session, row.loan_id)
    check_amount(row.amount_minor, row.currency, refundable_minor(_snapshot(work, loan), others))
    if method is not None:
        _change_method(work, row, method)
    _approve(work, lender, row, by=staff.by, now=now)
    return row


def cancel_refund(work: Work, lender_id: str, refund_id: str, *, staff: Staff, now: datetime, reason: str) -> RefundRow:
    """Let a refund be; the borrower is told. Twice changes nothing. Raises NotFoundError, ConflictError, ValidationError."""
    check_text("reason", reason, _LONGEST_REASON)
    row, lender = _locked(work, lender_id, refund_id)
    if row.state == RefundState.CANCELLED:
        return row
    end_unsent(work, lender, row, by=staff.by, now=now, reason=reason)
    return row


def end_unsent(work: Work, lender: LenderRow, row: RefundRow, *, by: str, now: datetime, reason: str) -> None:
    """Cancel a refund whose money has not left. Raises ConflictError for one that was sent or is over."""
    check_move(row.state, RefundState.CANCELLED)
    row.state, row.closed_at, row.next_look_at = RefundState.CANCELLED.value, now, None
    row.reason = without_card_numbers(reason)
    _changed(work, lender, row, by=by, now=now)
    _close_task(work, row, by=by, now=now, outcome="cancelled")


def take_up_overpayment(work: Work, loan_id: str, *, now: datetime) -> None:
    """Take up what a paid-off loan was overpaid and nobody asked for: by rule where it is small, else as a person's task.

    The follow-up that calls this holds the borrower's agenda row.
    """
    loan = get_loan(work.session, loan_id)
    lender = get_lender(work.session, loan.lender_id)
    snapshot = _snapshot(work, loan)
    left_minor = refundable_minor(snapshot, queries.find_claims(work.session, loan_id))
    if left_minor < max(1, refund_rules(lender.code).least_minor.get(loan.currency, 1)) or _is_history(snapshot, now):
        return
    agenda.touch(work, [loan.borrower_id], now=now)
    _add(work, loan, left_minor, by=SYSTEM, now=now, reason="overpaid")


def add_refund_task(work: Work, row: RefundRow, *, now: datetime) -> None:
    """Ask a person to look at a refund; each time it is approved anew and fails is an occasion of its own."""
    facts = {"refund_id": row.id, "amount_minor": row.amount_minor, "currency": row.currency, "state": row.state}
    key = _task_key(row)
    add_task(work, NewTask(key, row.borrower_id, TASK_KIND, QUEUE, loan_id=row.loan_id, facts=facts), now=now)


def _add(work: Work, loan: LoanRow, amount_minor: int, *, by: str, now: datetime, reason: str | None) -> RefundRow:
    lender = get_lender(work.session, loan.lender_id)
    intent = find_refundable_intent(work.session, loan.id, amount_minor)
    refund_id = new_id()
    row = RefundRow(
        id=refund_id,
        borrower_id=loan.borrower_id,
        loan_id=loan.id,
        lender_id=loan.lender_id,
        intent_id=intent.id if intent else None,
        amount_minor=amount_minor,
        currency=loan.currency,
        state=RefundState.REQUESTED.value,
        method=PROVIDER if intent else CORE,
        reference=reference_of(refund_id),
        reason=None if reason is None else without_card_numbers(reason),
        requested_by=by,
        requested_at=now,
        tries=0,
        version=1,
    )
    work.session.add(row)
    work.session.flush()
    is_by_rule = is_automatic(amount_minor, loan.currency, refund_rules(lender.code)) and by in (BORROWER, SYSTEM)
    if is_by_rule and not _is_disputed_by_core(work, loan, now):
        _audit(work, row, by, now)
        _approve(work, lender, row, by=BY_RULE, now=now)
        return row
    _audit(work, row, by, now)
    tell_of_refund(work, lender, row, now=now)
    add_refund_task(work, row, now=now)
    return row


def _approve(work: Work, lender: LenderRow, row: RefundRow, *, by: str, now: datetime) -> None:
    _close_task(work, row, by=by, now=now, outcome="done")
    row.state, row.approved_by, row.approved_at = RefundState.APPROVED.value, by, now
    row.next_look_at = now if row.method == PROVIDER else None
    row.tries = 0
    _changed(work, lender, row, by=by, now=now)


def _change_method(work: Work, row: RefundRow, method: str) -> None:
    if method not in METHODS:
        raise refused_at("/method", f"method is not one of {', '.join(METHODS)}.")
    if method == PROVIDER and row.intent_id is None:
        raise refused_at("/method", "No payment at a provider covers it; send it by bank or core.")
    row.method = method


def _changed(work: Work, lender: LenderRow, row: RefundRow, *, by: str, now: datetime) -> None:
    row.version += 1
    work.session.flush()
    _audit(work, row, by, now)
    tell_of_refund(work, lender, row, now=now)


def _audit(work: Work, row: RefundRow, by: str, now: datetime) -> None:
    facts = {"refund_id": row.id, "loan_id": row.loan_id, "amount_minor": row.amount_minor, "method": row.method}
    add_audit(work.session, at=now, actor=by, action=f"refund.{row.state}", borrower_id=row.borrower_id, facts=facts)


def _close_task(work: Work, row: RefundRow, *, by: str, now: datetime, outcome: str) -> None:
    for task_id in find_task_ids(work.session, [_task_key(row)]).values():
        if get_task(work.session, task_id).state == "open":  # a person may have closed it by hand
            close_task(work, task_id, outcome=outcome, reason="decided", by=by, now=now)


def _task_key(row: RefundRow) -> str:
    return f"refund/{row.id}/{row.approved_at.isoformat() if row.approved_at else 'new'}"


def _locked(work: Work, lender_id: str, refund_id: str) -> tuple[RefundRow, LenderRow]:
    borrower_id = queries.find_refund_owner(work.session, refund_id, lender_id)
    lock_agenda(work.session, [borrower_id])
    row = queries.find_refund(work.session, refund_id)
    if row is None:
        raise NotFoundError("There is no such refund.")
    return row, get_lender(work.session, lender_id)


def _snapshot(work: Work, loan: LoanRow) -> Snapshot:
    found = find_snapshot(work.session, loan.borrower_id, loan.id)
    return found[0] if found else Snapshot(0, 0, 0, (), None, None)


def _is_disputed_by_core(work: Work, loan: LoanRow, now: datetime) -> bool:
    """Whether the core's own newest figures are other than ours: then a person looks."""
    connection = work.session.connection()
    row = accounts.get_position_account(connection, loan.borrower_id, loan.id)
    return accounts.shown_on(connection, row, business_date(now, loan.zone)).is_of_core


def _is_history(snapshot: Snapshot, now: datetime) -> bool:
    last = snapshot.last_effective_on
    return last is not None and (now.date() - last) > HISTORY
