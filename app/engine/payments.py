"""Asking payment providers how payments stand that they have told nothing of.

A webhook may never come. Each intent is asked for 2, 10 and 60 minutes after it was made, when its page has run out, and
daily while money is on its way; one engine asks, and no transaction is open while it does.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from app.domain.payment_intents import OPEN, IntentState
from app.domain.payment_providers import AskedPayment, PaymentProvider, ProviderDownError, ProviderRefusedError
from app.logs import logger
from app.persistence.queries.payment_intents import AskDue, ask_again, claim_ask, find_due_asks, find_intent
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.payment_events import take_event
from app.services.payment_intents import asked_of

BATCH = 50
DOWN_AGAIN, DOWN_LONGEST = timedelta(minutes=10), timedelta(days=3)
"""Where nothing else is to be asked and the provider does not answer: when it is asked again, and how long after the page's
end. Money that came in its last minutes, and whose webhook was lost, is found by nothing else."""


def ask_providers(providers: Mapping[str, PaymentProvider], *, now: datetime, machine_now: datetime) -> int:
    """Ask for everything that is due at `now`, each once; return how many were asked. Any number of engines may call it."""
    total = 0
    with reading() as session:
        due = find_due_asks(session, now=now, limit=BATCH)
    for each in due:
        asked = _claimed(each, providers.get(each.provider), now)
        if asked is not None:
            total += 1
            _ask(providers[each.provider], asked, now=now, machine_now=machine_now)
    return total


def _claimed(due: AskDue, provider: PaymentProvider | None, now: datetime) -> AskedPayment | None:
    """Return what is to be asked, or None where another engine asks, or nobody can be."""
    with unit_of_work() as work:
        row = find_intent(work.session, due.id)
        if row is None:
            return None
        state = IntentState(row.state)
        is_asked = provider is not None and (state in OPEN or state is IntentState.EXPIRED)
        following = None
        if provider is not None and is_asked:
            following = provider.times.next_ask(state, created_at=row.created_at, expires_at=row.expires_at, now=now)
        if not claim_ask(work.session, due, following) or not is_asked:
            return None
        return asked_of(row)


def _ask(provider: PaymentProvider, asked: AskedPayment, *, now: datetime, machine_now: datetime) -> None:
    try:
        event = provider.look_up(asked)
        if event is not None:
            take_event(provider, event, b"", now=now, machine_now=machine_now)
    except (ProviderDownError, ProviderRefusedError) as error:
        logger().warning("payment provider does not say", provider=provider.name, intent_id=asked.intent_id, why=str(error))
        if isinstance(error, ProviderDownError):
            with unit_of_work() as work:
                ask_again(work.session, asked.intent_id, now + DOWN_AGAIN, ended_after=now - DOWN_LONGEST)
    except Exception:
        logger().exception("payment cannot be looked at", provider=provider.name, intent_id=asked.intent_id)
