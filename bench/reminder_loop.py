"""The reminder loop at size: a sweep over full cases, the outbox, an idle tick, and a one-time code while a sweep is busy.

Every borrower has two loans of twelve open rows, a phone, and a step that is due now. The sweep is set beside the driver's
fastest way to write the very rows it wrote (executemany on SQLite, COPY on PostgreSQL) into tables with the same indexes.

Run: python -m bench.reminder_loop [--borrowers 20000]. On SQLite, and on PostgreSQL where the embedded server is installed.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, insert, select, text, update

from app import clock
from app.channels.base import DeliveryResult, Outcome, Outgoing
from app.engine.dispatch import CLAIM_BATCH, Dispatcher
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import Base, db, vault
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, DecisionRow
from app.persistence.unit_of_work import close_session, reading, unit_of_work
from app.services.policies import ensure_default_policy, load_rules
from app.services.reminders import SWEEP_BATCH, sweep
from bench.import_rows import postgresql
from config import Settings

KEYS = {"b1": bytes(range(1, 33))}
NOW = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
WRITTEN = ("contacts", "messages", "decisions", "decision_events")
OUTBOX_LIMITS = {"sqlite": 40_000, "postgresql": 8_000}
CODES = 20


class NoChannel:
    """Takes everything at once."""

    name, provider = "push", "none"

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Accept."""
        return [DeliveryResult(Outcome.ACCEPTED)] * len(batch)

    def close(self) -> None:
        """Nothing to close."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--borrowers", type=int, default=20_000)
    borrowers = parser.parse_args().borrowers
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        measure("sqlite", f"sqlite:///{work / 'book.db'}", work, borrowers)
        url = stack.enter_context(postgresql(work))
        if url:
            measure("postgresql", url, work, borrowers)


def measure(name: str, url: str, folder: Path, borrowers: int) -> None:
    """Build the book, sweep it, hand everything over, and idle."""
    app = create_app(Settings(mode="production", database_url=url, keys=KEYS, var_dir=folder, log_level="ERROR"))
    clock.use(lambda: NOW)
    with app.app_context():
        schema.upgrade(db.engine)
        ensure_default_policy(now=NOW - timedelta(days=30))
        build_book(borrowers)
        analyze()
        sweep_seconds, code_seconds = swept(app)
        with reading() as session:
            decisions = session.scalar(select(func.count()).select_from(DecisionRow)) or 0
        assert decisions == 2 * borrowers
        raw_seconds = raw_write_seconds()
        outbox_seconds = handed_over()
        idle_ms = idle_tick_ms()
        close_session()
        db.engine.dispose()
    print(f"{name}: {decisions} decisions about {borrowers} borrowers in {sweep_seconds:.2f} s; raw {raw_seconds:.2f} s")
    print(f"figure sweep_decisions_{name} {decisions / sweep_seconds:.0f} decisions/s min 1000")
    print(f"ratio sweep_to_raw_write_{name} {raw_seconds / sweep_seconds:.4f} x min 0.0125")
    print(f"figure idle_tick_{name} {idle_ms:.2f} ms max 20")
    print(f"figure outbox_{name} {borrowers / outbox_seconds:.0f} messages/s min {OUTBOX_LIMITS[name]}")
    print(f"figure code_during_sweep_{name} {1000 * max(code_seconds):.0f} ms max 1000")


def build_book(borrowers: int) -> None:
    """Write the borrowers with their loans, positions and phones, straight into the tables."""
    tables = Base.metadata.tables
    with unit_of_work() as work:
        epoch = load_rules(work.session).rules_epoch  # type: ignore[union-attr]
        lender_id = new_id()
        lender = {"id": lender_id, "code": "bench", "name": "Bench", "jurisdiction": "GB", "zone": "UTC", "currency": "GBP"}
        work.session.execute(insert(tables["lenders"]), [lender | {"recorded_at": NOW}])
        for start in range(0, borrowers, 2000):
            rows: dict[str, list[dict[str, Any]]] = {
                name: [] for name in "borrowers loans plan_versions position_snapshots devices endpoints agenda".split()
            }
            for number in range(start, min(start + 2000, borrowers)):
                add_borrower(rows, number, lender_id, epoch)
            for name, given in rows.items():
                work.session.execute(insert(tables[name]), given)


def add_borrower(rows: dict[str, list[dict[str, Any]]], number: int, lender_id: str, epoch: int) -> None:
    """Add one borrower with two loans and a phone."""
    ring, borrower_id, known = vault(), new_id(), NOW - timedelta(days=60)
    rows["borrowers"].append(
        {"id": borrower_id, "borrower_no": f"B{number}", "locale": "en", "zone": "UTC", "phone_zones": ["Europe/London"],
         "flags": [], "recorded_at": known, "updated_at": known}
    )  # fmt: skip
    for loan in range(2):
        loan_id = new_id()
        rows["loans"].append(
            {"id": loan_id, "borrower_id": borrower_id, "lender_id": lender_id, "loan_no": f"L{number}-{loan}",
             "currency": "GBP", "zone": "UTC", "status": "active", "principal_minor": 120_000, "contract": {}, "marks": [],
             "anchor_no": 1, "recorded_at": known, "imported_at": known}
        )  # fmt: skip
        rows["plan_versions"].append(
            {"id": new_id(), "borrower_id": borrower_id, "loan_id": loan_id, "anchor_no": 1, "recorded_at": known,
             "imported_at": known, "watched_from_at": known, "origin": "bench", "content_hash": ""}
        )  # fmt: skip
        dates = [DUE + timedelta(days=30 * row + 2 * loan) for row in range(12)]
        rows["position_snapshots"].append(
            {"loan_id": loan_id, "borrower_id": borrower_id, "version": 1, "anchor_no": 1,
             "principal_balance_minor": 120_000, "unapplied_minor": 0,
             "open_rows": [[n, f"{on}", 9000, 1000, 0, 0] for n, on in enumerate(dates, start=1)]}
        )  # fmt: skip
    device_id, endpoint_id, token = new_id(), new_id(), f"token-{number}"
    rows["devices"].append(
        {"id": device_id, "borrower_id": borrower_id, "installation_id": token, "platform": "android", "zone": "UTC",
         "push_permission": True, "last_seen_at": known, "created_at": known}
    )  # fmt: skip
    rows["endpoints"].append(
        {"id": endpoint_id, "borrower_id": borrower_id, "device_id": device_id, "channel": "push", "address_kind": "token",
         "address_sealed": ring.seal(token, place=f"endpoints.address:{endpoint_id}"),
         "address_digest": ring.search_hash("endpoint", token).digest, "state": "active", "changed_at": known}
    )  # fmt: skip
    rows["agenda"].append(
        {"borrower_id": borrower_id, "wake_at": NOW, "case_version": 1, "decided_version": 1, "rules_epoch": epoch,
         "decided_until": NOW - timedelta(days=1), "zone": "UTC"}
    )  # fmt: skip


def analyze() -> None:
    """Let the database know its tables, as its own housekeeping would."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def swept(app: Flask) -> tuple[float, list[float]]:
    """Sweep everyone; meanwhile ask for the write lock as a one-time code would. Returns seconds of both."""
    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        with app.app_context():
            while not done.wait(0.2):
                started = time.perf_counter()
                with unit_of_work() as work:
                    work.session.execute(update(MessageRow).where(MessageRow.id == new_id()).values(version=1))
                waits.append(time.perf_counter() - started)
            close_session()

    asking = threading.Thread(target=ask)
    asking.start()
    started = time.perf_counter()
    while sweep(now=NOW) == SWEEP_BATCH:
        pass
    seconds = time.perf_counter() - started
    done.set()
    asking.join()
    return seconds, waits


def raw_write_seconds() -> float:
    """Return how long the driver takes to write the same rows, and the agenda, into tables of the same form."""
    with db.engine.connect().execution_options(duecourse_writes=True) as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        cursor = connection.connection.cursor()
        names = (*WRITTEN, "agenda")
        rows = {}
        for name in names:
            cursor.execute(f"SELECT * FROM {name}")
            rows[name] = cursor.fetchall()
            make_copy(cursor, name, is_sqlite=is_sqlite)
        connection.commit()
        connection.execute(text("SELECT 1"))
        cursor = connection.connection.cursor()
        started = time.perf_counter()
        for name in names:
            if is_sqlite:
                places = ", ".join("?" * len(rows[name][0]))
                cursor.executemany(f"INSERT INTO bare_{name} VALUES ({places})", rows[name])
            else:
                with cursor.copy(f"COPY bare_{name} FROM STDIN") as copy:
                    for row in rows[name]:
                        copy.write_row(row)
        connection.commit()
        return time.perf_counter() - started


def make_copy(cursor: Any, name: str, *, is_sqlite: bool) -> None:
    """Make an empty table of the same columns, keys and indexes, with `bare_` before its name."""
    if not is_sqlite:
        cursor.execute(f"CREATE TABLE bare_{name} (LIKE {name} INCLUDING ALL)")
        return
    cursor.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC", (name,))
    for (sql,) in cursor.fetchall():
        made = sql.replace(f'"{name}"', name).replace(f"CREATE TABLE {name}", f"CREATE TABLE bare_{name}")
        cursor.execute(made.replace(f"ON {name} (", f"ON bare_{name} (").replace("INDEX ", "INDEX bare_", 1))


def handed_over() -> float:
    """Hand everything over to a channel that does nothing; return the seconds from first claim to last record."""
    dispatcher = Dispatcher({"push": NoChannel()}, owner="bench", claim_batch=CLAIM_BATCH)
    started = time.perf_counter()
    while dispatcher.run_once(now=NOW):
        pass
    seconds = time.perf_counter() - started
    with reading() as session:
        assert not session.scalar(select(func.count()).select_from(MessageRow).where(MessageRow.state == "queued"))
    return seconds


def idle_tick_ms() -> float:
    """Return the median of a sweep and both lanes that find nothing, milliseconds."""
    dispatcher = Dispatcher({"push": NoChannel()}, owner="bench")
    with reading() as session:
        assert session.scalar(select(func.min(AgendaRow.wake_at))) > NOW
    times = []
    for _ in range(60):
        started = time.perf_counter()
        done = sweep(now=NOW) + dispatcher.run_once(now=NOW, security=True) + dispatcher.run_once(now=NOW)
        times.append(time.perf_counter() - started)
        assert done == 0
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    main()
