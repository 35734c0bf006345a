"""Engines, payments, phones, imports and new rules all at once: nothing is lost, nothing is sent twice, nobody deadlocks."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.domain.book import BorrowerValues, PaymentValues
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.metrics import UNDECIDABLE
from app.persistence.db import db
from app.persistence.models.devices import EndpointRow
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, DecisionRow, PolicyRow
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.borrowers import put_borrowers
from app.services.devices import DeviceValues, put_device
from app.services.invariants import check_invariants
from app.services.payments import record_payments
from app.services.policies import activate_document, ensure_default_policy
from app.services.positions import rebuild_positions
from app.services.reminders import sweep
from tests.builders.book import Built, build_loan, pay
from tests.builders.cases import default_document
from tests.fakes.channels import FakeChannel

STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
SECONDS = 2.5
Act = Callable[[random.Random], None]


@dataclass
class Crowd:
    """Threads that do something over and over for a while; the first thing that goes wrong in any of them is told."""

    app: Flask
    errors: list[BaseException] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, acts: list[Act], seconds: float = SECONDS, *, until: Callable[[], bool] = lambda: True) -> None:
        """Let them all act for so long, and on a slow machine longer: until enough has happened to be judged."""
        threads = [threading.Thread(target=self._repeat, args=(act, seed)) for seed, act in enumerate(acts)]
        for thread in threads:
            thread.start()
        latest = time.monotonic() + 60
        self.stop.wait(seconds)
        while not until() and time.monotonic() < latest and not self.stop.wait(0.05):
            pass
        self.stop.set()
        for thread in threads:
            thread.join(timeout=120)
        assert not any(thread.is_alive() for thread in threads)
        if self.errors:
            raise self.errors[0]

    def _repeat(self, act: Act, seed: int) -> None:
        rng = random.Random(seed)
        with self.app.app_context():
            try:
                while not self.stop.is_set():
                    act(rng)
            except BaseException as error:  # told by `run`
                self.errors.append(error)
                self.stop.set()
            finally:
                db.session.remove()


@pytest.fixture
def crowd(app: Flask) -> Iterator[Crowd]:
    """A crowd on the book's clock, which runs on from the step at the machine's pace."""
    started = time.monotonic()
    clock.use(lambda: STEP + timedelta(seconds=time.monotonic() - started))
    before = UNDECIDABLE._value.get()
    yield Crowd(app)
    assert UNDECIDABLE._value.get() == before


class _WatchedDispatcher(Dispatcher):
    """Knows when it began to compare what it is about to send."""

    compared_at = 0.0

    def _send(self, tries: object, *given: object, **named: object) -> None:
        self.compared_at = time.monotonic()
        super()._send(tries, *given, **named)  # type: ignore[arg-type]


@dataclass
class _Wire:
    """What all engines handed over."""

    paid_at: dict[str, float] = field(default_factory=dict)
    """Borrower id -> when a payment of all they owe was committed at the latest."""
    owners: dict[str, str] = field(default_factory=dict)
    copies: dict[tuple[str, str], int] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def engine(self, name: str) -> Engine:
        channel = FakeChannel()
        dispatcher = _WatchedDispatcher({"push": channel}, owner=name)

        def answer(message: object) -> object:
            with self.guard:
                key = message.message_id, message.target.address  # type: ignore[attr-defined]
                self.copies[key] = self.copies.get(key, 0) + 1
                paid_at = self.paid_at.get(self.owners.get(message.message_id, ""), 1e18)  # type: ignore[attr-defined]
                if paid_at < dispatcher.compared_at:
                    self.late.append(message.message_id)  # type: ignore[attr-defined]
            return FakeChannel.answer(message)  # type: ignore[arg-type]

        channel.answer = answer  # type: ignore[assignment]
        return Engine(dispatcher)


def _book(count: int) -> list[Built]:
    """Borrowers with a loan each (some two) whose reminder is due now, all with a phone."""
    ensure_default_policy(now=STEP - timedelta(days=9))
    early = STEP - timedelta(days=8)
    built: list[Built] = []
    for number in range(count):
        lender_id = built[0].lender_id if built else None
        one = build_loan(now=early, due=[date(2026, 3, 10)], lender_id=lender_id, zone="UTC")
        if number % 3 == 0:
            build_loan(now=early, due=[date(2026, 3, 12)], borrower_no=one.borrower_no, lender_id=one.lender_id)
        put_device(one.borrower_id, _phone(number), now=early)
        built.append(one)
    return built


def _phone(number: int, **changes: object) -> DeviceValues:
    return DeviceValues(f"app-{number}", "android", "token", f"token-{number}", **changes)  # type: ignore[arg-type]


def test_engines_payments_phones_imports_and_new_rules_at_once(crowd: Crowd) -> None:
    book = _book(24)
    wire = _Wire()
    versions = iter(range(2, 10_000))

    def payment(rng: random.Random) -> None:
        one = rng.choice(book)
        pay(one, 100, now=clock.now(), reference=f"P{rng.random()}")

    def payment_file(rng: random.Random) -> None:
        some = rng.sample(book, 6)
        now = clock.now()
        values = [PaymentValues(f"F{rng.random()}", one.loan_no, 100, "USD", now.date()) for one in some]
        with unit_of_work() as work:
            record_payments(work, get_lender(work.session, some[0].lender_id), values, now=now, origin="file")
            rebuild_positions(work, [one.loan_id for one in some])

    def borrower_file(rng: random.Random) -> None:
        some = rng.sample(book, 8)
        with unit_of_work() as work:
            values = [BorrowerValues(one.borrower_no, zone="UTC", officer=str(rng.random())) for one in some]
            put_borrowers(work, values, now=clock.now(), origin="file")

    def phone(rng: random.Random) -> None:
        one, number = rng.choice(book), rng.randrange(len(book))
        put_device(one.borrower_id, _phone(number, zone=rng.choice(["UTC", "Europe/London"])), now=clock.now())

    def rules(rng: random.Random) -> None:
        with unit_of_work() as work:
            activate_document(work, {**default_document(), "version": next(versions)}, author="ops", now=clock.now())
        crowd.stop.wait(0.1)

    def engine(name: str) -> Act:
        one = wire.engine(name)

        def work(_rng: random.Random) -> None:
            one.drain()

        return work

    crowd.run([engine("a"), engine("b"), payment, payment_file, borrower_file, phone, phone, rules])

    wire.engine("last").drain()
    with reading() as session:
        counts = check_invariants(session, until=clock.now())
        active = session.scalar(select(func.count()).select_from(PolicyRow).where(PolicyRow.status == "active"))
        holders = session.execute(
            select(EndpointRow.address_digest).where(EndpointRow.state == "active").group_by(EndpointRow.address_digest)
            .having(func.count() > 1)
        ).all()  # fmt: skip
        waiting = session.scalar(
            select(func.count()).select_from(MessageRow).where(MessageRow.state.in_(("sending", "stale")))
        )
    counts.pop("pushes_after_payment")  # a payment is dated by its receipt, an instant before it is committed
    assert not any(counts.values()), counts
    assert active == 1
    assert holders == []
    assert waiting == 0
    assert max(wire.copies.values()) == 1


def test_no_push_leaves_after_the_payment_is_committed(crowd: Crowd) -> None:
    book = _book(40)
    wire = _Wire()
    sweep(now=clock.now())
    with reading() as session:
        wire.owners.update(
            {row.id: row.borrower_id for row in session.execute(select(MessageRow.id, MessageRow.borrower_id))}
        )
    unpaid = [one for number, one in enumerate(book) if number % 3]

    def payment(rng: random.Random) -> None:
        if not unpaid:
            crowd.stop.set()
            return
        one = unpaid.pop(rng.randrange(len(unpaid)))
        pay(one, 10_000, now=clock.now())
        with wire.guard:
            wire.paid_at[one.borrower_id] = time.monotonic()

    def engine(name: str) -> Act:
        one = wire.engine(name)
        one.dispatcher.claim_batch = 3

        def work(_rng: random.Random) -> None:
            one.dispatcher.run_once(now=clock.now())

        return work

    crowd.run([payment, engine("a"), engine("b")], seconds=10)

    wire.engine("last").drain()
    assert wire.late == []
    with reading() as session:
        states = set(session.scalars(select(MessageRow.state).where(MessageRow.withdraws_id.is_(None))))
    assert states <= {"delivered", "sent", "cancelled"}


def test_nobody_misses_new_rules_for_being_swept_just_then(crowd: Crowd) -> None:
    """A sweep that read the old rules and one that activates new ones: whoever comes second, all are looked at again."""
    _book(30)
    versions = iter(range(2, 365))
    activated: list[int] = []
    engine = _Wire().engine("a")

    def rules(_rng: random.Random) -> None:
        version = next(versions, None)
        if version is None:  # a quick machine has been through all of them
            crowd.stop.set()
            return
        document = default_document()
        document["steps"] = [{"key": "next", "offset_days": version, "template": "due_soon"}]
        document["stages"] = [{"key": "upcoming", "from": -7, "to": 365}]
        with unit_of_work() as work:
            activate_document(work, {**document, "version": version}, author="o", now=clock.now())
        activated.append(version)

    def sweeping(_rng: random.Random) -> None:
        engine.sweep_all()

    crowd.run([rules, sweeping, sweeping], seconds=1.5, until=lambda: bool(activated))
    engine.sweep_all()

    with reading() as session:
        wakes = set(session.scalars(select(AgendaRow.wake_at)))
    expected = datetime(2026, 3, 10, 10, tzinfo=UTC) + timedelta(days=activated[-1])
    assert wakes == {expected}


def test_engines_that_start_together_activate_the_default_policy_once(crowd: Crowd) -> None:
    gate = threading.Barrier(3)

    def start(_rng: random.Random) -> None:
        gate.wait()
        ensure_default_policy(now=STEP)
        crowd.stop.set()

    crowd.run([start, start, start], seconds=10)

    with reading() as session:
        assert session.scalar(select(func.count()).select_from(PolicyRow)) == 1


def test_an_activation_blocks_no_payment(crowd: Crowd) -> None:
    (one,) = _book(1)
    with unit_of_work() as work:
        activate_document(work, {**default_document(), "version": 2}, author="ops", now=STEP)
        work.session.flush()
        if db.engine.dialect.name == "postgresql":  # SQLite has one writer at a time, and it is this one
            _in_thread(crowd.app, lambda: pay(one, 100, now=STEP))

    with reading() as session:
        assert session.scalar(select(func.count()).select_from(LedgerEntryRow)) == (db.engine.dialect.name == "postgresql")


def _in_thread(app: Flask, act: Callable[[], object]) -> None:
    def run() -> None:
        with app.app_context():
            act()
            db.session.remove()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()


def test_eight_writers_on_sqlite_are_never_told_that_it_is_locked(sqlite_book: Flask) -> None:
    book = _book(8)
    clock.use(lambda: STEP)
    crowd = Crowd(sqlite_book)

    def payment(rng: random.Random) -> None:
        pay(rng.choice(book), 1, now=STEP, reference=f"P{rng.random()}")

    def phone(rng: random.Random) -> None:
        put_device(rng.choice(book).borrower_id, _phone(rng.randrange(8)), now=STEP)

    def engine(_rng: random.Random) -> None:
        Engine(Dispatcher({"push": FakeChannel()}, owner="x")).drain()

    crowd.run([payment] * 4 + [phone] * 2 + [engine] * 2)

    with reading() as session:
        assert not any(check_invariants(session, until=STEP).values())
        assert session.scalar(select(func.count()).select_from(DecisionRow)) > 0
