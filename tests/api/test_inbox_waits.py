"""A device may wait for a change: bounded, without a connection, and never longer than its session lives."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app.persistence.db import db
from app.services.inbox_waits import InboxWaits, Waited
from app.services.sessions import end_session
from tests.api.test_inbox import DUE, tell
from tests.builders.access import fresh_client, signed_in
from tests.builders.book import Built, build_loan
from tests.conftest import START

Ask = Callable[..., Future[Any]]


class WatchedWaits(InboxWaits):
    """Knows who waited how long at most, and when one of those that wait had its turn to ask for all."""

    turns: ClassVar[list[float]] = []
    lengths: ClassVar[list[float]] = []

    def wait(self, session_id: str, state: int, *, seconds: float, ask: Any) -> bool:
        self.lengths.append(seconds)
        return super().wait(session_id, state, seconds=seconds, ask=ask)

    def _take_turn(self) -> list[str]:
        with self._changed:
            asked = super()._take_turn()
            if asked:
                self.turns.append(self._asked_at)
        return asked


@pytest.fixture
def waits(app: Flask) -> Iterator[WatchedWaits]:
    """The app's waiting room, which looks often."""
    before = app.extensions["duecourse.inbox_waits"]
    WatchedWaits.turns.clear()
    WatchedWaits.lengths.clear()
    app.extensions["duecourse.inbox_waits"] = WatchedWaits(2, look_seconds=0.05)
    yield app.extensions["duecourse.inbox_waits"]
    app.extensions["duecourse.inbox_waits"] = before


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=DUE)


@pytest.fixture
def ask(app: Flask, waits: InboxWaits) -> Iterator[Ask]:
    """Asks for changes in a thread of its own; the future is the answer."""
    with ThreadPoolExecutor(4) as pool:

        def start(headers: dict[str, str], since: int, seconds: int = 20) -> Future[Any]:
            path = f"/v1/me/inbox/changes?since={since}&wait={seconds}"
            return pool.submit(lambda: fresh_client(app).get(path, headers=headers))

        yield start


def until_waiting(waits: InboxWaits, number: int) -> None:
    deadline = time.monotonic() + 60
    while len(waits._waiting) != number and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(waits._waiting) == number


def test_who_waits_is_told_as_soon_as_something_comes(waits: InboxWaits, ask: Ask, loan: Built) -> None:
    tell(loan, "old")
    answer = ask(signed_in(loan.borrower_id), 1)
    until_waiting(waits, 1)
    assert not answer.done()

    message_id = tell(loan, "new")

    found = answer.result(timeout=60).json
    assert [item["id"] for item in found["created"]] == [message_id]
    assert (found["state"], found["wait_refused"]) == (2, False)
    assert waits._waiting == {}


def test_nothing_is_waited_for_where_something_is_new(waits: WatchedWaits, client: FlaskClient, loan: Built) -> None:
    tell(loan)

    found = client.get("/v1/me/inbox/changes?since=0&wait=25", headers=signed_in(loan.borrower_id)).json

    assert len(found["created"]) == 1
    assert waits.lengths == []


def test_a_wait_ends_with_its_time(waits: InboxWaits, client: FlaskClient, loan: Built) -> None:
    tell(loan)

    found = client.get("/v1/me/inbox/changes?since=1&wait=1", headers=signed_in(loan.borrower_id)).json

    assert (found["created"], found["state"], found["wait_refused"]) == ([], 1, False)


def test_a_wait_ends_when_a_snooze_does(
    waits: WatchedWaits, client: FlaskClient, loan: Built, set_clock: Callable[..., None]
) -> None:
    message_id = tell(loan)
    headers = signed_in(loan.borrower_id)
    client.post(f"/v1/me/inbox/{message_id}/snooze", json={"until": "2026-03-02T09:00:01Z"}, headers=headers)

    found = client.get("/v1/me/inbox/changes?since=2&wait=25", headers=headers).json

    assert [0 < each <= 2 for each in waits.lengths] == [True]  # the book's clock stands still here, so it is not back yet
    assert found["state"] == 2


def test_who_finds_no_place_is_answered_at_once(waits: InboxWaits, ask: Ask, client: FlaskClient, loan: Built) -> None:
    tell(loan)
    waiting = [ask(signed_in(loan.borrower_id), 1) for _ in range(2)]
    until_waiting(waits, 2)

    third = client.get("/v1/me/inbox/changes?since=1&wait=25", headers=signed_in(loan.borrower_id))

    assert (third.status_code, third.json["wait_refused"], third.headers["Retry-After"]) == (200, True, "5")
    tell(loan, "new")
    assert all(answer.result(timeout=60).json["state"] == 2 for answer in waiting)


def test_a_session_takes_one_place_however_often_it_asks(waits: InboxWaits, ask: Ask, loan: Built) -> None:
    tell(loan)
    headers = signed_in(loan.borrower_id)
    first = ask(headers, 1)
    until_waiting(waits, 1)

    second = ask(headers, 1)

    assert first.result(timeout=60).json["state"] == 1
    until_waiting(waits, 1)
    assert not second.done()
    tell(loan, "new")
    assert second.result(timeout=60).json["state"] == 2


def test_a_session_that_is_ended_waits_no_longer_and_is_told_nothing(waits: InboxWaits, ask: Ask, loan: Built) -> None:
    tell(loan)
    answer = ask(signed_in(loan.borrower_id), 1)
    until_waiting(waits, 1)
    (session_id,) = waits._waiting

    end_session(loan.borrower_id, session_id, now=START)

    ended = answer.result(timeout=60)
    assert (ended.status_code, ended.json["code"]) == (401, "session-revoked")


def test_who_waits_holds_no_connection_and_all_are_asked_about_in_one_statement(
    waits: WatchedWaits, ask: Ask, loan: Built
) -> None:
    tell(loan)
    other = build_loan(now=START, due=DUE)
    tell(other)
    waits.look_seconds = 0.5
    answers = [ask(signed_in(each.borrower_id), 1) for each in (loan, other)]
    until_waiting(waits, 2)
    seen: list[str] = []
    enough = threading.Event()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)
        if len(seen) == 5:
            enough.set()

    waits.turns.clear()
    event.listen(db.engine, "before_cursor_execute", note)
    db.session.remove()
    most = 0
    while not enough.wait(0.001):
        most = max(most, db.engine.pool.checkedout())  # type: ignore[attr-defined]
    event.remove(db.engine, "before_cursor_execute", note)

    assert most <= 1  # only while one of them asks
    assert len(seen) <= len(waits.turns) + 1, seen  # one statement a turn for both, not one for each
    assert min(later - earlier for earlier, later in pairwise(waits.turns)) >= 0.9 * 0.5
    tell(loan, "new")
    tell(other, "new")
    assert {answer.result(timeout=60).status_code for answer in answers} == {200}


def test_a_question_that_fails_is_the_asking_requests_error_alone() -> None:
    waits = InboxWaits(2, look_seconds=0.05)
    failed = threading.Event()

    def ask(session_ids: Any) -> dict[str, Waited]:
        if not failed.is_set():
            failed.set()
            raise OSError("no database")
        return {session_id: Waited(2, True) for session_id in session_ids}

    with pytest.raises(OSError, match="no database"):
        waits.wait("a", 1, seconds=5, ask=ask)

    assert waits._waiting == {}
    assert waits.wait("b", 1, seconds=5, ask=ask)


def test_nobody_waits_where_waiting_is_switched_off() -> None:
    assert not InboxWaits(0).wait("a", 1, seconds=5, ask=lambda _: {})
