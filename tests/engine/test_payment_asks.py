"""Asking a provider that does not answer: what was paid in a page's last minutes is not forgotten."""

from datetime import datetime, timedelta
from typing import cast

from flask import Flask

from app.domain.payment_intents import IntentTimes, PaymentEvent, Told
from app.domain.payment_providers import AskedPayment, PaymentProvider, ProviderDownError
from app.engine.payments import DOWN_AGAIN, DOWN_LONGEST, ask_providers
from app.persistence.db import session
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.unit_of_work import unit_of_work
from tests.builders.book import build_loan
from tests.builders.refunds import an_intent
from tests.conftest import START

ENDED = START + timedelta(hours=1)
LAST_ASK = ENDED + timedelta(minutes=2)


class Provider:
    """One that does not answer until it is up."""

    name, times, is_up = "fake", IntentTimes(), False

    def look_up(self, asked: AskedPayment) -> PaymentEvent:
        if not self.is_up:
            raise ProviderDownError
        return PaymentEvent("e1", "paid", Told.SUCCEEDED, asked.intent_id, amount_minor=10_000, currency="USD")


def _asked(provider: Provider, now: datetime) -> int:
    return ask_providers({"fake": cast(PaymentProvider, provider)}, now=now, machine_now=now)


def _an_expired_intent() -> str:
    intent_id = an_intent(build_loan(now=START, due=[START.date()]), 10_000, state="expired")
    with unit_of_work() as work:
        work.session.get_one(PaymentIntentRow, intent_id).ask_at = LAST_ASK
    return intent_id


def _intent(intent_id: str) -> PaymentIntentRow:
    session().rollback()
    return session().get_one(PaymentIntentRow, intent_id)


def test_a_provider_that_was_down_at_the_pages_end_is_asked_again(sqlite_book: Flask) -> None:
    intent_id, provider = _an_expired_intent(), Provider()

    assert _asked(provider, LAST_ASK) == 1
    assert _intent(intent_id).ask_at == LAST_ASK + DOWN_AGAIN
    provider.is_up = True
    assert _asked(provider, LAST_ASK + DOWN_AGAIN) == 1

    assert (_intent(intent_id).state, _intent(intent_id).ask_at) == ("succeeded", None)


def test_one_that_stays_down_is_not_asked_for_ever(sqlite_book: Flask) -> None:
    intent_id = _an_expired_intent()

    assert _asked(Provider(), ENDED + DOWN_LONGEST) == 1

    assert _intent(intent_id).ask_at is None
