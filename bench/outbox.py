"""The outbox at work with a channel that takes everything at once, and a one-time code's wait while a sweep is busy.

Measured twice over the same messages: what every message pays to the outbox (claim a hundred, compare before each sub-batch,
mark the hundred, as the dispatcher does where a channel keeps that many in flight), and the whole dispatch, with targets
found, texts and addresses opened, and attempts written around the wire.

Run: python -m bench.outbox [--loans 20000] [--database sqlite|postgresql|both]. PostgreSQL only where the embedded server is
installed.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy import func, select, update

from app import clock
from app.channels.base import DeliveryResult, Outcome, Outgoing
from app.engine.dispatch import CLAIM_BATCH, Dispatcher
from app.engine.routes import SUB_BATCH
from app.persistence.db import db, vault
from app.persistence.ids import new_id
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.queries import outbox
from app.persistence.queries.outbox import Settlement
from app.persistence.unit_of_work import close_session, looking, peeking, reading, unit_of_work
from app.services.reminders import SWEEP_BATCH, sweep
from bench.books.reminders import BEFORE, SECOND_WAVE_AT, queue_messages
from bench.import_rows import postgresql
from bench.sweep import app_on, build

LIMITS = {"sqlite": 40_000, "postgresql": 8_000}
LEASE = timedelta(seconds=120)


class NoChannel:
    """Takes everything at once; as many in flight as push over libcurl has (channels/push.py)."""

    name, provider, batch = "push", "none", 500

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Accept."""
        return [DeliveryResult(Outcome.ACCEPTED)] * len(batch)

    def close(self) -> None:
        """Nothing to close."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=20_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        if given.database != "postgresql":
            measure("sqlite", f"sqlite:///{work / 'book.db'}", work, given.loans)
        url = stack.enter_context(postgresql(work)) if given.database != "sqlite" else None
        if url:
            measure("postgresql", url, work, given.loans)


def measure(name: str, url: str, folder: Path, loans: int) -> None:
    """Queue a message for everyone with a phone, hand all over in both ways, then sweep."""
    build(url, folder, loans)
    with app_on(url, folder, now=BEFORE):
        count = queue_messages(db.engine, vault())
        cpu = time.process_time()
        bare_seconds = claimed_compared_marked()
        bare_cpu = time.process_time() - cpu
        assert waiting() == 0
        assert queue_messages(db.engine, vault()) == count
        cpu = time.process_time()
        whole_seconds = handed_over()
        whole_cpu = time.process_time() - cpu
        assert waiting() == 0
    with app_on(url, folder, now=SECOND_WAVE_AT):
        waits = waits_while_sweeping(current_app._get_current_object())  # type: ignore[attr-defined]
    print(
        f"{name}: {count} messages claimed, compared and marked in {bare_seconds:.2f} s ({bare_cpu:.2f} s CPU of its own),"
        f" dispatched in {whole_seconds:.2f} s ({whole_cpu:.2f} s)"
    )
    print(f"figure outbox_{name} {count / bare_seconds:.0f} messages/s min {LIMITS[name]}")
    print(f"figure dispatch_{name} {count / whole_seconds:.0f} messages/s min 1500")
    print(f"figure code_during_sweep_{name} {1000 * max(waits):.0f} ms max 1000")


def claimed_compared_marked() -> float:
    """Do what the dispatcher does to the outbox alone; return the seconds from first claim to last record."""
    started = time.perf_counter()
    goes_on = False
    while True:
        now = machine_now = clock.now()
        if not goes_on:
            with looking() as session:
                if not outbox.exists_claimable(session, "push", now=now, machine_now=machine_now):
                    break
        with unit_of_work() as work:
            claimed = outbox.claim_batch(work.session, "push", now=now, machine_now=machine_now, limit=CLAIM_BATCH)
            goes_on = len(claimed) == CLAIM_BATCH
            ids = [message.id for message in claimed if message.is_current]
            outbox.mark_sending(work.session, ids, owner="bench", leased_until=machine_now + LEASE)
        claims = {message.id: message.attempts + 1 for message in claimed}
        current: set[str] = set()
        for start in range(0, len(claimed), SUB_BATCH):
            with peeking() as connection:
                some = {message.id: claims[message.id] for message in claimed[start : start + SUB_BATCH]}
                current |= outbox.find_current(connection, some)
        with unit_of_work() as work:
            outbox.mark_outcomes(
                work.session, [Settlement(key, claims[key], "sent", None, now, now) for key in sorted(current)]
            )
    close_session()
    return time.perf_counter() - started


def handed_over() -> float:
    """Hand everything over; return the seconds from first claim to last record."""
    dispatcher = Dispatcher({"push": NoChannel()}, owner="bench", claim_batch=CLAIM_BATCH)
    started = time.perf_counter()
    while dispatcher.run_once(now=clock.now()):
        pass
    seconds = time.perf_counter() - started
    with reading() as session:
        attempts = select(func.count()).select_from(DeliveryAttemptRow)
        assert session.scalar(attempts.where(DeliveryAttemptRow.outcome == "accepted")) == session.scalar(attempts)
    return seconds


def waiting() -> int:
    """Return how many messages have not come to an end."""
    with reading() as session:
        statement = select(func.count()).select_from(MessageRow).where(MessageRow.state.in_(("queued", "sending", "stale")))
        return session.scalar(statement) or 0


def waits_while_sweeping(app: Flask) -> list[float]:
    """Sweep everyone; meanwhile ask for the write lock as a one-time code would. Returns the seconds it waited each time."""
    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        with app.app_context():
            while not done.wait(0.05):
                started = time.perf_counter()
                with unit_of_work() as work:
                    work.session.execute(update(MessageRow).where(MessageRow.id == new_id()).values(version=1))
                waits.append(time.perf_counter() - started)
            close_session()

    asking = threading.Thread(target=ask)
    asking.start()
    while sweep(now=SECOND_WAVE_AT) == SWEEP_BATCH:
        pass
    done.set()
    asking.join()
    return waits


if __name__ == "__main__":
    main()
