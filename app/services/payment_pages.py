"""Opening a payment: made here first, then at the provider, never the other way round and never inside a transaction.

The intent's id is the provider's idempotency key. Whatever is lost on the way (the answer, the process, the borrower's
connection), the same request sent again goes on with the same intent, and there is one payment at the provider.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from app.domain.allocation import Surplus
from app.domain.errors import (
    ConflictError,
    IdempotencyInFlightError,
    IdempotencyMismatchError,
    NotFoundError,
    ProviderUnavailableError,
    refused_at,
)
from app.domain.money import Money
from app.domain.payment_intents import MOST_PAGES, IntentState, Purpose, check_amount, next_state
from app.domain.payment_providers import (
    OpenedPayment,
    PaymentOrder,
    PaymentProvider,
    ProviderDownError,
    ProviderRefusedError,
)
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.queries import payment_intents as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.services.follow_ups import follow_up_at
from app.services.payment_intents import RETRY_SECONDS, Here, IntentView, pay_url_place, return_token, shown_again
from app.services.payment_moves import FOLLOW_UP, move
from app.services.positions import position_of
from app.services.quotes import payoff_on

OPENING = timedelta(seconds=30)
"""How long one request has the provider to itself: longer than the slowest answer."""
_TITLES = {"zh-CN": "付款 · {}", "en": "Payment · {}"}


@dataclass(frozen=True, slots=True)
class IntentValues:
    """What a borrower means to pay. `return_to`: where in the app they go on afterwards."""

    amount: Money
    purpose: Purpose
    surplus: Surplus | None = None
    return_to: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """The request that asks for it: who, its Idempotency-Key and body as hashes, and the language of its page."""

    by: str
    key: str
    fingerprint: str
    locale: str


@dataclass(frozen=True, slots=True)
class _Begun:
    """An intent as it was kept; `order` None: another has the page, or the intent is over."""

    intent_id: str
    provider: str
    state: str
    failure_code: str | None
    order: PaymentOrder | None
    is_known: bool


def create_intent(
    here: Here,
    borrower_id: str,
    loan_id: str,
    values: IntentValues,
    *,
    request: Request,
    now: datetime,
    machine_now: datetime,
) -> IntentView:
    """Keep the intent, have the provider open a page, keep its address: three steps, the first and the last transactions.

    Raises NotFoundError, ValidationError (amount, return_to), ConflictError (nobody takes this currency; the provider
    refuses), ProviderUnavailableError (sent again with the same key it goes on), IdempotencyMismatchError,
    IdempotencyInFlightError.
    """
    begun = in_unit_of_work(
        lambda work: _begin(work, here, borrower_id, loan_id, values, request, now=now, machine_now=machine_now)
    )
    if begun.order is not None:
        _open(here.providers[begun.provider], borrower_id, begun, now=now)
    elif begun.state == IntentState.FAILED and begun.failure_code:
        raise _refused(begun.failure_code)
    return shown_again(borrower_id, begun.intent_id, is_replayed=begun.is_known)


def most_payable(session: Session, loan: Any, *, now: datetime) -> int:
    """Return what pays a loan off today, in minor units; of a loan that no quote can be made for, what is outstanding."""
    if loan.status == "cancelled":
        return 0
    today = business_date(now, loan.zone)
    try:
        return payoff_on(session, loan, today).total_minor
    except ConflictError:
        return max(position_of(session, loan, today).outstanding_minor, 0)


def _begin(
    work: Work,
    here: Here,
    borrower_id: str,
    loan_id: str,
    values: IntentValues,
    request: Request,
    *,
    now: datetime,
    machine_now: datetime,
) -> _Begun:
    lock_agenda(work.session, [borrower_id])
    row = queries.find_requested(work.session, borrower_id, request.key)
    is_known = row is not None
    if row is not None and (row.request_hash, row.loan_id) != (request.fingerprint, loan_id):
        raise IdempotencyMismatchError("The idempotency key was used before with another body; use a new key.")
    if row is None:
        row = _made(work, here, borrower_id, loan_id, values, request, now=now, machine_now=machine_now)
    order = None
    if row.state == IntentState.CREATED:
        provider = here.providers.get(row.provider)
        if provider is None:
            raise _down()
        if row.opening_until is not None and row.opening_until > machine_now:
            raise IdempotencyInFlightError("The same request is being worked on.", {"retry_after_seconds": 1})
        row.opening_until = machine_now + OPENING
        order = _order(work, here, row)
    work.session.flush()
    return _Begun(row.id, row.provider, row.state, row.failure_code, order, is_known)


def _made(
    work: Work,
    here: Here,
    borrower_id: str,
    loan_id: str,
    values: IntentValues,
    request: Request,
    *,
    now: datetime,
    machine_now: datetime,
) -> PaymentIntentRow:
    loan = get_loan(work.session, loan_id)
    if loan.borrower_id != borrower_id:
        raise NotFoundError(f"There is no loan {loan_id}.")
    lender = get_lender(work.session, loan.lender_id)
    most = most_payable(work.session, loan, now=now)
    check_amount(values.amount, currency=loan.currency, most_minor=most)
    if values.purpose is Purpose.PAYOFF and values.amount.minor != most:
        raise refused_at("/amount", f"To pay the whole loan off today takes {Money(most, loan.currency)}.")
    _check_return(values.return_to, here.app_url)
    provider = _provider_for(here, loan.currency, lender.code)
    if queries.count_pages(work.session, borrower_id) >= MOST_PAGES:
        raise ConflictError(f"{MOST_PAGES} payments are open already; pay one, cancel one, or wait until they close.")
    row = PaymentIntentRow(
        id=new_id(),
        borrower_id=borrower_id,
        loan_id=loan_id,
        lender_id=loan.lender_id,
        provider=provider.name,
        is_live=provider.is_live,
        purpose=values.purpose.value,
        amount_minor=values.amount.minor,
        currency=loan.currency,
        surplus=values.surplus.value if values.surplus else None,
        state=IntentState.CREATED.value,
        return_to=values.return_to,
        expires_at=now + timedelta(minutes=provider.times.page_minutes),
        page_until=machine_now + timedelta(minutes=provider.times.page_minutes),
        locale=request.locale,
        request_key=request.key,
        request_hash=request.fingerprint,
        created_by=request.by,
        created_at=now,
        changed_at=now,
        version=1,
    )
    row.ask_at = provider.times.next_ask(IntentState.CREATED, created_at=now, expires_at=row.expires_at, now=now)
    queries.add_intent(work.session, row)
    follow_up_at(work, FOLLOW_UP, row.id, borrower_id, at=row.expires_at)
    facts = {"intent_id": row.id, "loan_id": loan_id, "provider": row.provider, "purpose": row.purpose}
    add_audit(work.session, at=now, actor=request.by, action="payment_intent.created", borrower_id=borrower_id, facts=facts)
    return row


def _order(work: Work, here: Here, row: PaymentIntentRow) -> PaymentOrder:
    """Return what the provider is asked for; asked again, it is the same to the byte, as its idempotency demands."""
    lender = get_lender(work.session, row.lender_id)
    address = f"{here.public_url}/v1/callbacks/payments/{row.provider}"
    return PaymentOrder(
        intent_id=row.id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        title=_TITLES.get(row.locale, _TITLES["en"]).format(lender.name)[:120],
        return_url=f"{address}/return/{return_token(work.vault, row.id)}",
        notify_url=address,
        expires_at=row.page_until,
        locale=row.locale,
    )


def _open(provider: PaymentProvider, borrower_id: str, begun: _Begun, *, now: datetime) -> None:
    """Ask the provider, outside any transaction, and keep what it says."""
    if begun.order is None:
        return
    try:
        opened = provider.create(begun.order)
    except ProviderDownError:
        in_unit_of_work(lambda work: _let_go(work, borrower_id, begun.intent_id))
        raise _down() from None
    except ProviderRefusedError as refusal:
        code = refusal.code
        in_unit_of_work(lambda work: _fail(work, provider, borrower_id, begun.intent_id, code, now))
        raise _refused(code) from None
    except BaseException:
        in_unit_of_work(lambda work: _let_go(work, borrower_id, begun.intent_id))
        raise
    in_unit_of_work(lambda work: _opened(work, provider, borrower_id, begun.intent_id, opened, now))


def _opened(
    work: Work, provider: PaymentProvider, borrower_id: str, intent_id: str, opened: OpenedPayment, now: datetime
) -> None:
    lock_agenda(work.session, [borrower_id])
    row = queries.get_own_intent(work.session, borrower_id, intent_id)
    row.opening_until = None
    row.provider_reference = row.provider_reference or opened.provider_reference
    row.payment_reference = row.payment_reference or opened.payment_reference
    if row.state in (IntentState.CREATED, IntentState.PENDING) and opened.pay_url:
        row.pay_url_sealed = work.vault.seal(opened.pay_url, place=pay_url_place(row.id))
    state = next_state(IntentState(row.state), opened.told)
    if state is IntentState.SUCCEEDED or state is IntentState.PROCESSING:
        row.ask_at, state = now, None  # of money the provider's own word is asked, with its amount
    if state is not None:
        move(work, row, state, times=provider.times, now=now)
    work.session.flush()


def _let_go(work: Work, borrower_id: str, intent_id: str) -> None:
    queries.get_own_intent(work.session, borrower_id, intent_id).opening_until = None


def _fail(work: Work, provider: PaymentProvider, borrower_id: str, intent_id: str, code: str, now: datetime) -> None:
    lock_agenda(work.session, [borrower_id])
    row = queries.get_own_intent(work.session, borrower_id, intent_id)
    row.opening_until, row.failure_code = None, code
    if row.state == IntentState.CREATED:
        move(work, row, IntentState.FAILED, times=provider.times, now=now, tells=False)


def _provider_for(here: Here, currency: str, lender_code: str) -> PaymentProvider:
    for provider in here.providers.values():
        takes = not provider.currencies or currency in provider.currencies
        if takes and (not provider.lenders or lender_code in provider.lenders):
            return provider
    raise ConflictError(f"Nobody takes payments in {currency} for this lender here; pay by bank transfer.")


def _check_return(return_to: str | None, app_url: str | None) -> None:
    """Let a payer go on into the app alone: a page of ours that leads anywhere would serve whoever wants to deceive."""
    if return_to is None:
        return
    if app_url is None:
        raise refused_at("/return_to", "This installation has no app to go back to; leave return_to out.")
    ours, given = urlsplit(app_url), urlsplit(return_to)
    is_below = given.path == ours.path or given.path.startswith(f"{ours.path.rstrip('/')}/")
    if (given.scheme, given.netloc) != (ours.scheme, ours.netloc) or not is_below or "/.." in given.path:
        raise refused_at("/return_to", f"return_to must begin with {app_url}.")


def _down() -> ProviderUnavailableError:
    return ProviderUnavailableError(
        "The payment provider does not answer. Send the same request again, with the same Idempotency-Key.",
        {"retry_after_seconds": RETRY_SECONDS},
    )


def _refused(code: str) -> ConflictError:
    return ConflictError(f"The payment provider does not take this payment ({code}); try another amount, or another way.")
