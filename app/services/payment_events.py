"""What providers tell of payments, taken once: by webhook, after a redirect, or because they were asked.

Each is kept with what became of it, in the transaction of what it does. What is refused is kept too, listed for staff, and
does nothing else.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.domain.errors import RateLimitedError
from app.domain.payment_intents import IntentFacts, IntentState, PaymentEvent, Told, WhyRefused, next_state, why_refused
from app.domain.payment_providers import PaymentNews, PaymentProvider
from app.logs import logger
from app.metrics import PAYMENT_EVENTS
from app.persistence.ids import new_id
from app.persistence.models.payments import PaymentEventRow, PaymentIntentRow
from app.persistence.queries import payment_intents as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.unit_of_work import Work, in_unit_of_work, unit_of_work
from app.services.limits import Limit, count
from app.services.payment_moves import ask_staff, move
from app.services.refund_sending import look_again

FORGED_KEPT = Limit("forged_payment_posts", 30, timedelta(hours=1))
"""Of one provider: what is forged beyond is counted only, so that nobody can fill the disk."""
_LONGEST_FORGED = 4096
_LONGEST_KEPT = 64 * 1024
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Also = Callable[[Work, PaymentIntentRow, PaymentEvent, datetime], None]


def _sent_back(work: Work, row: PaymentIntentRow, event: PaymentEvent, now: datetime) -> None:
    facts = {"amount_minor": event.amount_minor, "currency": event.currency, "event": event.kind}
    ask_staff(work, row, f"payment_{event.told}", event.event_id[:120], facts, now=now)


def _refunded(work: Work, row: PaymentIntentRow, event: PaymentEvent, now: datetime) -> None:
    if not look_again(work, row.id, event.amount_minor, now=now):
        _sent_back(work, row, event, now)


ALSO: Mapping[Told, Also] = {Told.REFUNDED: _refunded, Told.DISPUTED: _sent_back}
"""What is done with what moves no intent: by default a person looks."""


def take_news(
    provider: PaymentProvider, news: PaymentNews, body: bytes, *, now: datetime, machine_now: datetime
) -> list[str]:
    """Take everything a post tells; return what became of each: applied, duplicate, refused or unknown.

    Once this returns, it is committed and the provider may be answered.
    """
    return [take_event(provider, event, body, now=now, machine_now=machine_now) for event in news.events]


def take_event(provider: PaymentProvider, event: PaymentEvent, body: bytes, *, now: datetime, machine_now: datetime) -> str:
    """Take one. `now` is the book's, `machine_now` the provider's: apart where the sandbox has moved the book's clock."""
    if event.paid_at is not None:
        event = replace(event, paid_at=min(now, now - (machine_now - event.paid_at)))
    state = in_unit_of_work(lambda work: _take(work, provider, event, body, now))
    PAYMENT_EVENTS.labels(provider.name, state).inc()
    return state


def keep_forged(provider: str, why: WhyRefused, body: bytes, *, now: datetime) -> None:
    """Keep a post that nobody has proven, as a refused event of which nothing is believed."""
    PAYMENT_EVENTS.labels(provider, why.value).inc()
    event_id = f"{why.value}:{hashlib.sha256(body).hexdigest()}"
    try:
        with unit_of_work() as work:
            if queries.exists_event(work.session, provider, event_id):
                return
            count(work, FORGED_KEPT, provider, now=now)
            _keep(work, provider, PaymentEvent(event_id, why.value, None), None, "refused", why, body[:_LONGEST_FORGED], now)
    except RateLimitedError:
        return
    except Exception:
        logger().exception("forged payment post not kept", provider=provider)


def _take(work: Work, provider: PaymentProvider, event: PaymentEvent, body: bytes, now: datetime) -> str:
    event = replace(event, event_id=_key(event.event_id), kind=_CONTROL.sub("", event.kind)[:60])
    row = _find(work, provider.name, event)
    if row is not None:
        lock_agenda(work.session, [row.borrower_id])
        row = queries.find_intent(work.session, row.id)
    if queries.exists_event(work.session, provider.name, event.event_id):
        return "duplicate"
    if event.told is None:
        _keep(work, provider.name, event, row, "unknown", None, body, now)
        return "unknown"
    why = why_refused(event, None if row is None else _facts(row), provider=provider.name)
    if why is not None or row is None:
        _refuse(work, provider.name, event, row, why or WhyRefused.UNKNOWN_INTENT, body, now)
        return "refused"
    if event.told in ALSO:
        ALSO[event.told](work, row, event, now)
        _keep(work, provider.name, event, row, "applied", None, body, now)
        return "applied"
    return _apply(work, provider, event, row, body, now)


def _apply(
    work: Work, provider: PaymentProvider, event: PaymentEvent, row: PaymentIntentRow, body: bytes, now: datetime
) -> str:
    row.provider_reference = row.provider_reference or event.provider_reference
    row.payment_reference = row.payment_reference or event.payment_reference
    was, state = IntentState(row.state), None
    if event.told is not None:
        state = next_state(was, event.told, ran_out_here=row.ran_out_here)
    if state is None:
        if event.told is Told.DECLINED and row.state == IntentState.PENDING:
            row.failure_code = event.failure_code
        if event.kind != "look_up":
            _keep(work, provider.name, event, row, "duplicate", None, body, now)
        return "duplicate"
    if state is was:  # it had run out by our clock, and has by the provider's word from now on
        row.ran_out_here = False
    else:
        move(work, row, state, times=provider.times, now=now, event=event)
    _keep(work, provider.name, event, row, "applied", None, body, now)
    return "applied"


def _refuse(
    work: Work,
    provider: str,
    event: PaymentEvent,
    row: PaymentIntentRow | None,
    why: WhyRefused,
    body: bytes,
    now: datetime,
) -> None:
    _keep(work, provider, event, row, "refused", why, body, now)
    logger().warning("payment event refused", provider=provider, why=why.value, kind=event.kind)
    if row is not None:
        facts = {"why": why.value, "event": event.kind, "amount_minor": event.amount_minor, "currency": event.currency}
        ask_staff(work, row, "payment_event_refused", event.event_id[:120], facts, now=now)


def _keep(
    work: Work,
    provider: str,
    event: PaymentEvent,
    row: PaymentIntentRow | None,
    state: str,
    why: WhyRefused | None,
    body: bytes,
    now: datetime,
) -> None:
    kept_id = new_id()
    text = body[:_LONGEST_KEPT].decode("latin-1")
    queries.add_event(
        work.session,
        PaymentEventRow(
            id=kept_id,
            provider=provider,
            event_id=event.event_id,
            intent_id=row.id if row is not None else None,
            borrower_id=row.borrower_id if row is not None else None,
            lender_id=row.lender_id if row is not None else None,
            kind=event.kind,
            amount_minor=event.amount_minor,
            currency=event.currency,
            state=state,
            why=None if why is None else why.value,
            body_sealed=work.vault.seal(text, place=f"payment_events.body:{kept_id}") if text else None,
            received_at=now,
        ),
    )


def _find(work: Work, provider: str, event: PaymentEvent) -> PaymentIntentRow | None:
    """Return the intent an event names: by our id where it has that, else by the provider's references."""
    if event.intent_id is not None and _ID.fullmatch(event.intent_id):
        return queries.find_intent(work.session, event.intent_id)
    return queries.find_intent_told_of(
        work.session,
        provider,
        provider_reference=event.provider_reference,
        payment_reference=event.payment_reference,
    )


def _facts(row: PaymentIntentRow) -> IntentFacts:
    return IntentFacts(
        row.provider, row.amount_minor, row.currency, row.is_live, row.provider_reference, row.payment_reference
    )


def _key(event_id: str) -> str:
    clean = _CONTROL.sub("", event_id)
    if clean != event_id or not 0 < len(clean) <= 200:
        return f"sha256:{hashlib.sha256(event_id.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return clean
