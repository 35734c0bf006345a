"""A day's sweep over a book of full cases, beside the driver's own way to write the very rows it wrote, in the same run.

A seventh of the loans has a step on the day. Always as many borrowers come an hour before the others: their sweep in a book
of a tenth of the size and in the whole one says how the time grows with the book. What sweeps is a process of its own, so
that its memory is its own.

Run: python -m bench.sweep [--loans 1000000] [--database sqlite|postgresql|both]. PostgreSQL only where the embedded server
is installed.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.orm import Session

from app import clock
from app.engine.dispatch import Dispatcher
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db, vault
from app.persistence.models.reminders import DecisionRow
from app.persistence.unit_of_work import close_session, reading
from app.services.policies import ensure_default_policy
from app.services.reminders import SWEEP_BATCH, sweep
from bench.books.loading import write_rows
from bench.books.reminders import BEFORE, FIRST_WAVE_AT, KNOWN_AT, SECOND_WAVE_AT, build_reminder_book
from bench.import_rows import postgresql
from config import Settings

KEYS = {"b1": bytes(range(1, 33))}
WRITTEN = ("contacts", "messages", "decisions", "decision_events")
WRITTEN_AT = {"contacts": "created_at", "messages": "created_at", "decisions": "decided_at", "decision_events": "at"}
IDLE_TICKS = 200
RAW_ROUNDS = 3
SMALL_BATCH = 50
_T = TypeVar("_T")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=20_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        if given.database != "postgresql":
            measure("sqlite", [f"sqlite:///{work / 'small.db'}", f"sqlite:///{work / 'whole.db'}"], work, given.loans)
        url = stack.enter_context(postgresql(work)) if given.database != "sqlite" else None
        if url:
            with databases(url, "small", "whole") as urls:
                measure("postgresql", urls, work, given.loans)


@contextmanager
def databases(url: str, *names: str) -> Iterator[list[str]]:
    """Make databases beside that of the url; return their urls."""
    import psycopg  # noqa: PLC0415 - an optional part

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
    yield [_renamed(url, name) for name in names]


def _renamed(url: str, name: str) -> str:
    base, _, options = url.partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")


def measure(name: str, urls: list[str], folder: Path, loans: int) -> None:
    """Build both books, sweep them, and print."""
    small, whole = urls
    build(small, folder, loans // 10)
    build(whole, folder, loans)
    idle_ms = in_process(idle_tick_ms, whole, folder)
    few_ms, many_ms = in_process(constant_work_ms, f"{small} {whole}", folder)
    main_part = in_process(swept_rest, whole, folder)
    raw_seconds = in_process(raw_write_seconds, whole, folder)
    print(
        f"{name}: {loans} loans; {main_part.decisions} decisions about {main_part.borrowers} borrowers in"
        f" {main_part.seconds:.2f} s ({main_part.cpu_seconds:.2f} s CPU of its own), raw {raw_seconds:.2f} s; a batch of"
        f" constant work {few_ms:.1f} ms with {loans // 10} loans, {many_ms:.1f} ms with all"
    )
    print(f"figure sweep_decisions_{name} {main_part.decisions / main_part.seconds:.0f} decisions/s min 1000")
    print(f"ratio sweep_to_raw_write_{name} {raw_seconds / main_part.seconds:.4f} x min 0.0125")
    print(f"ratio sweep_growth_{name} {many_ms / few_ms:.2f} x max 1.5")
    print(f"figure sweep_statements_{name} {main_part.statements} statements/batch max 20")
    print(f"figure sweep_memory_{name} {main_part.peak_mib:.0f} MiB max 300")
    print(f"figure idle_tick_{name} {idle_ms:.2f} ms max 20")


def build(url: str, folder: Path, loans: int) -> None:
    """Make a book in an empty database."""
    started = time.perf_counter()
    with app_on(url, folder, now=BEFORE):
        schema.upgrade(db.engine)
        ensure_default_policy(now=KNOWN_AT - timedelta(days=30))
        close_session()
        build_reminder_book(db.engine, vault(), loans=loans)
    print(f"# {url.partition(':')[0]}: a book of {loans} loans in {time.perf_counter() - started:.0f} s", flush=True)


def settings(url: str, folder: Path) -> Settings:
    """Return the settings of the program on a database."""
    return Settings(mode="production", database_url=url, keys=KEYS, var_dir=folder, log_level="ERROR")


@contextmanager
def app_on(url: str, folder: Path, *, now: datetime) -> Iterator[Engine]:
    """Run with the program on a database, its clock standing still."""
    app = create_app(settings(url, folder))
    clock.use(lambda: now)
    with app.app_context():
        yield db.engine
        close_session()
        db.engine.dispose()


def in_process(act: Callable[[str, Path], _T], url: str, folder: Path) -> _T:
    """Run in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(act, url, folder).result()


@dataclass(frozen=True)
class Swept:
    """What a sweep came to."""

    decisions: int
    borrowers: int
    seconds: float
    cpu_seconds: float
    statements: int
    peak_mib: float


def constant_work_ms(urls: str, folder: Path) -> tuple[float, float]:
    """Sweep those that come first, batch by batch in both books in turn; return the median of each, milliseconds.

    In turn, so that what else the machine does meanwhile slows both alike.
    """
    clock.use(lambda: FIRST_WAVE_AT)
    apps = [create_app(settings(url, folder)) for url in urls.split()]
    times: list[list[float]] = [[] for _ in apps]
    done = 1
    while done:
        for app, mine in zip(apps, times, strict=True):
            with app.app_context():
                started = time.perf_counter()
                done = sweep(now=FIRST_WAVE_AT, limit=SMALL_BATCH)
                if done == SMALL_BATCH:  # the last one is smaller
                    mine.append(time.perf_counter() - started)
                close_session()
    for app in apps:
        with app.app_context():
            db.engine.dispose()
    few, many = (1000 * statistics.median(mine) for mine in times)
    return few, many


def swept_rest(url: str, folder: Path) -> Swept:
    """Sweep all others, two batches of them beforehand to see that a smaller batch needs as many statements."""
    with app_on(url, folder, now=SECOND_WAVE_AT) as engine:
        with counted(engine) as small:
            sweep(now=SECOND_WAVE_AT, limit=SMALL_BATCH)
        with counted(engine) as large:
            sweep(now=SECOND_WAVE_AT)
        assert all(large[kind] == times for kind, times in small.items() if kind in large), "statements grow with the batch"
        return swept(engine, SECOND_WAVE_AT)


def swept(engine: Engine, now: datetime) -> Swept:
    """Sweep until nobody is due."""
    borrowers, most = 0, 0
    with reading() as session:
        before = count_decisions(session, now)
    close_session()
    started, cpu = time.perf_counter(), time.process_time()
    while True:
        with counted(engine) as statements:
            done = sweep(now=now)
        borrowers, most = borrowers + done, max(most, statements.total())
        if done < SWEEP_BATCH:
            break
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    with reading() as session:
        decisions = count_decisions(session, now) - before
    assert decisions >= borrowers > 0
    return Swept(decisions, borrowers, seconds, cpu, most, peak_mib())


@contextmanager
def counted(engine: Engine) -> Iterator[Counter[str]]:
    """Count the statements run meanwhile, by their text up to a list of values."""
    statements: Counter[str] = Counter()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements[statement.split(" IN (")[0]] += 1

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def count_decisions(session: Session, now: datetime) -> int:
    """Return how many were decided at an instant."""
    return session.scalar(select(func.count()).select_from(DecisionRow).where(DecisionRow.decided_at == now)) or 0


def peak_mib() -> float:
    """Return the most memory this process has held, without what its parent held before it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def idle_tick_ms(url: str, folder: Path) -> float:
    """Return the median of a sweep and both lanes that find nothing, milliseconds."""
    with app_on(url, folder, now=BEFORE):
        dispatcher = Dispatcher({}, owner="bench")
        times = []
        for _ in range(IDLE_TICKS):
            started = time.perf_counter()
            done = sweep(now=BEFORE) + dispatcher.run_once(now=BEFORE, lane="security") + dispatcher.run_once(now=BEFORE)
            times.append(time.perf_counter() - started)
            assert done == 0
        return 1000 * statistics.median(times)


def raw_write_seconds(url: str, folder: Path) -> float:
    """Return how long the driver takes to write the rows of the second sweep into empty tables of the same form."""
    with (
        app_on(url, folder, now=SECOND_WAVE_AT) as engine,
        engine.connect().execution_options(duecourse_writes=True) as connection,
    ):
        is_sqlite = connection.dialect.name == "sqlite"
        cursor = connection.connection.cursor()
        moment = int(SECOND_WAVE_AT.timestamp() * 1_000_000)
        rows, columns = {}, {}
        for name in WRITTEN:
            cursor.execute(f"SELECT * FROM {name} WHERE {WRITTEN_AT[name]} = {moment}")
            rows[name], columns[name] = cursor.fetchall(), [column[0] for column in cursor.description]
            make_copy(cursor, name, is_sqlite=is_sqlite)
        connection.commit()
        times = []
        for _ in range(RAW_ROUNDS):
            connection.execute(text("SELECT 1"))
            started = time.perf_counter()
            for name in WRITTEN:
                write_rows(connection, f"bare_{name}", columns[name], rows[name])
            connection.commit()
            times.append(time.perf_counter() - started)
            for name in WRITTEN:
                connection.execute(text(f"DELETE FROM bare_{name}" if is_sqlite else f"TRUNCATE bare_{name}"))
            connection.commit()
        return statistics.median(times)


def make_copy(cursor: Any, name: str, *, is_sqlite: bool) -> None:
    """Make an empty table of the same columns, keys and indexes, with `bare_` before its name."""
    if not is_sqlite:
        cursor.execute(f"CREATE TABLE bare_{name} (LIKE {name} INCLUDING ALL)")
        return
    cursor.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC", (name,))
    for (sql,) in cursor.fetchall():
        made = sql.replace(f'"{name}"', name).replace(f"CREATE TABLE {name}", f"CREATE TABLE bare_{name}")
        cursor.execute(made.replace(f"ON {name} (", f"ON bare_{name} (").replace("INDEX ", "INDEX bare_", 1))


if __name__ == "__main__":
    main()
