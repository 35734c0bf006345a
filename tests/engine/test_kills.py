"""kill -9 of dispatchers under load, over real HTTP: nothing is lost, and only a push may come twice, as the same one."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app import clock
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.unit_of_work import reading
from app.sandbox.credentials import write_service_account
from app.sandbox.stand_in import client
from app.sandbox.stand_in.client import StandInClient
from tests.builders.book import build_loan, give_phone
from tests.builders.messages import queue_messages
from tests.channels.telephony import a_twilio_entry
from tests.conftest import make_settings

ROOT = Path(__file__).resolve().parents[2]
SUB_BATCH, PUSH_BATCH = 25, 40
LEASE_SECONDS = 8.0
"""Short, so that what a dead worker held is free soon; longer than a sub-batch takes, also on a busy machine."""
ONCE = ("sms", "voice")
LANES = ("push", *ONCE)
NewDatabase = Callable[[str], str]


@dataclass
class Workers:
    """Dispatchers at work; one is killed now and then, and another takes its place."""

    given: dict[str, Any]
    provider: StandInClient
    rng: random.Random
    running: list["subprocess.Popen[str]"] = field(default_factory=list)

    started: int = 0

    def start(self) -> None:
        """Start one more; each begins with another channel."""
        lanes = [*LANES[self.started % 3 :], *LANES[: self.started % 3]]
        self.started += 1
        command = [sys.executable, "-m", "tests.engine.kill_worker", json.dumps({**self.given, "lanes": lanes})]
        self.running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))

    def kill_one(self) -> None:
        """Kill one that is at work, some milliseconds later; another is being started meanwhile."""
        victim = self.running.pop(0)
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        self.start()
        before, until = self._received(), time.monotonic() + 20
        while self._received() == before and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(self.rng.uniform(0.0, 0.15))
        victim.kill()
        victim.wait()
        victim.stdout.close()

    def _received(self) -> int:
        total: int = self.provider.page(limit=0)["total"]
        return total

    def stop(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        self.running.clear()


@contextmanager
def workers(given: dict[str, Any], provider: StandInClient, seed: int) -> Iterator[Workers]:
    made = Workers(given, provider, random.Random(seed))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kills.db'}"
    new_database: NewDatabase = request.getfixturevalue("new_postgresql_database")
    return new_database("kills")


@pytest.fixture
def provider() -> Iterator[StandInClient]:
    with client.running() as running:
        running.program(
            {"act": "delay", "on": "send", "delay_ms": 20},
            {"act": "delay", "on": "twilio_messages", "delay_ms": 20},
            {"act": "delay", "on": "twilio_calls", "delay_ms": 20},
        )
        yield running


def test_three_kills_under_load(database: str, provider: StandInClient, tmp_path: Path) -> None:
    _run(database, provider, tmp_path, kills=3, each=300)


@pytest.mark.nightly
def test_twenty_kills_under_load(database: str, provider: StandInClient, tmp_path: Path) -> None:
    _run(database, provider, tmp_path, kills=20, each=2500)


def _run(database: str, provider: StandInClient, folder: Path, *, kills: int, each: int) -> None:
    now = clock.system_now()
    app = create_app(make_settings(database, folder), serves=False)
    with app.app_context():
        schema.upgrade(db.engine)
        clock.use(clock.system_now)
        for number in range(10):
            built = build_loan(now=now, due=[date(2099, 1, 1)], phone=f"+4474001234{number:02d}")
            give_phone(built, now=now, token=f"phone-{number}")
            for channel in LANES:
                queue_messages(built.borrower_id, channel, each // 10, now=now)
        db.session.remove()
        db.engine.dispose()
        entry = a_twilio_entry(provider, total_seconds=5.0)
        credentials = write_service_account(folder / "service-account.json", stand_in_url=provider.url)
        given = {
            "database": database, "folder": str(folder), "stand_in": provider.url, "lease_seconds": LEASE_SECONDS,
            "credentials": str(credentials), "providers": {"sms": [entry], "voice": [entry]}, "push_batch": PUSH_BATCH,
        }  # fmt: skip
        with workers(given, provider, seed=kills) as crowd:
            crowd.start()
            for _ in range(kills):
                crowd.kill_one()
            _wait_until_drained()
        _judge(provider, kills=kills, each=each)
        db.session.remove()
        db.engine.dispose()


def _wait_until_drained() -> None:
    until = time.monotonic() + 300
    waiting = select(func.count()).select_from(MessageRow).where(MessageRow.state.in_(("queued", "sending", "stale")))
    while time.monotonic() < until:
        with reading() as session:
            if not session.scalar(waiting):
                return
        time.sleep(0.2)
    raise AssertionError("the outbox is never empty")


def _judge(provider: StandInClient, *, kills: int, each: int) -> None:
    received = Counter((item["channel"], item["message_id"]) for item in provider.received())
    with reading() as session:
        rows = session.execute(select(MessageRow.channel, MessageRow.id, MessageRow.state)).all()
        open_tries = session.scalar(
            select(func.count()).select_from(DeliveryAttemptRow).where(DeliveryAttemptRow.outcome == "sending")
        )
    for channel in LANES:
        states = Counter(state for name, _, state in rows if name == channel)
        copies = [received[channel, message_id] for name, message_id, _ in rows if name == channel]
        lost = sum(
            not received[channel, message_id] for name, message_id, state in rows if (name, state) == (channel, "sent")
        )
        twice = sum(count - 1 for count in copies if count > 1)
        print(f"{channel}: {each} messages, {kills} kills: {dict(states)}, lost {lost}, further copies {twice}")
        assert lost == 0
        if channel == "push":
            assert states == {"sent": each}
            assert twice <= PUSH_BATCH * kills
        else:
            assert twice == 0
            assert states["sent"] + states["uncertain"] == each
            assert states["uncertain"] <= SUB_BATCH * kills
    print(f"tries that were under way when their worker was killed: {open_tries}")
    assert open_tries, "no kill came while anything was under way"
    assert {message_id for _, message_id in received} <= {message_id for _, message_id, _ in rows}
