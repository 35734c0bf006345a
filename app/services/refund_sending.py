"""Sending a refund through the provider that took the payment: what is decided before the call, and what its answer makes.

The call itself is made by the engine, outside any transaction. What was handed over and not answered is asked about, and
handed over again only where the provider knows nothing of it, under the same key: it is paid once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.domain.payment_providers import AskedPayment, RefundNews
from app.domain.refunds import BY_RULE, PROVIDER, SYSTEM, RefundState, check_move, sendable_minor, wait_after
from app.domain.times import business_date
from app.logs import logger
from app.persistence.models.lenders import LenderRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.refunds import RefundRow
from app.persistence.queries import refunds as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.collateral_sales import exists_reversal_of
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import get_loan
from app.persistence.queries.positions import find_snapshot
from app.persistence.unit_of_work import Work
from app.services.payments import record_payment
from app.services.refund_settling import end_refund
from app.services.refund_words import tell_of_refund
from app.services.refunds import add_refund_task, end_unsent
from app.services.told_by_provider import OF_PROVIDER

_NOT_SET_UP = timedelta(hours=1)
_UNDECIDED = timedelta(minutes=10)
"""How long a surplus waits to be looked at again, of a sale that somebody asked to take back."""
SUCCEEDED, PENDING = "succeeded", "pending"


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a provider is to be asked. `is_new`: nothing was handed over before; else it is asked about first."""

    refund_id: str
    provider: str
    payment: AskedPayment
    amount_minor: int
    is_new: bool
    reference: str | None
    """The provider's own, where it has told one."""


def take_refund(
    work: Work, refund_id: str, borrower_id: str, *, providers: Collection[str], now: datetime
) -> RefundOrder | None:
    """Decide what is to be asked now, and note that it is, before it is; None: nothing. The money is counted once more.

    `providers`: names of those that are set up; what went through another waits.
    """
    lock_agenda(work.session, [borrower_id])
    row = queries.find_refund(work.session, refund_id)
    if row is None or row.next_look_at is None or row.next_look_at > now:
        return None
    intent = work.session.get(PaymentIntentRow, row.intent_id) if row.intent_id and row.method == PROVIDER else None
    if intent is None or row.state not in (RefundState.APPROVED, RefundState.SENT):
        row.next_look_at = None
        return None
    if intent.provider not in providers:
        row.next_look_at = now + _NOT_SET_UP
        logger().error("refund waits for a provider that is not set up", refund_id=row.id, provider=intent.provider)
        return None
    is_new = row.state == RefundState.APPROVED
    if is_new:
        if exists_reversal_of(work.session, row.id):
            row.next_look_at = now + _UNDECIDED
            return None
        if not _is_there(work, row):
            end_unsent(work, get_lender(work.session, row.lender_id), row, by=SYSTEM, now=now, reason="not_overpaid")
            return None
        check_move(row.state, RefundState.SENT)
        row.state, row.sent_at = RefundState.SENT.value, now
    row.tries += 1
    row.next_look_at = now + wait_after(row.tries)
    row.version += 1
    work.session.flush()
    payment = AskedPayment(
        intent.id, intent.provider_reference, intent.payment_reference, intent.amount_minor, intent.currency
    )
    return RefundOrder(row.id, intent.provider, payment, row.amount_minor, is_new, row.provider_reference)


def note_news(work: Work, order: RefundOrder, borrower_id: str, news: RefundNews, *, now: datetime) -> None:
    """Write what the provider says: done is booked out of the loan, failed goes to a person, else it is asked again."""
    lock_agenda(work.session, [borrower_id])
    row = queries.find_refund(work.session, order.refund_id)
    if row is None or row.state != RefundState.SENT:
        return
    row.provider_reference = news.reference[:120] or row.provider_reference
    lender = get_lender(work.session, row.lender_id)
    if news.state == SUCCEEDED:
        _book(work, lender, row, order.provider, now=now)
    elif news.state != PENDING:
        fail_refund(work, lender, row, news.failure_code or news.state, now=now)


def note_refusal(work: Work, order: RefundOrder, borrower_id: str, code: str, *, now: datetime) -> None:
    """Write that the provider will not."""
    lock_agenda(work.session, [borrower_id])
    row = queries.find_refund(work.session, order.refund_id)
    if row is not None and row.state == RefundState.SENT:
        fail_refund(work, get_lender(work.session, row.lender_id), row, code, now=now)


def look_again(work: Work, intent_id: str, amount_minor: int | None, *, now: datetime) -> bool:
    """Have the refunds of a payment asked about at once, whose provider has spoken of one; False: it is none of ours.

    `amount_minor`: what has gone back of the payment so far, by the provider.
    """
    rows = queries.find_of_intent(work.session, intent_id)
    for row in rows:
        if row.state == RefundState.SENT:
            row.next_look_at = now
    work.session.flush()
    gone = sum(row.amount_minor for row in rows if row.state in (RefundState.SENT, RefundState.DONE))
    return amount_minor is not None and amount_minor <= gone


def fail_refund(work: Work, lender: LenderRow, row: RefundRow, code: str, *, now: datetime) -> None:
    """Mark a refund as failed and ask a person for another way."""
    check_move(row.state, RefundState.FAILED)
    row.state, row.reason, row.next_look_at = RefundState.FAILED.value, code[:40], None
    row.version += 1
    work.session.flush()
    tell_of_refund(work, lender, row, now=now)
    add_refund_task(work, row, now=now)


def _book(work: Work, lender: LenderRow, row: RefundRow, provider: str, *, now: datetime) -> None:
    loan = get_loan(work.session, row.loan_id)
    values = PaymentValues(
        reference=row.reference,
        loan_no=loan.loan_no,
        amount_minor=row.amount_minor,
        currency=row.currency,
        effective_on=business_date(now, loan.zone),
        kind=EntryKind.REFUND,
        channel=provider[:40],
        bank_reference=row.provider_reference,
    )
    work.session.flush()
    record_payment(work, lender.id, values, now=now, origin=f"{OF_PROVIDER}{provider}")
    work.session.refresh(row)
    if row.state == RefundState.SENT:  # our book cannot hold it yet (its payment was reversed meanwhile); the money is gone
        end_refund(work, lender, row, by=BY_RULE, now=now)


def _is_there(work: Work, row: RefundRow) -> bool:
    found = find_snapshot(work.session, row.borrower_id, row.loan_id)
    others = queries.find_claims(work.session, row.loan_id, without=row.id)
    return found is not None and sendable_minor(found[0], others) >= row.amount_minor
