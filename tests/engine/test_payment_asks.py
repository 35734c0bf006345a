"""Asking a provider that does not answer: what was paid in a page's last minutes is not forgotten."""

from datetime import datetime, timedelta
from typing import cast

import pytest
from flask import Flask

from app.domain.payment_intents import IntentTimes, PaymentEvent, Told
from app.domain.payment_providers import AskedPayment, PaymentProvider, ProviderDownError
from app.engine.payments import DOWN_AGAIN, DOWN_LONGEST, ask_providers
from app.persistence.db import session
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.unit_of_work import unit_of_work
from app.services.holds import Teller, list_holds, release_hold
from app.services.payment_events import take_event
from app.services.payment_intents import expire_intent
from tests.builders.book import Built, build_loan
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


def _told(intent_id: str, told: Told, event_id: str, at: datetime) -> str:
    event = PaymentEvent(event_id, told.value, told, intent_id, amount_minor=10_000, currency="USD")
    return take_event(cast(PaymentProvider, Provider()), event, b"", now=at, machine_now=at)


def _ran_out_here() -> tuple[Built, str]:
    """An open page, held for, that our own clock ends."""
    loan = build_loan(now=START, due=[START.date()])
    intent_id = an_intent(loan, 10_000, state="created")
    _told(intent_id, Told.PENDING, "e-page", START)
    with unit_of_work() as work:
        expire_intent(work, intent_id, now=ENDED)
    return loan, intent_id


def _held(loan: Built, at: datetime) -> list[bool]:
    session().rollback()
    return [each.stands for each in list_holds(session(), loan.borrower_id, now=at) if each.kind == "payment_in_flight"]


@pytest.mark.both
def test_a_debit_on_its_way_after_our_own_end_of_the_page_is_held_for_until_it_is_known_how_it_ends(app: Flask) -> None:
    loan, intent_id = _ran_out_here()
    assert (_intent(intent_id).state, _held(loan, ENDED)) == ("expired", [False])

    assert _told(intent_id, Told.PROCESSING, "e1", LAST_ASK) == "applied"
    assert (_intent(intent_id).state, sum(_held(loan, LAST_ASK + timedelta(days=2)))) == ("processing", 1)
    assert _intent(intent_id).ask_at == LAST_ASK + timedelta(days=1)
    assert _told(intent_id, Told.EXPIRED, "e2", LAST_ASK) == "applied"

    assert (_intent(intent_id).state, sum(_held(loan, LAST_ASK))) == ("expired", 0)
    assert _told(intent_id, Told.PROCESSING, "e3", LAST_ASK) == "duplicate"


@pytest.mark.both
def test_the_providers_own_end_after_ours_is_the_end(app: Flask) -> None:
    loan, intent_id = _ran_out_here()
    before = _intent(intent_id).version

    assert _told(intent_id, Told.EXPIRED, "e1", LAST_ASK) == "applied"
    assert _intent(intent_id).version == before  # nobody is told twice
    assert _told(intent_id, Told.PROCESSING, "e2", LAST_ASK) == "duplicate"

    assert (_intent(intent_id).state, sum(_held(loan, LAST_ASK))) == ("expired", 0)


def test_a_hold_that_a_person_has_lifted_is_not_put_again(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=[START.date()])
    intent_id = an_intent(loan, 10_000, state="created")
    _told(intent_id, Told.PENDING, "e-page", START)
    with unit_of_work() as work:
        (hold,) = list_holds(work.session, loan.borrower_id, now=START)
        staff = Teller("staff:Ann", loan.lender_id, "supervisor")
        release_hold(work, loan.borrower_id, hold.id, teller=staff, now=START, reason="the payer called")

    _told(intent_id, Told.PROCESSING, "e1", START)

    assert _held(loan, START) == [False]
