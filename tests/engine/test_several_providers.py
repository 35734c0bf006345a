"""Several providers of one channel: who is asked, what goes on to the next one, and what never does."""

import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.channels.base import DeliveryResult, Outcome
from app.channels.routed import Routed
from app.domain.deliveries import Callback, DeliveryReport, Told
from app.domain.pacing import PacePolicy, Pacers
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.outgoing import Surroundings
from app.engine.settling import Answered, Settling
from app.persistence.models.messages import DeliveryAttemptRow
from app.persistence.unit_of_work import Work, reading
from app.services.callback_posts import take_callback
from tests.builders.book import Built, build_loan, give_phone, pay
from tests.builders.messages import NOW, queue_message, state_of
from tests.fakes.channels import ACCEPTED, FakeChannel

pytestmark = pytest.mark.both
NEVER_SENT = DeliveryResult(Outcome.RETRY, error_code="connect_failed")
SetClock = Callable[[datetime], None]


@pytest.fixture
def ann(app: Flask) -> Built:
    built = build_loan(now=NOW, due=[date(2026, 3, 10)], phone="+442071838750")
    give_phone(built, now=NOW)
    return built


@pytest.fixture
def first() -> FakeChannel:
    return FakeChannel(name="sms", provider="first")


@pytest.fixture
def second() -> FakeChannel:
    return FakeChannel(name="sms", provider="second")


@pytest.fixture
def engine(first: FakeChannel, second: FakeChannel) -> Engine:
    surroundings = Surroundings(status_url=lambda provider: f"https://here/{provider}")
    return Engine(Dispatcher({"sms": Routed([first, second])}, owner="tester", surroundings=surroundings))


def recorded() -> list[tuple[str, str]]:
    with reading() as session:
        rows = session.execute(select(DeliveryAttemptRow.provider, DeliveryAttemptRow.outcome))
        return [tuple(row) for row in rows]


def test_the_preferred_provider_is_asked(ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel) -> None:
    queue_message(ann.borrower_id, "sms")

    engine.dispatch_all()

    assert (len(first.sent), len(second.sent)) == (1, 0)
    assert recorded() == [("first", "accepted")]


def test_what_one_surely_did_not_take_goes_to_the_other_at_once(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel
) -> None:
    message_id = queue_message(ann.borrower_id, "sms")
    first.answer = lambda _message: NEVER_SENT

    engine.dispatch_all()

    assert [message.status_url for message in second.sent] == ["https://here/second"]
    assert recorded() == [("second", "accepted")]
    assert state_of(message_id) == ("sent", None)


@pytest.mark.parametrize("outcome", [Outcome.UNCERTAIN, Outcome.REFUSED])
def test_what_may_have_been_taken_or_was_refused_never_does(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel, outcome: Outcome
) -> None:
    queue_message(ann.borrower_id, "sms")
    first.answer = lambda _message: DeliveryResult(outcome)

    engine.dispatch_all()

    assert second.handed == []
    assert recorded() == [("first", outcome.value)]


def test_what_one_refuses_for_itself_alone_goes_to_the_other(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel
) -> None:
    """It has no registered wording for it, for example."""
    queue_message(ann.borrower_id, "sms")
    first.answer = lambda _message: DeliveryResult(Outcome.REFUSED, another_may=True)

    engine.dispatch_all()

    assert recorded() == [("second", "accepted")]


@pytest.mark.parametrize("is_one_of_two", [False, True])
def test_an_adapter_that_breaks_leaves_it_uncertain_and_holds_up_no_other_channel(
    ann: Built, first: FakeChannel, second: FakeChannel, is_one_of_two: bool
) -> None:
    message_id, pushed = queue_message(ann.borrower_id, "sms"), queue_message(ann.borrower_id, "push")
    first.answer = lambda _message: DeliveryResult(int("²"))  # type: ignore[arg-type]
    channels = {"sms": Routed([first, second]) if is_one_of_two else first, "push": FakeChannel()}

    Engine(Dispatcher(channels, owner="tester")).dispatch_all()

    assert state_of(message_id) == ("uncertain", "NO_RECEIPT")
    assert state_of(pushed) == ("sent", None)
    assert second.handed == []


def test_what_was_told_to_be_refused_and_has_arrived_after_all_does_not_leave_again(
    ann: Built, first: FakeChannel, set_clock: SetClock
) -> None:
    message_id = queue_message(ann.borrower_id, "sms")
    first.answer = lambda _message: NEVER_SENT
    engine = Engine(Dispatcher({"sms": first}, owner="tester"))
    engine.dispatch_all()

    arrived = DeliveryReport("e1", Told.DELIVERED, message_id=message_id)
    take_callback(Callback("first", reports=[arrived], is_signed=True), b"", now=NOW)
    set_clock(NOW + timedelta(hours=1))
    engine.dispatch_all()

    assert len(first.handed) == 1
    assert state_of(message_id) == ("delivered", None)


def test_what_was_sent_is_written_down_also_when_another_transaction_was_in_the_way(ann: Built, first: FakeChannel) -> None:
    message_id = queue_message(ann.borrower_id, "sms")
    lost = psycopg.errors.DeadlockDetected()
    failures = [OperationalError("UPDATE", None, lost)]

    class Unlucky(Settling):
        def record(self, work: Work, results: Sequence[Answered], *, now: datetime) -> None:
            super().record(work, results, now=now)
            if failures:
                raise failures.pop()

    dispatcher = Dispatcher({"sms": first}, owner="tester")
    dispatcher._settling = Unlucky(dispatcher.retries, dispatcher.rng)

    Engine(dispatcher).dispatch_all()

    assert len(first.handed) == 1
    assert state_of(message_id) == ("sent", None)


def test_what_only_the_same_provider_may_be_given_again_goes_to_no_other(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel
) -> None:
    """It would drop the second copy, if it has taken the first; the other would make a second message of it."""
    message_id = queue_message(ann.borrower_id, "sms")
    first.answer = lambda _message: DeliveryResult(Outcome.RETRY, only_here=True)

    engine.dispatch_all()

    assert second.handed == []
    assert state_of(message_id) == ("uncertain", "NO_RECEIPT")


def test_whom_the_other_cannot_take_it_from_is_asked_again_later(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel
) -> None:
    message_id = queue_message(ann.borrower_id, "sms")
    first.answer = lambda _message: NEVER_SENT
    second.answer = lambda _message: DeliveryResult(Outcome.REFUSED, another_may=True)

    engine.dispatch_all()

    assert recorded() == [("first", "retry")]
    assert state_of(message_id)[0] == "queued"


def test_the_facts_are_compared_again_before_the_other_is_asked(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel
) -> None:
    message_id = queue_message(ann.borrower_id, "sms")
    first.answer = lambda _message: NEVER_SENT
    first.before = lambda: pay(ann, 10_000, now=NOW) and None  # type: ignore[func-returns-value]

    engine.dispatch_all()

    assert second.handed == []
    assert recorded() == [("first", "withheld")]
    assert state_of(message_id)[0] == "stale"


def test_only_where_no_provider_takes_it_is_it_tried_again_later(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel
) -> None:
    message_id = queue_message(ann.borrower_id, "sms")
    first.answer = second.answer = lambda _message: NEVER_SENT

    engine.dispatch_all()

    assert (len(first.sent), len(second.sent)) == (1, 1)
    assert recorded() == [("second", "retry")]
    assert state_of(message_id)[0] == "queued"


def test_a_provider_that_asks_for_a_pause_is_given_it_by_the_other(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel, set_clock: SetClock
) -> None:
    paused = DeliveryResult(Outcome.RETRY, error_code="quota", pause_provider_seconds=60)
    first.answer = lambda _message: paused
    for _ in range(2):
        queue_message(ann.borrower_id, "sms")
        engine.dispatch_all()
    asked = len(first.sent)

    set_clock(NOW + timedelta(seconds=61))
    first.answer = lambda _message: ACCEPTED
    queue_message(ann.borrower_id, "sms")
    engine.dispatch_all()

    assert asked == 1
    assert len(first.sent) + len(second.sent) == 4


def test_where_every_provider_pauses_what_waits_is_put_off(
    ann: Built, engine: Engine, first: FakeChannel, second: FakeChannel, set_clock: SetClock
) -> None:
    paused = DeliveryResult(Outcome.RETRY, error_code="quota", pause_provider_seconds=60)
    first.answer = second.answer = lambda _message: paused
    queue_message(ann.borrower_id, "sms")
    engine.dispatch_all()
    later = queue_message(ann.borrower_id, "sms")

    engine.dispatch_all()
    assert (len(first.sent), len(second.sent)) == (1, 1)
    first.answer = second.answer = lambda _message: ACCEPTED
    set_clock(NOW + timedelta(seconds=62))
    engine.dispatch_all()

    assert state_of(later) == ("sent", None)


def test_a_platform_whose_credential_is_refused_stops_alone(ann: Built, set_clock: SetClock) -> None:
    refused = DeliveryResult(
        Outcome.REFUSED, error_code="third_party_auth", pause_provider_seconds=300, pause_platform="android"
    )
    push = FakeChannel(answer=lambda message: refused if message.target.platform == "android" else ACCEPTED)
    engine = Engine(Dispatcher({"push": push}, owner="tester"))

    for _ in range(3):
        queue_message(ann.borrower_id, "push")
        engine.dispatch_all()

    assert len(push.sent) == 1
    assert recorded() == [("fake", "refused")] * 3


def test_a_claim_takes_no_more_than_the_provider_may_be_given(ann: Built) -> None:
    sms = FakeChannel(name="sms", provider="slow")
    pacers = Pacers({"sms/slow": PacePolicy(per_minute=60 * 10 / 0.8, ramp_seconds=0.0, burst_seconds=0.1)})
    engine = Engine(Dispatcher({"sms": sms}, owner="tester", pacers=pacers))
    for _ in range(4):
        queue_message(ann.borrower_id, "sms")
    started = time.monotonic()

    engine.dispatch_all()

    assert len(sms.sent) == 4
    assert time.monotonic() - started >= 0.25  # one at once, then one each tenth of a second


def test_an_engine_takes_its_part_of_the_pace_of_all(app: Flask) -> None:
    engines = [Engine(Dispatcher({}, owner=f"engine-{number}", pacers=Pacers({}))) for number in range(3)]

    for _ in range(2):
        for engine in engines:
            engine.heartbeat()

    assert [(each.dispatcher.pacers._share.workers, each.dispatcher.pacers._share.rank) for each in engines] == [
        (3, 0), (3, 1), (3, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("is_one_of_two", [False, True])
def test_a_channel_gets_ready_before_the_facts_are_compared(ann: Built, is_one_of_two: bool) -> None:
    message_id = queue_message(ann.borrower_id, "sms")

    class WithToken(FakeChannel):
        def get_ready(self) -> None:
            pay(ann, 10_000, now=NOW)

    channel = WithToken(name="sms")
    way = Routed([channel, FakeChannel(name="sms", provider="second")]) if is_one_of_two else channel

    Engine(Dispatcher({"sms": way}, owner="tester")).dispatch_all()

    assert channel.handed == []
    assert state_of(message_id)[0] == "stale"


@pytest.mark.parametrize("claim_batch", [1, 5])
def test_a_message_of_several_phones_is_counted_for_each(ann: Built, claim_batch: int) -> None:
    for _ in range(2):
        give_phone(ann, now=NOW)
    queue_message(ann.borrower_id, "push")
    counted: list[int] = []

    class Watching(Pacers):
        def take(self, provider: str, wanted: int, at: float) -> int:
            counted.append(wanted)
            return super().take(provider, wanted, at)

        def give_back(self, provider: str, count: int) -> None:
            counted.append(-count)

    Dispatcher({"push": FakeChannel()}, owner="tester", pacers=Watching({}), claim_batch=claim_batch).run_once(now=NOW)

    assert sum(counted) == 3
