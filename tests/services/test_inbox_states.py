"""Every change of an inbox has its own state, which is seen exactly when the change is: also when all happens at once."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.persistence.db import db, vault
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.queries.decisions import mark_settled
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.inbox_marks import next_states, withdraw_messages
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from app.web.rate_limit import ReadLimit
from tests.api.test_inbox import tell
from tests.builders.access import fresh_client, signed_in
from tests.builders.book import Built, build_loan, pay
from tests.builders.inbox import held_marks, recount
from tests.builders.inbox_device import Device
from tests.engine.test_concurrency import Crowd

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
SetClock = Callable[[datetime], None]


def _state(built: Built) -> int:
    with reading() as session:
        state = session.scalar(select(AgendaRow.inbox_state).where(AgendaRow.borrower_id == built.borrower_id))
        assert state is not None
        return state


def _messages() -> list[MessageRow]:
    with reading() as session:
        rows = list(session.scalars(select(MessageRow).order_by(MessageRow.id)))
        session.expunge_all()
        return rows


@pytest.fixture
def told(app: Flask, set_clock: SetClock) -> Built:
    """A loan whose first reminder has just come."""
    ensure_default_policy(now=NOW)
    built = build_loan(now=NOW, due=[DUE])
    set_clock(STEP)
    sweep(now=STEP)
    return built


def test_the_sweep_stamps_what_it_writes_with_the_state_it_raises(told: Built) -> None:
    (message,) = _messages()

    assert (message.channel, message.inbox_created, message.inbox_state) == ("in_app", 1, 1)
    assert _state(told) == 1
    text = orjson.loads(vault().open(message.text_sealed, place=f"messages.text:{message.id}") or "")
    assert text["about"] == [[told.loan_id, 1]]


def test_a_payment_stamps_what_it_settles(told: Built) -> None:
    pay(told, 10_000, now=STEP + timedelta(minutes=1))

    (message,) = _messages()
    assert message.settled_at == STEP + timedelta(minutes=1)
    assert (message.inbox_created, message.inbox_state, _state(told)) == (1, 2, 2)


def test_a_look_that_tells_nothing_leaves_the_state_as_it_is(told: Built) -> None:
    pay(told, 1, now=STEP + timedelta(minutes=1))

    assert _state(told) == 1


def test_what_is_taken_back_in_the_transaction_of_a_review_keeps_its_state(told: Built) -> None:
    """The review writes the state that it loaded; a state must not fall, whoever raised it in between."""
    from app.services.agenda import touch
    from app.services.decision_writing import DecisionWriting
    from app.services.policies import load_rules

    (message,) = _messages()
    with unit_of_work() as work:
        rules = load_rules(work.session)
        assert rules is not None
        touch(work, [told.borrower_id], now=STEP)
        writing = DecisionWriting(work.vault, rules, STEP)
        row = {
            "b_id": told.borrower_id, "b_wake": None, "b_version": 9, "b_epoch": rules.rules_epoch, "b_until": STEP,
            "b_zone": None, "b_zone_since": None, "b_inbox_state": 1,
        }  # fmt: skip
        writing.agenda.append(row)
        withdraw_messages(work, [message.id], now=STEP)
        writing.write(work)

    assert _state(told) == 2
    assert _messages()[0].inbox_state == 2


class Storm:
    """Two devices that mark, a lender who tells, settles and takes back, payments, and devices that only look."""

    def __init__(self, app: Flask, built: Built) -> None:
        app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
        clock.use(lambda: STEP)
        self.built = built
        self.ids = [tell(built, str(n), created_at=STEP, template="overdue_help") for n in range(6)]
        self.devices = [
            Device(fresh_client(app), signed_in(built.borrower_id, installation_id=f"p{n}", now=STEP), limit=3)
            for n in range(4)
        ]
        self.raised: list[tuple[int, int]] = []
        """(state, thread) of every change that told its state."""

    def note(self, state: int) -> None:
        self.raised.append((state, threading.get_ident()))

    def marks(self, number: int) -> Callable[[random.Random], None]:
        device = self.devices[number]

        def act(rng: random.Random) -> None:
            how = rng.choice(("read", "unread", "archive", "unarchive", "seen"))
            answer = device.mark(rng.choice(self.ids), how)
            if answer.status_code == 404:  # taken back
                return
            assert answer.status_code == 200, answer.text
            some = [{"ids": rng.sample(self.ids, 3)}, {"all_before": answer.json["state"]}]
            many = device.mark_many(**rng.choice(some), **{"as": rng.choice(("seen", "read", "archived"))}).json
            if many["changed"]:
                self.note(many["state"])

        return act

    def lend(self, rng: random.Random) -> None:
        roll = rng.random()
        if roll < 0.5:
            self.ids.append(tell(self.built, "new", created_at=STEP))
        elif roll < 0.8:
            with unit_of_work() as work:
                state = next_states(work, [self.built.borrower_id])[self.built.borrower_id]
                row = work.session.get(MessageRow, rng.choice(self.ids))
                assert row is not None
                mark_settled(work.session, [str(row.contact_id)], now=STEP)
            self.note(state)
        else:
            with unit_of_work() as work:
                withdraw_messages(work, [rng.choice(self.ids)], now=STEP)
        time.sleep(0.002)

    def pay(self, _rng: random.Random) -> None:
        """The case is reviewed: the agenda's row is written as the sweep writes it."""
        pay(self.built, 1, now=STEP)
        time.sleep(0.005)

    def looks(self, number: int) -> Callable[[random.Random], None]:
        device = self.devices[number]

        def act(_rng: random.Random) -> None:
            before = device.synced
            device.sync()
            assert device.synced >= before
            assert all(item["state"] <= device.synced for item in device.items.values())

        return act


def test_marks_of_two_devices_and_the_lenders_side_all_at_once(app: Flask, told: Built) -> None:
    storm = Storm(app, told)

    acts = [storm.marks(0), storm.marks(1), storm.lend, storm.pay, storm.looks(2), storm.looks(3)]
    Crowd(app).run(acts, seconds=3, until=lambda: len({state for state, _ in list(storm.raised)}) > 5)

    threads_of: dict[int, set[int]] = {}
    for state, thread in storm.raised:
        threads_of.setdefault(state, set()).add(thread)
    assert len(threads_of) > 5
    assert [state for state, threads in threads_of.items() if len(threads) > 1] == [], "two changes share a state"
    for device in storm.devices:
        device.sync()
        state, marks, counts = recount(told.borrower_id)
        assert (device.synced, device.counts) == (state, counts)
        assert held_marks(device.items) == marks


def test_a_message_on_its_way_is_not_passed_over(app: Flask, told: Built) -> None:
    """A change that holds the state commits before any later one can: a reader never gets the later one first."""
    order: list[str] = []
    holding, waiting = threading.Event(), threading.Event()

    def slow() -> None:
        with app.app_context(), unit_of_work() as work:
            state = next_states(work, [told.borrower_id])[told.borrower_id]
            holding.set()
            waiting.wait(0.5)
            order.append(f"slow {state}")
        with app.app_context():
            db.session.remove()

    def quick() -> None:
        holding.wait(60)
        with app.app_context(), unit_of_work() as work:
            order.append(f"quick {next_states(work, [told.borrower_id])[told.borrower_id]}")
        with app.app_context():
            db.session.remove()

    threads = [threading.Thread(target=each) for each in (slow, quick)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert order == ["slow 2", "quick 3"]


def test_an_answers_parts_are_of_one_instant_while_others_commit(app: Flask, told: Built) -> None:
    """Each writing transaction adds one message: so the state and the total must always go together."""
    app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
    clock.use(lambda: STEP)
    headers = signed_in(told.borrower_id, now=STEP)
    stop = threading.Event()

    def write() -> None:
        with app.app_context():
            while not stop.is_set():
                tell(told, "new", created_at=STEP)
            db.session.remove()

    thread = threading.Thread(target=write)
    thread.start()
    client, seen = fresh_client(app), set()
    until = time.monotonic() + 1.5
    answers: list[Any] = []
    while time.monotonic() < until or (len({each["state"] for each in answers}) <= 3 and thread.is_alive()):
        for path in ("/v1/me/inbox?limit=100", "/v1/me/inbox/counts", "/v1/me/inbox/changes?since=0&limit=100"):
            answers.append(client.get(path, headers=headers).json)
    stop.set()
    thread.join(60)

    for answer in answers:
        assert answer["state"] == answer["counts"]["total"]
        seen.add(answer["state"])
        if not answer.get("has_more", True):
            assert len(answer.get("items", answer.get("created"))) == answer["state"]
    assert len(seen) > 3
