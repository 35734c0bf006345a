"""Stripe by plain HTTP: one session for each intent whatever is lost, its events proven, amounts as Stripe counts."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.channels.payments.stripe import StripePayments
from app.channels.payments.stripe_events import amount_from, amount_to
from app.domain.payment_intents import PaymentEvent, Told
from app.domain.payment_providers import (
    ForgedPostError,
    MalformedPostError,
    PaymentPost,
    ProviderDownError,
    ProviderRefusedError,
)
from app.sandbox.stand_in.client import StandInClient
from app.sandbox.stand_in.stripe import signed_headers
from tests.builders.patience import each_act
from tests.builders.payments import RETURN, an_order, asked, on_page, page, posts_of, stripe_account


@pytest.fixture
def stripe(stand_in: StandInClient, patience: float) -> Iterator[StripePayments]:
    account = stripe_account(stand_in.url, total_seconds=patience)
    yield account
    account.close()


def events(stripe: StripePayments, stand_in: StandInClient) -> list[PaymentEvent]:
    return [event for post in posts_of(stand_in) for event in stripe.read(post).events]


def test_a_page_is_opened_and_paid_and_both_events_tell_it(stripe: StripePayments, stand_in: StandInClient) -> None:
    order = an_order()

    opened = stripe.create(order)

    assert opened.told is Told.PENDING
    assert opened.expires_at == order.expires_at
    assert "Payment · Acme" in page(opened.pay_url)
    assert on_page(opened.pay_url, "pay") == (303, RETURN)
    of_payment, of_session = events(stripe, stand_in)
    assert (of_payment.kind, of_session.kind) == ("payment_intent.succeeded", "checkout.session.completed")
    for event in (of_payment, of_session):
        assert (event.told, event.intent_id, event.amount_minor) == (Told.SUCCEEDED, order.intent_id, 12_345)
        assert (event.currency, event.is_live) == ("CNY", False)
    assert of_session.provider_reference == opened.provider_reference
    assert of_payment.payment_reference == of_session.payment_reference
    assert of_payment.payment_reference is not None
    assert of_payment.paid_at is not None


def test_asked_it_says_the_same_as_the_events(stripe: StripePayments) -> None:
    order = an_order()
    opened = stripe.create(order)
    before = stripe.look_up(asked(order, opened))
    on_page(opened.pay_url, "pay", "never")

    after = stripe.look_up(asked(order, opened))

    assert before is not None
    assert after is not None
    assert (before.told, after.told) == (Told.PENDING, Told.SUCCEEDED)
    assert (after.intent_id, after.amount_minor, after.currency) == (order.intent_id, 12_345, "CNY")
    assert after.payment_reference is not None
    assert after.paid_at is not None


@pytest.mark.parametrize(
    ("acts", "told"),
    [(("decline",), Told.PENDING), (("debit",), Told.PROCESSING), (("debit", "settle"), Told.SUCCEEDED),
     (("debit", "bounce"), Told.FAILED), (("decline", "pay"), Told.SUCCEEDED)],
)  # fmt: skip
def test_each_way_a_payment_goes_is_told_and_answered_alike(
    stripe: StripePayments, stand_in: StandInClient, acts: tuple[str, ...], told: Told
) -> None:
    order = an_order()
    opened = stripe.create(order)

    for act in acts:
        on_page(opened.pay_url, act)

    found = stripe.look_up(asked(order, opened))
    assert found is not None
    assert found.told is told
    if acts == ("decline",):
        (declined,) = events(stripe, stand_in)
        assert (declined.told, declined.failure_code) == (Told.DECLINED, "insufficient_funds")
    else:
        assert events(stripe, stand_in)[-1].told is told


def test_a_session_is_closed_and_one_that_was_paid_says_so(stripe: StripePayments, stand_in: StandInClient) -> None:
    left, paid = an_order(), an_order()
    opened, other = stripe.create(left), stripe.create(paid)
    on_page(other.pay_url, "pay", "never")

    closed, was_paid = stripe.cancel(asked(left, opened)), stripe.cancel(asked(paid, other))

    assert closed is not None
    assert was_paid is not None
    assert (closed.told, was_paid.told) == (Told.EXPIRED, Told.SUCCEEDED)
    assert events(stripe, stand_in)[-1].told is Told.EXPIRED


def test_money_goes_back_once_for_each_key(stripe: StripePayments, stand_in: StandInClient) -> None:
    order = an_order()
    opened = stripe.create(order)
    on_page(opened.pay_url, "pay", "never")
    found = stripe.look_up(asked(order, opened))
    assert found is not None
    paid = asked(order, opened, payment_reference=found.payment_reference)

    first, again = (stripe.refund(paid, 5_000, key="refund-1") for _ in range(2))

    assert first == again
    assert first.state == "succeeded"
    assert stripe.look_up_refund(paid, first.reference, key="refund-1") == first
    (told,) = events(stripe, stand_in)
    assert (told.told, told.amount_minor, told.payment_reference) == (Told.REFUNDED, 5_000, found.payment_reference)
    with pytest.raises(ProviderRefusedError, match="charge_already_refunded"):
        stripe.refund(paid, 7_346, key="refund-2")


@each_act("reset_before", "reset_after", "drop", "accept_then_reset", "accept_then_drop", "cut")
def test_whatever_is_lost_the_same_order_again_makes_no_second_session(
    stripe: StripePayments, stand_in: StandInClient, act: str
) -> None:
    order = an_order()
    stand_in.program({"on": "stripe_api", "act": act, "times": 1})

    with pytest.raises(ProviderDownError):
        stripe.create(order)
    opened = stripe_account(stand_in.url).create(order)

    assert stripe_account(stand_in.url).create(order) == opened
    assert len({each["target"] for each in stand_in.received()}) == 1


@pytest.mark.parametrize("status", [401, 403, 409, 429, 500, 503])
def test_an_answer_that_says_nothing_of_the_payment_is_a_provider_that_is_down(
    stripe: StripePayments, stand_in: StandInClient, status: int
) -> None:
    stand_in.program({"on": "stripe_api", "status": status, "times": 1})

    with pytest.raises(ProviderDownError):
        stripe.create(an_order())


def test_what_stripe_will_not_take_is_refused_with_its_word(stripe: StripePayments) -> None:
    with pytest.raises(ProviderRefusedError, match="amount_too_small"):
        stripe.create(an_order(amount_minor=1))
    with pytest.raises(ProviderRefusedError, match="resource_missing"):
        stripe.look_up(asked(an_order(), provider_reference="cs_test_none"))
    assert stripe.look_up(asked(an_order())) is None


def test_a_wrong_key_of_ours_is_a_provider_that_is_down(stand_in: StandInClient) -> None:
    with pytest.raises(ProviderDownError):
        stripe_account(stand_in.url, secret_key="sk_test_wrong").create(an_order())


NOW = 1_800_000_000


def _post(body: bytes, *, now: int = NOW, **changes: Any) -> PaymentPost:
    headers = signed_headers(body, **{"at_seconds": NOW, **changes})
    return PaymentPost({name.lower(): value for name, value in headers.items()}, body, now)


@pytest.mark.parametrize(
    "post",
    [
        _post(b"{}", secret="another"),
        _post(b"{}", now=NOW + 301),
        _post(b"{}", now=NOW - 301),
        PaymentPost({"stripe-signature": "t=1800000000"}, b"{}", NOW),
        PaymentPost({"stripe-signature": "v1=00"}, b"{}", NOW),
        PaymentPost({"stripe-signature": "t=¹,v1=é"}, b"{}", NOW),
        PaymentPost({}, b"{}", NOW),
        PaymentPost(_post(b"{}").headers, b"{ }", NOW),
    ],
)
def test_what_is_not_signed_or_not_lately_is_forged(post: PaymentPost) -> None:
    with pytest.raises(ForgedPostError):
        stripe_account("http://127.0.0.1:1").read(post)


def test_both_secrets_count_while_one_is_changed_and_each_signature_of_the_header() -> None:
    account = stripe_account("http://127.0.0.1:1", webhook_secret="new", previous_webhook_secret="old")
    body = json.dumps({"id": "evt_1", "type": "ping", "data": {}}).encode()
    two = {"stripe-signature": signed_headers(body, secret="else", at_seconds=NOW)["Stripe-Signature"] + ","
           + signed_headers(body, secret="old", at_seconds=NOW)["Stripe-Signature"].split(",")[1]}  # fmt: skip

    for post in (_post(body, secret="new"), _post(body, secret="old"), PaymentPost(two, body, NOW)):
        (event,) = account.read(post).events
        assert (event.event_id, event.told) == ("evt_1", None)


@pytest.mark.parametrize("body", [b"[]", b"", b"not json", b'{"id":1,"type":"x"}', b'{"id":"e"}', b'{"type":"x"}'])
def test_a_signed_post_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPostError):
        stripe_account("http://127.0.0.1:1").read(_post(body))


@pytest.mark.parametrize("found", [None, [], "x", {}, {"metadata": []}, {"metadata": None, "amount": "12", "currency": 3}])
@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "checkout.session.completed", "charge.refunded", "x.y"])
def test_an_event_of_another_shape_breaks_nothing(kind: str, found: Any) -> None:
    body = json.dumps({"id": "e", "type": kind, "created": "x", "livemode": "x", "data": {"object": found}}).encode()

    (event,) = stripe_account("http://127.0.0.1:1").read(_post(body)).events

    assert event.amount_minor is None
    assert event.is_live is None


@pytest.mark.parametrize(
    ("currency", "minor", "there"), [("EUR", 1234, 1234), ("JPY", 500, 500), ("ISK", 500, 50_000), ("KWD", 1230, 1230)]
)
def test_amounts_are_counted_as_stripe_counts_them(currency: str, minor: int, there: int) -> None:
    assert amount_to(minor, currency) == there
    assert amount_from(there, currency) == minor


def test_an_amount_that_stripe_cannot_say_is_refused_and_half_a_unit_is_none() -> None:
    with pytest.raises(ProviderRefusedError):
        amount_to(1234, "KWD")
    assert amount_from(50_050, "ISK") is None


def test_a_live_key_makes_a_live_account_and_a_short_page_is_refused() -> None:
    assert stripe_account("http://127.0.0.1:1", secret_key="sk_live_x").is_live
    with pytest.raises(ValueError, match="page_minutes"):
        stripe_account("http://127.0.0.1:1", page_minutes=20)


def test_a_dispute_is_told_as_one() -> None:
    dispute = {"object": "dispute", "amount": 100, "currency": "eur", "payment_intent": "pi_1", "reason": "fraudulent"}
    body = json.dumps({"id": "e", "type": "charge.dispute.created", "livemode": True, "data": {"object": dispute}}).encode()

    (event,) = stripe_account("http://127.0.0.1:1").read(_post(body)).events

    assert (event.told, event.payment_reference, event.amount_minor) == (Told.DISPUTED, "pi_1", 100)
