"""Moving a payment intent, with all that follows: the ledger, the hold on reminders, the notice, the lender's systems.

Whoever calls holds the borrower's agenda row.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.allocation import Surplus
from app.domain.book import PaymentValues
from app.domain.hold_terms import HoldValues
from app.domain.payment_intents import OPEN, IntentState, IntentTimes, PaymentEvent, entry_reference, paid_on
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.queries.holds import find_hold_referenced
from app.persistence.queries.ledger import find_waiting
from app.persistence.queries.loans import get_loan
from app.persistence.queries.payment_intents import find_entry_told, find_names
from app.persistence.unit_of_work import Work
from app.services.follow_ups import forget_follow_up
from app.services.holds import Teller, put_hold, release_hold
from app.services.notices import tell_borrower
from app.services.payments import record_payment
from app.services.tasks import NewTask, add_task
from app.services.told_by_lines import TOLD_BY_LINE
from app.services.told_twice import TOLD_BY_PLAN
from app.services.webhook_events import announce
from app.wording.variables import Value

FOLLOW_UP = "payment_intent"
QUEUE = "payments"
_AGAIN = ":again"
_NOTICES: Mapping[IntentState, str] = {
    IntentState.PROCESSING: "payment_processing",
    IntentState.SUCCEEDED: "payment_received",
    IntentState.FAILED: "payment_failed",
}
"""What the borrower is told. A page that was left or ran out is no news to who left it."""


def move(
    work: Work,
    row: PaymentIntentRow,
    state: IntentState,
    *,
    times: IntentTimes,
    now: datetime,
    event: PaymentEvent | None = None,
    tells: bool = True,
) -> None:
    """Bring an intent into a state that `next_state` has allowed. `tells` False: the borrower is told by the answer."""
    was = IntentState(row.state)
    row.state, row.changed_at, row.ran_out_here = state.value, now, False
    row.version += 1
    if event is not None:
        row.failure_code = event.failure_code or row.failure_code
    row.ask_at = times.next_ask(state, created_at=row.created_at, expires_at=row.expires_at, now=now)
    if state not in OPEN:
        row.pay_url_sealed = None
        if row.ask_at is not None and state is not IntentState.EXPIRED:
            row.ask_at = None
    if state not in (IntentState.CREATED, IntentState.PENDING):
        forget_follow_up(work, FOLLOW_UP, row.id)
    work.session.flush()
    if state is IntentState.SUCCEEDED:
        _book(work, row, event, now=now)
    _hold(work, row, state, times=times, now=now)
    _tell(work, row, was, state, tells=tells, now=now)


def _book(work: Work, row: PaymentIntentRow, event: PaymentEvent | None, *, now: datetime) -> None:
    """Put the money into the ledger, once: unless the lender's core told of this very payment before."""
    loan = get_loan(work.session, row.loan_id)
    row.paid_at = (event.paid_at if event is not None else None) or now
    references = {each for each in (row.provider_reference, row.payment_reference) if each}
    told = find_entry_told(work.session, row.loan_id, references) if references else None
    if told is not None:
        row.entry_reference = told.reference
        if told.amount_minor != row.amount_minor:
            facts = {"amount_minor": row.amount_minor, "core_amount_minor": told.amount_minor, "reference": told.reference}
            ask_staff(work, row, "payment_amount_differs", row.id, facts, now=now)
        return
    waiting = _told_elsewhere(work, row, loan.loan_no, references)
    if waiting is not None:
        row.entry_reference = waiting
        return
    row.entry_reference = entry_reference(row.provider, row.id)
    values = PaymentValues(
        reference=row.entry_reference,
        loan_no=loan.loan_no,
        amount_minor=row.amount_minor,
        currency=row.currency,
        effective_on=paid_on(row.paid_at, now=now, zone=loan.zone),
        channel=row.provider,
        bank_reference=row.payment_reference or row.provider_reference,
        surplus=Surplus(row.surplus) if row.surplus else None,
    )
    record_payment(work, row.lender_id, values, now=now, origin=f"provider:{row.provider}")


def _told_elsewhere(work: Work, row: PaymentIntentRow, loan_no: str, references: set[str]) -> str | None:
    """Return the reference of the core's word of this very payment that waits, because its money was told of before."""
    for each in find_waiting(work.session, row.lender_id, [loan_no]) if references else ():
        is_it = each.payload.get("bank_reference") in references and each.payload["amount_minor"] == row.amount_minor
        if is_it and each.reason in (TOLD_BY_PLAN, TOLD_BY_LINE):
            return each.reference
    return None


def _hold(work: Work, row: PaymentIntentRow, state: IntentState, *, times: IntentTimes, now: datetime) -> None:
    """Hold reminders back while money may be on its way, and let them go when it is known how that ended."""
    loan_no, _, code = find_names(work.session, row)
    teller, reference = Teller("payments", row.lender_id), f"{FOLLOW_UP}:{row.id}"
    until = times.hold_until(state, now=now)
    standing = find_hold_referenced(work.session, row.borrower_id, f"{code}/{reference}")
    if standing is not None and standing.released_at is not None and standing.released_by == teller.by:
        # We let it go when the page ran out here: money that is on its way after all is held for under another name.
        reference += _AGAIN
        standing = find_hold_referenced(work.session, row.borrower_id, f"{code}/{reference}")
    if until is not None:
        if standing is None or standing.released_at is None:
            hold = HoldValues("payment_in_flight", until_at=until, loan_no=loan_no, reference=reference)
            put_hold(work, row.borrower_id, hold, teller=teller, now=now)
    elif standing is not None and standing.released_at is None:
        release_hold(work, row.borrower_id, standing.id, teller=teller, now=now, reason=f"the payment is {state.value}")


def _tell(work: Work, row: PaymentIntentRow, was: IntentState, state: IntentState, *, tells: bool, now: datetime) -> None:
    loan_no, borrower_no, _ = find_names(work.session, row)
    amount = {"amount_minor": row.amount_minor, "currency": row.currency}
    data: dict[str, Any] = {
        "intent_id": row.id,
        "loan_no": loan_no,
        "borrower_no": borrower_no,
        "amount": amount,
        "purpose": row.purpose,
        "provider": row.provider,
        "provider_reference": row.provider_reference,
        "payment_reference": row.payment_reference,
        "reference": row.entry_reference,
        "was": was.value,
    }
    kind = f"payment_intent.{state.value}.v1"
    announce(work, row.lender_id, kind, data, now=now, borrower_id=row.borrower_id)
    template = _NOTICES.get(state)
    if template is not None and tells:
        values: dict[str, Value] = {"amount": {row.currency: row.amount_minor}, "loan": loan_no}
        tell_borrower(work, row.borrower_id, template, values, now=now, loan_id=row.loan_id)


def ask_staff(
    work: Work, row: PaymentIntentRow, kind: str, occasion: str, facts: Mapping[str, Any], *, now: datetime
) -> None:
    """Have a person look at what a provider told; the same occasion makes one task."""
    task = NewTask(
        natural_key=f"{kind}:{occasion}",
        borrower_id=row.borrower_id,
        loan_id=row.loan_id,
        kind=kind,
        queue=QUEUE,
        facts={"intent_id": row.id, "provider": row.provider, **facts},
    )
    add_task(work, task, now=now)
