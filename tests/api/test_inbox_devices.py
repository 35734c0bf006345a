"""Two devices, offline by turns, do as they like while messages come, are settled and taken back: both come to the truth."""

import itertools
import os
from datetime import timedelta
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import clock
from app.domain.inbox import BULK_MARKS
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.queries.decisions import mark_settled
from app.persistence.unit_of_work import unit_of_work
from app.services.inbox_marks import begin_lines, next_states, withdraw_messages
from app.web.rate_limit import ReadLimit
from tests.api.test_inbox import DUE, tell
from tests.builders.access import fresh_client, signed_in
from tests.builders.book import build_loan
from tests.builders.inbox import held_marks, recount
from tests.builders.inbox_device import Device
from tests.conftest import START

EXAMPLES = int(os.environ.get("DUECOURSE_FUZZ_EXAMPLES", "40"))
MARKS = ("seen", "read", "unread", "archive", "unarchive", "snooze", "unsnooze", "actions/reply")
TEMPLATES = ("overdue_help", "final_help", "overdue_options", "statutory_arrears_notice")
_which, _device = st.integers(0, 7), st.integers(0, 1)
_acts = st.one_of(
    st.tuples(st.just("arrive"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("mark"), _device, st.just("snooze"), _which),
    st.tuples(st.just("settle"), _which),
    st.tuples(st.just("withdraw"), _which),
    st.tuples(st.just("mark"), _device, st.sampled_from(MARKS), _which),
    st.tuples(st.just("later"), _device, st.sampled_from(MARKS), _which),
    st.tuples(st.just("mark_all"), _device, st.sampled_from(sorted(BULK_MARKS))),
    st.tuples(st.just("back"), _device, _which),
    st.tuples(st.just("later_all"), _device, st.sampled_from(sorted(BULK_MARKS))),
    st.tuples(st.just("mark_some"), _device, st.sampled_from(sorted(BULK_MARKS)), st.lists(_which, min_size=1, max_size=3)),
    st.tuples(st.just("flush"), _device),
    st.tuples(st.just("deliver"), _device, _which),
    st.tuples(st.just("count"), _device),
    st.tuples(st.just("sync"), _device),
    st.tuples(st.just("load"), _device),
)
_between = st.one_of(_acts.filter(lambda act: act[0] not in ("sync", "load", "back")), st.none())


class World:
    """One borrower with two devices, the lender's side, and the book's clock."""

    def __init__(self, app: Flask, limit: int) -> None:
        app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
        self.now = START
        clock.use(lambda: self.now)
        self.loan = build_loan(now=START, due=DUE)
        self.told: list[str] = []
        self.numbers = itertools.count()
        self.devices = [Device(fresh_client(app), {}, limit) for _ in range(2)]
        self.late: list[list[Any]] = [[], []]
        """Answers on their way to a device."""
        self.queued: list[list[Any]] = [[], []]
        """What a device will ask for when it is online again."""
        self._sign_in()
        for template in (0, 1, 2, 3, 0):
            self.do(("arrive", template))
        self.devices[0].load()
        self.devices[1].sync()

    def _sign_in(self) -> None:
        for number, device in enumerate(self.devices):
            device.headers = signed_in(self.loan.borrower_id, installation_id=f"phone-{number}", now=self.now)

    def do(self, act: tuple[Any, ...]) -> None:
        name, *rest = act
        getattr(self, f"_{name}")(*rest)

    def _message(self, which: int) -> str:
        return self.told[which % len(self.told)]

    def _arrive(self, which: int) -> None:
        number, template = next(self.numbers), TEMPLATES[which]
        self.told.append(tell(self.loan, f"m{number}", created_at=self.now, template=template))

    def _wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self._sign_in()

    def _settle(self, which: int) -> None:
        """As the sweep does: state raised, messages stamped with it, one commit."""
        with unit_of_work() as work:
            statement = select(MessageRow.contact_id).where(MessageRow.id == self._message(which))
            contact_id = work.session.scalar(statement)
            assert contact_id is not None
            next_states(work, [self.loan.borrower_id])
            mark_settled(work.session, [contact_id], now=self.now)

    def _withdraw(self, which: int) -> None:
        with unit_of_work() as work:
            withdraw_messages(work, [self._message(which)], now=self.now)

    def _ask(self, device: int, how: str, message_id: str) -> None:
        body = {"until": (self.now + timedelta(hours=10)).isoformat()} if how == "snooze" else {}
        answer = self.devices[device].mark(message_id, how, **body)
        assert answer.status_code in (200, 404), answer.text
        if answer.status_code == 200:
            self.late[device].append(answer.json)

    def _ask_all(self, device: int, as_: str, state: int) -> None:
        answer = self.devices[device].mark_many(**{"all_before": state, "as": as_})
        assert answer.status_code == 200, answer.text
        self.late[device].append(answer.json)

    def _mark(self, device: int, how: str, which: int) -> None:
        self._ask(device, how, self._message(which))

    def _mark_all(self, device: int, as_: str) -> None:
        self._ask_all(device, as_, self.devices[device].synced)

    def _mark_some(self, device: int, as_: str, which: list[int]) -> None:
        ids = [self._message(each) for each in which]
        self.late[device].append(self.devices[device].mark_many(**{"ids": ids, "as": as_}).json)

    def _back(self, device: int, which: int) -> None:
        """A message is set aside, as both know, and back."""
        self._mark(device, "snooze", which)
        for each in self.devices:
            each.sync()
        self._wait(10)

    def _later(self, device: int, how: str, which: int) -> None:
        message_id = self._message(which)
        self.queued[device].append(lambda: self._ask(device, how, message_id))

    def _later_all(self, device: int, as_: str) -> None:
        state = self.devices[device].synced
        self.queued[device].append(lambda: self._ask_all(device, as_, state))

    def _flush(self, device: int) -> None:
        for ask in self.queued[device]:
            ask()
        self.queued[device].clear()

    def _deliver(self, device: int, which: int) -> None:
        if self.late[device]:
            self.devices[device].take(self.late[device].pop(which % len(self.late[device])))

    def _count(self, device: int) -> None:
        asker = self.devices[device]
        self.late[device].append(asker.client.get("/v1/me/inbox/counts", headers=asker.headers).json)

    def _sync(self, device: int) -> None:
        self.devices[device].sync()

    def _load(self, device: int) -> None:
        self.devices[device].load()

    def between_pages(self, device: int, acts: list[Any]) -> None:
        """From now on something happens before each page that a device gets."""
        coming, asker = iter(acts), self.devices[device]

        def get(path: str) -> Any:
            act = next(coming, None)
            if act is not None:
                self.do(act)
            return asker.client.get(path, headers=asker.headers)

        asker.get_page = get

    def check(self) -> None:
        """Every device that catches up holds what a recount from scratch finds, and so does a new one."""
        for device in (0, 1):
            while self.late[device]:
                self._deliver(device, 0)
        fresh = Device(self.devices[0].client, self.devices[0].headers, limit=3)
        fresh.load()
        for device in (*self.devices, fresh):
            device.get_page = None
            device.sync()
            state, marks, counts = recount(self.loan.borrower_id)
            assert device.synced == device.counted == state
            assert held_marks(device.items) == marks
            assert device.counts == counts
            assert len(device.listed) == counts["total"]
            assert device.items == fresh.items


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=EXAMPLES)
@given(
    limit=st.integers(1, 4),
    acts=st.lists(_acts, max_size=25),
    meanwhile=st.lists(_between, max_size=6),
)
def test_both_devices_equal_a_recount(app: Flask, limit: int, acts: list[Any], meanwhile: list[Any]) -> None:
    world = World(app, limit)
    world.between_pages(1, meanwhile)

    for act in acts:
        world.do(act)

    world.check()


def test_an_answer_that_comes_late_takes_nothing_back(app: Flask) -> None:
    world = World(app, 10)
    first, message_id = world.devices[0], world.told[0]
    read = first.mark(message_id, "read").json
    unread = first.mark(message_id, "unread").json

    first.take(unread)
    first.take(read)

    assert first.items[message_id]["read_at"] is None
    assert first.counts["unread"] == 5
    world.check()


def test_an_answer_that_comes_late_brings_nothing_back_that_is_gone(app: Flask) -> None:
    world = World(app, 10)
    first, message_id = world.devices[0], world.told[0]
    read = first.mark(message_id, "read").json
    world.do(("withdraw", 0))
    first.sync()

    first.take(read)

    assert message_id not in first.items
    assert first.counts["total"] == 4


def test_what_changed_together_is_told_whole_however_small_the_pages(app: Flask) -> None:
    world = World(app, 2)
    one, other = world.devices

    answer = one.mark_many(**{"all_before": one.synced, "as": "read"}).json
    other.sync()

    assert len(answer["changed"]) == 5
    assert all(item["read_at"] for item in other.items.values())


def test_after_a_restore_every_device_loads_anew(app: Flask) -> None:
    world = World(app, 2)
    world.do(("arrive", 1))
    first = world.devices[0]
    first.sync()
    before = first.synced
    begin_lines(now=world.now)

    answer = first.client.get(f"/v1/me/inbox/changes?since={before}", headers=first.headers)

    assert (answer.status_code, answer.json["code"]) == (409, "state-too-old")
    world.check()
    assert first.synced > before


def test_two_restores_of_one_backup_are_told_apart(app: Flask) -> None:
    """The second begins its line in a later hour, so what a device learnt between the two is not taken for the present."""
    world = World(app, 2)
    begin_lines(now=world.now)
    first = world.devices[0]
    first.sync()
    with unit_of_work() as work:  # the backup again, from before the first restore
        work.session.execute(MessageRow.__table__.update().values(inbox_state=1))
        work.session.execute(AgendaRow.__table__.update().values(inbox_state=1))
    world.now += timedelta(hours=1)
    world._sign_in()
    begin_lines(now=world.now)

    assert first.get(f"/v1/me/inbox/changes?since={first.synced}").status_code == 409


def test_a_state_from_the_future_is_not_carried_on_from(app: Flask) -> None:
    """A restore that nobody told the program about: the database is behind what the device has seen."""
    world = World(app, 2)
    first = world.devices[0]

    answer = first.client.get(f"/v1/me/inbox/changes?since={first.synced + 1}", headers=first.headers)
    marked = first.mark_many(**{"all_before": first.synced + 1, "as": "read"})

    assert (answer.status_code, answer.json["code"]) == (409, "state-too-old")
    assert (marked.status_code, marked.json["code"]) == (409, "state-too-old")
