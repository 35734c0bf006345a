"""What a provider answers, and what becomes of the message: tried again, given up, or the next rung at once."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from flask import Flask

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome
from app.domain.retries import RetryPolicy
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.unit_of_work import unit_of_work
from app.services.channel_switches import stop_channel
from app.services.policies import activate_document
from tests.builders.book import Built, build_lender, build_loan, give_phone
from tests.builders.cases import default_document
from tests.builders.messages import NOW, bind_openid, queue_message, state_of
from tests.fakes.channels import ACCEPTED, FakeChannel

pytestmark = pytest.mark.both
NO_JITTER = RetryPolicy(
    first_wait=timedelta(seconds=2), longest_wait=timedelta(seconds=2), shortest_wait=timedelta(seconds=2)
)
NEVER_SENT = DeliveryResult(Outcome.RETRY, error_code="connect_failed")
NO_ANSWER = DeliveryResult(Outcome.UNCERTAIN, error_code="timeout")
SetClock = Callable[[datetime], None]


@pytest.fixture
def ann(app: Flask) -> Built:
    built = build_loan(
        now=NOW, due=[date(2026, 3, 10)], phone="+442071838750", email="ann@example.org", address_lines=("1 High Street",)
    )
    give_phone(built, now=NOW)
    bind_openid(built.borrower_id, "o-1")
    return built


def run(channel: FakeChannel, set_clock: SetClock, *, until: timedelta) -> None:
    engine = Engine(Dispatcher({channel.name: channel}, owner="tester", retries=NO_JITTER))
    at = NOW
    while at <= NOW + until:
        set_clock(at)
        engine.dispatch_all()
        at += timedelta(seconds=2)


def test_what_was_surely_not_sent_is_tried_until_its_end(ann: Built, set_clock: SetClock) -> None:
    message_id = queue_message(ann.borrower_id, "sms", not_after=NOW + timedelta(seconds=41))
    channel = FakeChannel(name="sms", answer=lambda _message: NEVER_SENT)

    run(channel, set_clock, until=timedelta(seconds=60))

    assert len(channel.sent) == 21
    assert state_of(message_id) == ("failed", "PROVIDER_DOWN")


def test_a_quota_that_is_used_up_is_told_from_a_provider_that_is_down(ann: Built, set_clock: SetClock) -> None:
    message_id = queue_message(ann.borrower_id, "sms", not_after=NOW + timedelta(seconds=1))
    channel = FakeChannel(name="sms", answer=lambda _message: DeliveryResult(Outcome.RETRY, error_code="quota"))

    run(channel, set_clock, until=timedelta(seconds=2))

    assert state_of(message_id) == ("failed", "PROVIDER_RATE_LIMITED")


def test_a_push_without_an_answer_is_tried_once_more_and_no_oftener(ann: Built, set_clock: SetClock) -> None:
    message_id = queue_message(ann.borrower_id, "push")
    channel = FakeChannel(answer=lambda _message: NO_ANSWER)

    run(channel, set_clock, until=timedelta(seconds=30))

    assert [message.message_id for message in channel.sent] == [message_id] * 2
    assert state_of(message_id) == ("uncertain", "NO_RECEIPT")


def test_a_push_without_an_answer_that_has_no_time_left_is_not_called_failed(ann: Built, set_clock: SetClock) -> None:
    message_id = queue_message(ann.borrower_id, "push", not_after=NOW + timedelta(seconds=1))

    run(FakeChannel(answer=lambda _message: NO_ANSWER), set_clock, until=timedelta(seconds=4))

    assert state_of(message_id) == ("uncertain", "NO_RECEIPT")


@pytest.mark.parametrize("channel_name", ["sms", "voice"])
def test_a_text_or_a_call_without_an_answer_is_never_tried_again(ann: Built, set_clock: SetClock, channel_name: str) -> None:
    message_id = queue_message(ann.borrower_id, channel_name)
    channel = FakeChannel(name=channel_name, answer=lambda _message: NO_ANSWER)

    run(channel, set_clock, until=timedelta(minutes=3))

    assert len(channel.sent) == 1
    assert state_of(message_id) == ("uncertain", "NO_RECEIPT")


REFUSALS = {
    EndpointVerdict.KEEP: "PROVIDER_REJECTED", EndpointVerdict.INVALID: "ENDPOINT_INVALID",
    EndpointVerdict.SUSPECT: "ENDPOINT_SUSPECT", EndpointVerdict.OPTED_OUT: "OPTED_OUT",
    EndpointVerdict.BLOCKED: "USER_BLOCKED",
}  # fmt: skip


@pytest.mark.parametrize("verdict", REFUSALS)
def test_a_refusal_says_what_it_was_about(ann: Built, set_clock: SetClock, verdict: EndpointVerdict) -> None:
    message_id = queue_message(ann.borrower_id, "sms")
    channel = FakeChannel(name="sms", answer=lambda _message: DeliveryResult(Outcome.REFUSED, verdict=verdict))

    run(channel, set_clock, until=timedelta(0))

    assert state_of(message_id) == ("failed", REFUSALS[verdict])


REFUSED = DeliveryResult(Outcome.REFUSED, error_code="bad_message")


def _with_ladder(channels: tuple[FakeChannel, FakeChannel], set_clock: SetClock) -> Engine:
    """A push that, unless seen in four hours, is followed by a text."""
    document = default_document() | {"version": 2}
    ladder = [{"channel": "push", "give_up": {"unless": "seen", "after": "PT4H"}}, {"channel": "sms"}]
    document["defaults"] = {**document["defaults"], "ladder": ladder}
    document["steps"] = [{"key": "d-7", "offset_days": -7, "template": "due_soon"}]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=NOW)
    lender = build_lender(now=NOW, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
    built = build_loan(
        now=NOW, due=[date(2026, 3, 10)], lender_id=lender, country="GB", zone="Europe/London", phone="+442071838750"
    )
    give_phone(built, now=NOW)
    set_clock(STEP)
    return Engine(Dispatcher({each.name: each for each in channels}, owner="tester"))


STEP = datetime(2026, 3, 3, 10, 0, tzinfo=NOW.tzinfo)


def test_a_push_that_is_refused_for_good_is_followed_by_a_text_at_once(app: Flask, set_clock: SetClock) -> None:
    push, sms = FakeChannel(answer=lambda _message: REFUSED), FakeChannel(name="sms")
    engine = _with_ladder((push, sms), set_clock)

    engine.drain()

    assert (len(push.sent), len(sms.sent)) == (1, 1)


def test_a_push_that_was_taken_is_given_its_four_hours(app: Flask, set_clock: SetClock) -> None:
    push, sms = FakeChannel(answer=lambda _message: ACCEPTED), FakeChannel(name="sms")
    engine = _with_ladder((push, sms), set_clock)

    engine.drain()

    assert (len(push.sent), len(sms.sent)) == (1, 0)


def test_a_push_that_could_not_be_made_is_followed_by_a_text_at_once(
    app: Flask, set_clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    push, sms = FakeChannel(), FakeChannel(name="sms")
    engine = _with_ladder((push, sms), set_clock)
    engine.dispatcher.routes.channels = engine.dispatcher.channels = {"sms": sms}  # type: ignore[dict-item]

    engine.drain()

    assert len(sms.sent) == 1


CLASSES = ("push", "sms", "voice", "email", "wechat", "letter")


@pytest.mark.parametrize("channel_name", CLASSES)
def test_what_waits_into_the_quiet_hours_expires_and_is_never_sent(
    ann: Built, set_clock: SetClock, channel_name: str
) -> None:
    """Its end lies before the quiet hours begin, by a margin; meanwhile its channel may be stopped or its provider down."""
    until = NOW + timedelta(minutes=30)
    stopped = queue_message(ann.borrower_id, channel_name, not_after=until)
    with unit_of_work() as work:
        stop_channel(work, channel_name, reason="test", by="Eve", now=NOW)
    channel = FakeChannel(name=channel_name)
    engine = Engine(Dispatcher({channel_name: channel}, owner="tester"))

    for minute in range(0, 35, 5):
        set_clock(NOW + timedelta(minutes=minute))
        engine.dispatch_all()

    assert channel.handed == []
    assert state_of(stopped) == ("expired", "KILL_SWITCH")


@pytest.mark.parametrize("channel_name", CLASSES)
def test_what_comes_to_its_end_between_claim_and_wire_is_not_sent(
    ann: Built, set_clock: SetClock, channel_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = queue_message(ann.borrower_id, channel_name, not_after=NOW + timedelta(seconds=1))
    channel = FakeChannel(name=channel_name)
    engine = Engine(Dispatcher({channel_name: channel}, owner="tester"))
    monkeypatch.setattr(engine.dispatcher, "_put_back", lambda *_: set_clock(NOW + timedelta(seconds=1)))

    engine.dispatch_all()

    assert channel.handed == []
    assert state_of(message_id) == ("expired", "EXPIRED_WINDOW")
