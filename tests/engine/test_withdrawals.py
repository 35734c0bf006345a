"""A reminder that is paid is taken off the phone: one silent push, in time, and no contact."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import metrics
from app.channels.base import DeliveryResult, Outcome
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.devices import EndpointRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.invariants import check_invariants
from app.services.policies import ensure_default_policy
from app.services.withdrawals import withdraw_shown
from tests.builders.book import Built, build_loan, give_phone, pay
from tests.fakes.channels import ACCEPTED, FakeChannel

pytestmark = pytest.mark.both
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
SetClock = Callable[[datetime], None]


@pytest.fixture
def channel(app: Flask) -> FakeChannel:
    ensure_default_policy(now=START)
    return FakeChannel()


@pytest.fixture
def engine(channel: FakeChannel) -> Engine:
    return Engine(Dispatcher({"push": channel}, owner="tester"))


@pytest.fixture
def reminded(engine: Engine, set_clock: SetClock) -> Built:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START, token="phone")
    set_clock(STEP)
    engine.drain()
    return built


def paid(built: Built, at: datetime, engine: Engine, set_clock: SetClock) -> None:
    set_clock(at)
    pay(built, 10_000, now=at)
    engine.drain()


def withdrawals() -> list[MessageRow]:
    with reading() as session:
        rows = list(session.scalars(select(MessageRow).where(MessageRow.withdraws_id.is_not(None))))
        session.expunge_all()
        return rows


def test_a_paid_reminder_is_taken_off_the_phone_also_at_night(
    reminded: Built, engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    paid(reminded, NIGHT, engine, set_clock)

    shown, withdrawal = channel.handed
    assert (withdrawal.purpose, withdrawal.withdraws, withdrawal.target.address) == ("withdraw", shown.message_id, "phone")
    assert (withdrawal.title, withdrawal.body) == ("Nothing to do", "A message that you were sent here has been dealt with.")
    with reading() as session:
        assert session.scalar(select(MessageRow.withdrawn_at).where(MessageRow.id == shown.message_id)) == NIGHT


def test_a_phone_that_rests_by_now_has_it_taken_off_all_the_same(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START, token="phone", last_seen_at=STEP - timedelta(days=29))
    set_clock(STEP)
    engine.drain()
    set_clock(STEP + timedelta(days=2))
    engine.dispatch_all()  # what is decided meanwhile is not looked at here

    pay(built, 10_000, now=STEP + timedelta(days=2))
    engine.dispatch("withdrawal")

    assert [message.purpose for message in channel.handed] == ["notify", "withdraw"]


def test_it_is_sent_once_whatever_comes_after(
    reminded: Built, engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    paid(reminded, NIGHT, engine, set_clock)
    with reading() as session:
        contacts = list(session.scalars(select(ContactRow.id)))

    with unit_of_work() as work:
        again = withdraw_shown(work, contacts, now=NIGHT)
    paid(reminded, NIGHT + timedelta(minutes=1), engine, set_clock)

    assert again == 0
    assert len(channel.handed) == 2


def test_it_is_no_contact_and_takes_no_place(reminded: Built, engine: Engine, set_clock: SetClock) -> None:
    paid(reminded, STEP + timedelta(hours=1), engine, set_clock)

    with reading() as session:
        assert len(list(session.scalars(select(ContactRow.id)))) == 1
        assert not any(check_invariants(session, until=STEP + timedelta(hours=2)).values())
    assert [row.contact_id for row in withdrawals()] == [None]


def test_what_was_seen_is_left_alone(reminded: Built, engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    with unit_of_work() as work:
        work.session.execute(update(MessageRow).where(MessageRow.channel == "in_app").values(read_at=STEP))

    paid(reminded, NIGHT, engine, set_clock)

    assert len(channel.handed) == 1


def test_what_never_left_needs_no_withdrawal(engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START)
    set_clock(STEP)
    engine.sweep_all()

    paid(built, STEP, engine, set_clock)

    assert channel.handed == []
    assert withdrawals() == []


def test_what_was_claimed_and_held_back_needs_none_after_all(
    engine: Engine, channel: FakeChannel, set_clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START)
    set_clock(STEP)
    engine.sweep_all()
    monkeypatch.setattr(engine.dispatcher, "_put_back", lambda *_: pay(built, 10_000, now=STEP))
    engine.dispatch_all()
    monkeypatch.undo()

    set_clock(STEP + timedelta(seconds=3))
    engine.drain()

    assert channel.handed == []
    assert [row.state for row in withdrawals()] == ["cancelled"]


def test_what_could_no_longer_come_to_a_phone_needs_none(
    reminded: Built, engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    with unit_of_work() as work:
        work.session.execute(update(MessageRow).values(created_at=STEP - timedelta(days=28)))

    paid(reminded, STEP, engine, set_clock)

    assert withdrawals() == []


def test_a_push_whose_fate_is_unknown_is_withdrawn(engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START)
    channel.answer = lambda message: ACCEPTED if message.purpose == "withdraw" else DeliveryResult(Outcome.UNCERTAIN)
    set_clock(STEP)
    engine.drain()

    paid(built, STEP + timedelta(seconds=1), engine, set_clock)

    assert [message.purpose for message in channel.handed] == ["notify", "withdraw"]


def test_a_payment_while_the_bytes_are_written_is_followed_by_a_withdrawal(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START)
    set_clock(STEP)

    def meanwhile() -> None:
        channel.before = lambda: None
        pay(built, 10_000, now=STEP)

    channel.before = meanwhile

    engine.drain()
    set_clock(STEP + timedelta(seconds=3))
    engine.drain()

    assert [message.purpose for message in channel.handed] == ["notify", "withdraw"]


def test_it_does_not_overtake_what_is_just_being_handed_over(
    engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START)
    set_clock(STEP)
    other = FakeChannel()

    def meanwhile() -> None:
        channel.before = lambda: None
        pay(built, 10_000, now=STEP)
        Engine(Dispatcher({"push": other}, owner="other")).dispatch_all()

    channel.before = meanwhile
    engine.drain()

    assert other.handed == []


def test_only_the_phones_that_were_sent_it_are_told(
    reminded: Built, engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    give_phone(reminded, now=STEP, token="new phone")

    paid(reminded, NIGHT, engine, set_clock)

    assert [message.target.address for message in channel.handed] == ["phone", "phone"]


def test_a_phone_that_is_gone_ends_it(reminded: Built, engine: Engine, channel: FakeChannel, set_clock: SetClock) -> None:
    with unit_of_work() as work:
        work.session.execute(update(EndpointRow).values(state="invalid"))

    paid(reminded, NIGHT, engine, set_clock)

    assert len(channel.handed) == 1
    assert [(row.state, row.state_reason) for row in withdrawals()] == [("failed", "NO_ENDPOINT")]


def test_withdrawals_go_before_reminders_that_wait(
    reminded: Built, engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    for _ in range(3):
        give_phone(build_loan(now=START, due=[DUE]), now=START)
    engine.sweep_all()
    pay(reminded, 10_000, now=STEP)

    engine.dispatcher.run_once(now=STEP)

    assert [message.purpose for message in channel.handed] == ["notify", "withdraw", "notify", "notify", "notify"]


def test_the_time_from_payment_to_hand_over_is_measured(
    reminded: Built, engine: Engine, channel: FakeChannel, set_clock: SetClock
) -> None:
    before = metrics.WITHDRAWAL_SECONDS._sum.get()
    pay(reminded, 10_000, now=STEP)
    set_clock(STEP + timedelta(seconds=4))

    engine.drain()

    assert metrics.WITHDRAWAL_SECONDS._sum.get() - before == pytest.approx(4)
