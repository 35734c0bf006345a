"""Payment intents as they stand: shown, taken back, run out, and the address a payer comes back to."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, NotFoundError, ProviderUnavailableError
from app.domain.money import Money
from app.domain.payment_intents import CANCELLABLE, OPEN, IntentState, IntentTimes, Told
from app.domain.payment_providers import AskedPayment, PaymentProvider, ProviderDownError, ProviderRefusedError
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.queries import payment_intents as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work, in_unit_of_work, reading, unit_of_work
from app.persistence.vault import Vault
from app.services.payment_events import take_event
from app.services.payment_moves import move

RETRY_SECONDS = 5
_RETURN_PURPOSE = "payment-return"
_RETURN_CHARACTERS = 32
_RETURN_TOKEN = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Here:
    """This installation, as providers and borrowers reach it."""

    providers: Mapping[str, PaymentProvider]
    public_url: str
    app_url: str | None


@dataclass(frozen=True, slots=True)
class IntentView:
    """An intent as its borrower sees it."""

    id: str
    loan_id: str
    state: str
    purpose: str
    amount: Money
    surplus: str | None
    pay_url: str | None
    expires_at: datetime
    failure_code: str | None
    created_at: datetime
    paid_at: datetime | None
    is_replayed: bool = False


def cancel_intent(
    here: Here, borrower_id: str, loan_id: str, intent_id: str, *, now: datetime, machine_now: datetime
) -> IntentView:
    """Take an intent back: its page is closed at the provider. What was paid meanwhile is paid, and shown so.

    Raises NotFoundError, ConflictError when money is on its way or came, ProviderUnavailableError.
    """
    with unit_of_work() as work:
        row = _own(work.session, borrower_id, loan_id, intent_id)
        state, asked, name = IntentState(row.state), asked_of(row), row.provider
    provider = here.providers.get(name)
    if state in CANCELLABLE and provider is not None:
        try:
            event = provider.cancel(asked)
        except (ProviderDownError, ProviderRefusedError):
            raise ProviderUnavailableError(
                "The payment page could not be closed; try again shortly.", {"retry_after_seconds": RETRY_SECONDS}
            ) from None
        if event is not None and event.told in (Told.PROCESSING, Told.SUCCEEDED):
            take_event(provider, event, b"", now=now, machine_now=machine_now)
    in_unit_of_work(lambda work: _cancel(work, borrower_id, loan_id, intent_id, provider, now))
    return shown_again(borrower_id, intent_id)


def check_own(borrower_id: str, loan_id: str, intent_id: str | None = None) -> None:
    """Raise NotFoundError for a loan, or an intent of it, that is not this borrower's. Leaves no transaction open."""
    with reading() as session:
        loan = get_loan(session, loan_id)
        if loan.borrower_id != borrower_id:
            raise NotFoundError(f"There is no loan {loan_id}.")
        if intent_id is not None:
            _own(session, borrower_id, loan_id, intent_id)


def own_intent(reads: Connection, vault: Vault, borrower_id: str, loan_id: str, intent_id: str) -> IntentView:
    """Return an intent of a borrower's loan. Raises NotFoundError."""
    row = queries.find_own_intent(reads, borrower_id, loan_id, intent_id)
    if row is None:
        raise NotFoundError("There is no such payment.")
    return view(row, vault)


def view(row: Any, vault: Vault, *, is_replayed: bool = False) -> IntentView:
    """Return an intent's row as its borrower sees it."""
    return IntentView(
        id=row.id,
        loan_id=row.loan_id,
        state=row.state,
        purpose=row.purpose,
        amount=Money(row.amount_minor, row.currency),
        surplus=row.surplus,
        pay_url=vault.open(row.pay_url_sealed, place=pay_url_place(row.id)) or None,
        expires_at=row.expires_at,
        failure_code=None if row.state == IntentState.SUCCEEDED else row.failure_code,
        created_at=row.created_at,
        paid_at=row.paid_at,
        is_replayed=is_replayed,
    )


def asked_of(row: PaymentIntentRow) -> AskedPayment:
    """Return which payment the provider is asked about."""
    return AskedPayment(row.id, row.provider_reference, row.payment_reference, row.amount_minor, row.currency)


def expire_intent(work: Work, intent_id: str, *, now: datetime) -> None:
    """End an intent whose page has run out without a word; the handler of its follow-up. Money that comes later
    counts, and so does the provider's word that it is on its way."""
    row = queries.find_intent(work.session, intent_id)
    if row is None or row.state not in (IntentState.CREATED, IntentState.PENDING):
        return
    move(work, row, IntentState.EXPIRED, times=IntentTimes(), now=now)
    row.ran_out_here = True


def return_token(vault: Vault, intent_id: str) -> str:
    """Return the last part of the address a payer comes back to: it proves the intent, and says nothing about anybody."""
    return f"{intent_id}.{vault.mac(_RETURN_PURPOSE, intent_id)[:_RETURN_CHARACTERS]}"


def find_returned(vault: Vault, token: str, *, now: datetime) -> str | None:
    """Return where in the app a payer goes on who has come back, None: nowhere in particular; have the provider asked soon.

    Raises NotFoundError for a token that is none of ours.
    """
    match = _RETURN_TOKEN.fullmatch(token)
    if match is None or not _is_ours(vault, match[1], match[2]):
        raise NotFoundError("There is no such page.")
    with reading() as session:
        row = queries.find_intent(session, match[1])
        found = None if row is None else (row.state, row.return_to)
    if found is None:
        raise NotFoundError("There is no such page.")
    if found[0] in OPEN:
        with unit_of_work() as work:
            queries.ask_soon(work.session, match[1], now)
    return found[1]


def shown_again(borrower_id: str, intent_id: str, *, is_replayed: bool = False) -> IntentView:
    """Return an intent as it is now. Raises NotFoundError."""
    with unit_of_work() as work:
        return view(queries.get_own_intent(work.session, borrower_id, intent_id), work.vault, is_replayed=is_replayed)


def pay_url_place(intent_id: str) -> str:
    """Return what the address of a page is sealed to."""
    return f"payment_intents.pay_url:{intent_id}"


def _is_ours(vault: Vault, intent_id: str, given: str) -> bool:
    """Return whether one of our keys has made it: a page may stay open over a rotation."""
    ours = [vault.mac(_RETURN_PURPOSE, intent_id, key_id=key_id)[:_RETURN_CHARACTERS] for key_id in vault.key_ids]
    return any([hmac.compare_digest(each, given) for each in ours])


def _own(session: Session, borrower_id: str, loan_id: str, intent_id: str) -> PaymentIntentRow:
    row = queries.get_own_intent(session, borrower_id, intent_id)
    if row.loan_id != loan_id:
        raise NotFoundError("There is no such payment.")
    return row


def _cancel(
    work: Work, borrower_id: str, loan_id: str, intent_id: str, provider: PaymentProvider | None, now: datetime
) -> None:
    lock_agenda(work.session, [borrower_id])
    row = _own(work.session, borrower_id, loan_id, intent_id)
    if row.state == IntentState.PROCESSING:
        raise ConflictError("The money is on its way, so this payment cannot be taken back any more.")
    if row.state == IntentState.SUCCEEDED:
        raise ConflictError("This payment has been made. Write to the lender if it was a mistake.")
    if row.state in CANCELLABLE:
        times = provider.times if provider is not None else IntentTimes()
        move(work, row, IntentState.CANCELLED, times=times, now=now)
        facts = {"intent_id": row.id, "loan_id": row.loan_id}
        add_audit(
            work.session, at=now, actor="borrower", action="payment_intent.cancelled", borrower_id=borrower_id, facts=facts
        )
