"""Receipts that come while the engine records what it sent, from several web processes at once."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.channels.base import DeliveryResult, Outcome, Outgoing
from app.domain.deliveries import Callback, DeliveryReport, Told
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import db
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading
from app.services.callback_posts import apply_waiting, take_callback
from tests.builders.access import a_borrower
from tests.builders.messages import queue_message
from tests.builders.sent import a_sent, message
from tests.conftest import KEYS, START

pytestmark = pytest.mark.both
ROOT = Path(__file__).resolve().parents[2]


class EagerProvider:
    """Tells of each message before it answers that it took it, as providers do: from other threads, all at once."""

    name, provider = "sms", "paper"

    def __init__(self, app: Flask) -> None:
        self._app, self.threads, self.errors = app, list[threading.Thread](), list[BaseException]()

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        reports = [
            DeliveryReport(f"{told}/{one.message_id}", told, f"ref-{one.message_id}", by_id)
            for one in batch
            for told, by_id in ((Told.SENT, None), (Told.DELIVERED, one.message_id))
        ]
        for turn in range(3):
            mine = list(reversed(reports)) if turn % 2 else reports
            thread = threading.Thread(target=self._tell, args=(mine,))
            self.threads.append(thread)
            thread.start()
        time.sleep(0.005)
        return [DeliveryResult(Outcome.ACCEPTED, f"ref-{one.message_id}") for one in batch]

    def _tell(self, reports: list[DeliveryReport]) -> None:
        with self._app.app_context():
            try:
                take_callback(Callback("paper", reports=reports, is_signed=True), b"", now=START)
            except BaseException as error:  # told by the test
                self.errors.append(error)
            finally:
                db.session.remove()

    def close(self) -> None:
        pass


def test_receipts_and_the_engine_are_not_in_each_others_way(app: Flask) -> None:
    ids = []
    for _ in range(30):
        borrower_id, _ = a_borrower()
        ids += [queue_message(borrower_id, "sms", now=START) for _ in range(2)]
    provider = EagerProvider(app)

    Engine(Dispatcher({"sms": provider}, owner="tester")).dispatch_all()
    for thread in provider.threads:
        thread.join(60)
    while apply_waiting(now=clock.now()):
        pass

    assert provider.errors == []
    assert {message(each).state for each in ids} == {"delivered"}
    with reading() as session:
        outcomes = session.execute(
            select(DeliveryReceiptRow.outcome, func.count()).group_by(DeliveryReceiptRow.outcome)
        ).all()
    assert sum(count for _, count in outcomes) == 2 * len(ids)
    assert {outcome for outcome, _ in outcomes} <= {"applied", "no_change"}


PROCESS = """
import json, sys, time
from datetime import datetime
from pathlib import Path
from app.domain.deliveries import Callback, DeliveryReport, Told
from app.factory import create_app
from app.services.callback_posts import apply_waiting, take_callback
from config import Settings

told = json.loads(sys.stdin.readline())
keys = {name: bytes.fromhex(key) for name, key in told["keys"].items()}
settings = Settings(mode="production", database_url=told["url"], keys=keys, var_dir=Path(told["var_dir"]))
app = create_app(settings, serves=False)
now = datetime.fromisoformat(told["now"])
reports = [DeliveryReport(f"e{n}", Told.FAILED, f"r{n}", verdict="suspect") for n in range(told["count"])]
if told["turn"]:
    reports.reverse()
with app.app_context():
    print("ready", flush=True)
    sys.stdin.readline()
    print(take_callback(Callback("paper", reports=reports, is_signed=True), b"post", now=now), flush=True)
"""


def test_two_processes_that_get_the_same_post_at_one_instant_take_it_once(app: Flask, tmp_path: Path) -> None:
    borrower_id, _ = a_borrower(phone="+8613987653333")
    ids = [a_sent(borrower_id, now=START, reference=f"r{n}") for n in range(20)]
    url = db.engine.url.render_as_string(hide_password=False)
    told: dict[str, Any] = {
        "url": url, "var_dir": str(tmp_path), "count": len(ids), "now": START.isoformat(),
        "keys": {name: key.hex() for name, key in KEYS.items()},
    }  # fmt: skip

    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        for turn, process in enumerate(processes):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({**told, "turn": turn}) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        fresh = [int(process.communicate(timeout=60)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
    while apply_waiting(now=START):
        pass

    assert sum(fresh) == len(ids)
    assert {(message(each).state, message(each).version) for each in ids} == {("failed", 2)}
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(DeliveryReceiptRow)) == len(ids)
        assert [row.state for row in session.scalars(select(EndpointRow))] == ["suspect"]
        assert session.scalar(select(func.count()).select_from(MessageRow)) == len(ids)
