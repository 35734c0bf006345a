"""A hand-over that takes longer than its lease keeps it as long as the engine lives; a dead one's claim runs out."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask

from app import clock
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import session
from app.persistence.models.messages import MessageRow
from tests.builders.letters import waiting_letter
from tests.conftest import START
from tests.fakes.channels import FakeChannel

pytestmark = pytest.mark.both
Pass = Callable[[int], None]


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """The machine's clock, moved by hand: leases are judged by it."""
    at = [clock.system_now()]
    monkeypatch.setattr(clock, "system_now", lambda: at[0])

    def move(seconds: int) -> None:
        at[0] += timedelta(seconds=seconds)

    return move


def state(message_id: str) -> tuple[str, str | None]:
    session().expire_all()
    row = session().get_one(MessageRow, message_id)
    return row.state, row.state_reason


def another_looks(now: datetime) -> int:
    return Dispatcher({"letter": FakeChannel("letter")}, owner="another").run_once(now=now, lane="letter")


def test_a_batch_that_outlasts_its_lease_is_not_taken_over_while_its_engine_lives(app: Flask, pass_seconds: Pass) -> None:
    ids = [waiting_letter(now=START)[0] for _ in range(3)]
    found: list[int] = []
    printer = FakeChannel("letter")
    engine = Engine(Dispatcher({"letter": printer}, owner="slow"))

    def drag_on() -> None:
        for _ in range(30):
            pass_seconds(10)
            engine.heartbeat()
            found.append(another_looks(START))

    printer.before = drag_on
    engine.dispatcher.run_once(now=START, lane="letter")

    assert set(found) == {0}
    assert [state(each) for each in ids] == [("sent", None)] * 3
    assert len(printer.sent) == 3


def test_without_a_heartbeat_it_runs_out(app: Flask, pass_seconds: Pass) -> None:
    message_id, _ = waiting_letter(now=START)
    printer = FakeChannel("letter")
    found: list[int] = []

    def drag_on() -> None:
        pass_seconds(121)
        found.append(another_looks(START))

    printer.before = drag_on
    Dispatcher({"letter": printer}, owner="slow").run_once(now=START, lane="letter")

    assert found == [1]
    assert state(message_id) == ("uncertain", "NO_RECEIPT")


def test_what_was_lost_meanwhile_is_not_taken_back_by_a_late_heartbeat(app: Flask, pass_seconds: Pass) -> None:
    message_id, _ = waiting_letter(now=START)
    printer = FakeChannel("letter")
    slow = Dispatcher({"letter": printer}, owner="slow")
    renewed: list[int] = []

    def drag_on() -> None:
        pass_seconds(121)
        another_looks(START)
        renewed.append(slow.held.renew(machine_now=clock.system_now()))

    printer.before = drag_on
    slow.run_once(now=START, lane="letter")

    assert renewed == [0]
    assert state(message_id) == ("uncertain", "NO_RECEIPT")


def test_what_is_out_of_its_hands_an_engine_lets_go(app: Flask, pass_seconds: Pass) -> None:
    """An engine that stumbles over a claim goes on living, and its heart goes on beating."""
    message_id, _ = waiting_letter(now=START)
    slow = Dispatcher({"letter": FakeChannel("letter")}, owner="slow")

    def stumble(_channel: str, _count: int) -> None:
        raise RuntimeError("out of memory")

    slow.routes.await_room = stumble  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        slow.run_once(now=START, lane="letter")
    pass_seconds(121)

    assert slow.held.renew(machine_now=clock.system_now()) == 0
    assert another_looks(START) == 1
    assert state(message_id) == ("uncertain", "NO_RECEIPT")
