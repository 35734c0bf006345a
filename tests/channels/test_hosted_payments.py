"""A signed hosted page: the address costs no request, answers and notifications are proven, statuses are a table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest

from app import clock
from app.channels.payments.hosted import HostedPayments, _signed_part, order_number
from app.domain.payment_intents import PaymentEvent, Told
from app.domain.payment_providers import (
    ForgedPostError,
    MalformedPostError,
    PaymentPost,
    ProviderDownError,
    ProviderRefusedError,
)
from app.sandbox.stand_in import hosted as stand_in_gateway
from app.sandbox.stand_in.client import StandInClient
from tests.builders.patience import each_act
from tests.builders.payments import RETURN, an_order, asked, hosted_account, on_page, page, posts_of, rsa_account

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(params=["HMAC-SHA256", "RSA2"])
def hosted(stand_in: StandInClient, patience: float, request: pytest.FixtureRequest) -> Iterator[HostedPayments]:
    is_hmac = request.param == "HMAC-SHA256"
    account = hosted_account(stand_in.url, total_seconds=patience) if is_hmac else rsa_account(stand_in)
    yield account
    account.close()


def events(account: HostedPayments, stand_in: StandInClient) -> list[PaymentEvent]:
    return [event for post in posts_of(stand_in) for event in account.read(post).events]


def test_a_page_is_a_signed_address_and_its_payment_is_notified(hosted: HostedPayments, stand_in: StandInClient) -> None:
    order = an_order()

    opened = hosted.create(order)

    assert "hosted_gateway:200" not in stand_in.counts()["requests"]
    assert opened.provider_reference == order_number(order.intent_id)
    assert "123.45" in page(opened.pay_url)
    assert on_page(opened.pay_url, "pay") == (303, RETURN)
    (post,) = posts_of(stand_in)
    news = hosted.read(post)
    assert (news.answer.body, news.answer.status) == (b"success", 200)
    (event,) = news.events
    assert (event.told, event.intent_id, event.amount_minor) == (Told.SUCCEEDED, order.intent_id, 12_345)
    assert (event.currency, event.provider_reference) == ("CNY", opened.provider_reference)
    assert event.payment_reference is not None
    assert event.paid_at is not None
    assert abs(event.paid_at - clock.system_now()) < timedelta(minutes=1)


def test_asked_it_says_how_a_payment_stands_and_knows_none_before_the_page_was_opened(
    hosted: HostedPayments, stand_in: StandInClient
) -> None:
    order = an_order()
    opened = hosted.create(order)
    assert hosted.look_up(asked(order)) is None

    page(opened.pay_url)
    before = hosted.look_up(asked(order))
    on_page(opened.pay_url, "pay", "never")
    after = hosted.look_up(asked(order))

    assert before is not None
    assert after is not None
    assert (before.told, after.told, after.amount_minor) == (Told.PENDING, Told.SUCCEEDED, 12_345)
    assert after.payment_reference == before.payment_reference
    assert events(hosted, stand_in) == []


def test_a_page_is_closed_and_one_that_was_paid_says_so(hosted: HostedPayments) -> None:
    unopened, left, paid = an_order(), an_order(), an_order()
    page(hosted.create(left).pay_url)
    on_page(hosted.create(paid).pay_url, "pay", "never")

    nothing, closed, was_paid = (hosted.cancel(asked(each)) for each in (unopened, left, paid))

    assert nothing is None
    assert closed is not None
    assert was_paid is not None
    assert (closed.told, was_paid.told) == (Told.EXPIRED, Told.SUCCEEDED)


def test_money_goes_back_and_the_notification_tells_of_both(hosted: HostedPayments, stand_in: StandInClient) -> None:
    order = an_order()
    on_page(hosted.create(order).pay_url, "pay", "never")

    first, again = (hosted.refund(asked(order), 12_345, key="refund-1") for _ in range(2))

    assert (first.state, again.state) == ("succeeded", "pending")
    assert hosted.look_up_refund(asked(order), "refund-1", key="refund-1") == first
    paid, refunded = events(hosted, stand_in)
    assert (paid.told, paid.amount_minor) == (Told.SUCCEEDED, 12_345)  # closed by its refund: it was paid first
    assert (refunded.told, refunded.amount_minor, refunded.refund_reference) == (Told.REFUNDED, 12_345, "refund-1")
    with pytest.raises(ProviderRefusedError, match="REFUND_AMT"):
        hosted.refund(asked(order), 1, key="refund-2")


@each_act("reset_before", "reset_after", "drop", "accept_then_reset", "cut")
def test_an_answer_that_is_lost_is_a_gateway_that_is_down(stand_in: StandInClient, act: str, patience: float) -> None:
    account = hosted_account(stand_in.url, total_seconds=patience)
    stand_in.program({"on": "hosted_gateway", "act": act, "times": 1})

    with pytest.raises(ProviderDownError):
        account.look_up(asked(an_order()))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "{}",
        '{"alipay_trade_query_response":{"code":"10000","trade_status":"TRADE_SUCCESS"}}',
        '{"alipay_trade_query_response":{"code":"10000","trade_status":"TRADE_SUCCESS"},"sign":"00"}',
        '{"alipay_trade_query_response":"x","sign":"00"}',
    ],
)
def test_an_answer_that_the_gateway_has_not_signed_is_believed_in_nothing(stand_in: StandInClient, body: str) -> None:
    stand_in.program({"on": "hosted_gateway", "act": "answer", "status": 200, "body": body})

    with pytest.raises(ProviderDownError):
        hosted_account(stand_in.url).look_up(asked(an_order()))


def test_what_is_signed_of_an_answer_is_its_own_bytes() -> None:
    inner = '{"msg" : "a \\" } { b", "n":{"x":1}}'

    assert _signed_part(f'{{"sign":"s","r_response": {inner} , "z":1}}'.encode(), "r_response") == inner
    assert _signed_part(b'{"r_response":{"x":', "r_response") is None
    assert _signed_part(b"\xff", "r_response") is None


def _notified(**changes: str) -> PaymentPost:
    """A notification of the gateway, signed for the account that signs by HMAC, sent just now."""
    at = clock.system_now()
    form = {
        "notify_id": "n1",
        "notify_time": (at + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S"),
        "notify_type": "trade_status_sync",
        "app_id": stand_in_gateway.APP_ID,
        "sign_type": "HMAC-SHA256",
        "out_trade_no": order_number("01981e6a-7c1e-7000-8000-3f1c2a5b9d10"),
        "trade_no": "T1",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "123.45",
        **changes,
    }
    form = {name: value for name, value in form.items() if value != "(none)"}
    body = urlencode({"sign": stand_in_gateway.sign(form, stand_in_gateway.APP_ID), **form}).encode()
    return PaymentPost({}, body, int(at.timestamp()))


def test_a_notification_is_read() -> None:
    (event,) = hosted_account(NOWHERE).read(_notified(gmt_payment="2026-11-26 00:30:00")).events

    assert event.intent_id == "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
    assert event.paid_at == datetime(2026, 11, 25, 16, 30, tzinfo=UTC)
    assert event.kind == "trade_status_sync:TRADE_SUCCESS"


@pytest.mark.parametrize(
    ("status", "told"),
    [("WAIT_BUYER_PAY", Told.PENDING), ("TRADE_CLOSED", Told.EXPIRED), ("TRADE_FINISHED", Told.SUCCEEDED),
     ("USERPAYING", Told.PROCESSING), ("NEW_WORD", None)],
)  # fmt: skip
def test_statuses_are_a_table_and_an_unknown_one_moves_nothing(status: str, told: Told | None) -> None:
    (event,) = hosted_account(NOWHERE).read(_notified(trade_status=status)).events

    assert event.told is told


def test_a_changed_byte_another_account_and_an_old_time_are_forged() -> None:
    account, good = hosted_account(NOWHERE), _notified()

    changed = good.body.replace(b"123.45", b"923.45")
    dropped = urlencode([pair for pair in parse_qsl(good.body.decode()) if pair[0] != "sign"]).encode()
    for body in (changed, dropped, good.body + b"&extra=1"):
        with pytest.raises(ForgedPostError):
            account.read(PaymentPost({}, body, good.now_seconds))
    with pytest.raises(ForgedPostError, match="another account"):
        account.read(_notified(app_id="2021000000000009"))
    with pytest.raises(ForgedPostError, match="notify_time"):
        account.read(PaymentPost({}, good.body, good.now_seconds + 27 * 3600))
    with pytest.raises(ForgedPostError, match="notify_time"):
        account.read(_notified(notify_time="(none)"))


@pytest.mark.parametrize("body", [b"a=1&a=2", b"\xff=1", b"&".join(b"a%d=1" % n for n in range(300))])
def test_what_is_no_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPostError):
        hosted_account(NOWHERE).read(PaymentPost({}, body, 0))


@pytest.mark.parametrize("amount", ["-1", "1e3", "12.345", "١٢", "NaN", "1" * 20])
def test_an_amount_that_is_none_is_malformed(amount: str) -> None:
    with pytest.raises(MalformedPostError):
        hosted_account(NOWHERE).read(_notified(total_amount=amount))


def test_a_notification_without_an_amount_or_an_id() -> None:
    (event,) = hosted_account(NOWHERE).read(_notified(total_amount="(none)")).events
    assert event.amount_minor is None
    with pytest.raises(MalformedPostError):
        hosted_account(NOWHERE).read(_notified(notify_id="(none)"))


def test_a_gateway_with_words_of_its_own() -> None:
    words = {"fields": {"amount": "total_fee", "status": "state"}, "statuses": {"DONE": "succeeded"}}
    account = hosted_account(NOWHERE, amount="minor", currency="USD", **words)

    (event,) = account.read(_notified(total_fee="12345", state="DONE")).events

    assert (event.told, event.amount_minor, event.currency) == (Told.SUCCEEDED, 12_345, "USD")
    assert account.currencies == {"USD"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"sign_type": "MD5"}, "RSA2 or HMAC"), ({"amount": "yuan"}, "decimal or minor"), ({"fields": {"x": "y"}}, "known"),
     ({"statuses": {"X": "paid"}}, "paid"), ({"sign_type": "RSA2", "private_key": "x", "public_key": "y"}, "no RSA key"),
     ({"name": "A B"}, "small letters"), ({"page_minutes": 0}, "page_minutes")],
)  # fmt: skip
def test_a_setting_that_is_wrong_is_named(wrong: "dict[str, object]", says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hosted_account(NOWHERE, **wrong)
