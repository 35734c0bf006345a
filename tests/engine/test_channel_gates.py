"""What the operator stops or limits does not leave, and its messages say why."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.channels.base import DeliveryResult, Outcome
from app.engine.channel_gates import LOOK_AGAIN
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.channel_switches import limit_channel, start_channel, stop_channel
from app.services.policies import ensure_default_policy
from tests.builders.book import build_loan, give_phone
from tests.builders.messages import NOW, queue_messages
from tests.fakes.channels import FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
SetClock = Callable[[datetime], None]
pytestmark = pytest.mark.both


@pytest.fixture
def channel(app: Flask) -> FakeChannel:
    ensure_default_policy(now=START)
    for number in (1, 2):
        give_phone(build_loan(now=START, due=[DUE], borrower_no=f"B{number}"), now=START)
    return FakeChannel()


@pytest.fixture
def at(app: Flask, channel: FakeChannel, set_clock: SetClock) -> Callable[[datetime], int]:
    engine = Engine(Dispatcher({"push": channel}, owner="tester"))

    def reach(when: datetime) -> int:
        set_clock(when)
        engine.drain()
        return len(channel.sent)

    return reach


def ended() -> list[tuple[str, str | None]]:
    with reading() as session:
        rows = session.execute(
            select(MessageRow.state, MessageRow.state_reason).where(
                MessageRow.channel == "push", MessageRow.state == "expired"
            )
        )
        return [(row.state, row.state_reason) for row in rows]


def test_a_stopped_channel_holds_back_until_it_is_started(at: Callable[[datetime], int]) -> None:
    with unit_of_work() as work:
        stop_channel(work, "push", reason="wrong text", by="Eve", now=START)
    assert at(STEP) == 0

    with unit_of_work() as work:
        start_channel(work, "push", reason="mended", by="Eve", now=STEP)

    assert at(STEP + LOOK_AGAIN) == 2


def test_what_a_stopped_channel_held_back_too_long_says_so(at: Callable[[datetime], int]) -> None:
    with unit_of_work() as work:
        stop_channel(work, "push", reason="wrong text", by="Eve", now=START)
    at(STEP)

    assert at(STEP + timedelta(hours=12)) == 0
    assert ended() == [("expired", "KILL_SWITCH")] * 2


def test_a_daily_limit_lets_so_many_leave_and_no_more(at: Callable[[datetime], int]) -> None:
    with unit_of_work() as work:
        limit_channel(work, "push", 1, reason="budget", by="Eve", now=START)

    assert at(STEP) == 1
    assert at(STEP + timedelta(hours=1)) == 1
    assert at(STEP + timedelta(hours=12)) == 1
    assert ended() == [("expired", "SPEND_LIMIT")]


def test_the_next_day_has_a_limit_of_its_own(at: Callable[[datetime], int]) -> None:
    with unit_of_work() as work:
        limit_channel(work, "push", 2, reason="budget", by="Eve", now=START)

    assert at(STEP) == 2
    assert at(STEP + timedelta(days=1)) == 4


def test_a_text_of_several_segments_uses_up_as_many_of_the_limit(app: Flask, set_clock: SetClock) -> None:
    built = build_loan(now=NOW, due=[DUE], phone="+447400123456")
    sms = FakeChannel(name="sms", answer=lambda _message: DeliveryResult(Outcome.ACCEPTED, units=3))
    engine = Engine(Dispatcher({"sms": sms}, owner="tester", claim_batch=1))
    with unit_of_work() as work:
        limit_channel(work, "sms", 4, reason="budget", by="Eve", now=NOW)

    queue_messages(built.borrower_id, "sms", 4, now=NOW)
    engine.dispatch_all()

    assert len(sms.sent) == 2  # three parts and three: the limit was not reached before the second
