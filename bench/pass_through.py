"""A payment day passed on to funders, beside the driver's own way to write the very rows it booked, in the same run.

Each loan is funded by as many people, on days of their own, and a tenth of them sold a third since. The first day is passed
on in a book of a tenth of the loans and in the whole one, which says how the time grows with the book; then the next day,
with what was passed on before in the way. What passes on is a process of its own, so that its memory is its own.

On SQLite seconds are of the processor, of which other programs take nothing; on PostgreSQL, whose server is another
process, they are of the clock.

Run: python -m bench.pass_through [--loans 1000] [--funders 100] [--database sqlite|postgresql|both]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, event, text

from app.persistence import schema
from app.persistence.db import db
from app.persistence.unit_of_work import close_session, reading
from app.services.funding_checks import check_funding
from app.services.pass_through import pass_on_due
from bench.books.funding import KNOWN_AT, PAID_AT, build_funded_book, pay_again
from bench.books.loading import write_rows
from bench.credit_file import _peak_mib
from bench.import_rows import postgresql
from bench.sweep import RAW_ROUNDS, app_on, databases, in_process, make_copy

TABLE = "pass_through_entries"


@dataclass(frozen=True)
class PassedOn:
    """What a payment day took."""

    rows: int
    seconds: float
    statements: int
    peak_mib: float

    @property
    def rows_a_second(self) -> float:
        """Rows booked a second."""
        return self.rows / self.seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=1_000)
    parser.add_argument("--funders", type=int, default=100)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        if given.database != "postgresql":
            urls = [f"sqlite:///{work / 'small.db'}", f"sqlite:///{work / 'whole.db'}"]
            measure("sqlite", urls, work, given.loans, given.funders)
        url = stack.enter_context(postgresql(work)) if given.database != "sqlite" else None
        if url:
            with databases(url, "small", "whole") as urls:
                measure("postgresql", urls, work, given.loans, given.funders)


def measure(name: str, urls: list[str], folder: Path, loans: int, funders: int) -> None:
    """Build both books, pass on, and print."""
    small, whole = urls
    in_process(partial(build, loans // 10, funders), small, folder)
    in_process(partial(build, loans, funders), whole, folder)
    tenth = in_process(partial(day, 0), small, folder)
    first = in_process(partial(day, 0), whole, folder)
    raw = in_process(raw_seconds, whole, folder)
    second = in_process(partial(day, 1), whole, folder)
    print(
        f"{name}: {loans} loans of {funders} funders; {first.rows} rows in {first.seconds:.2f} s, {first.statements}"
        f" statements, raw {raw:.2f} s; the next day {second.rows} rows in {second.seconds:.2f} s"
    )
    print(f"figure pass_through_{name} {first.rows_a_second:,.0f} rows/s")
    print(f"figure pass_through_next_day_{name} {second.rows_a_second:,.0f} rows/s")
    print(f"ratio pass_through_to_raw_inserts_{name} {first.seconds / raw:.1f} x")
    print(f"ratio pass_through_growth_{name} {tenth.rows_a_second / first.rows_a_second:.2f} x max 1.5")
    print(f"figure pass_through_memory_{name} {tenth.peak_mib:.0f} MiB with a tenth, {first.peak_mib:.0f} with all")


def build(loans: int, funders: int, url: str, folder: Path) -> None:
    """Make a book in an empty database."""
    with app_on(url, folder, now=KNOWN_AT):
        schema.upgrade(db.engine)
        close_session()
        build_funded_book(db.engine, loans=loans, funders=funders)


def day(number: int, url: str, folder: Path) -> PassedOn:
    """Pass on a payment day, and hold it against the ledger."""
    now, statements = PAID_AT[number], 0

    def one(*_: object) -> None:
        nonlocal statements
        statements += 1

    with app_on(url, folder, now=now) as engine:
        if number:
            pay_again(engine)
        ticking = _ticking(engine)
        event.listen(engine, "before_cursor_execute", one)
        started = ticking()
        rows = pass_on_due(now=now)
        seconds = ticking() - started
        event.remove(engine, "before_cursor_execute", one)
        peak = _peak_mib()
        with reading() as session:
            lender_id = session.execute(text("SELECT id FROM lenders")).scalar_one()
            found = check_funding(session, str(lender_id))
        assert rows, "nothing was passed on"
        assert not found.differences, found.differences[:3]
        return PassedOn(rows, seconds, statements, peak)


def raw_seconds(url: str, folder: Path) -> float:
    """Return how long the driver takes to write the rows that were booked into an empty table of the same form."""
    with (
        app_on(url, folder, now=PAID_AT[0]) as engine,
        engine.connect().execution_options(duecourse_writes=True) as connection,
    ):
        is_sqlite = connection.dialect.name == "sqlite"
        cursor = connection.connection.cursor()
        cursor.execute(f"SELECT * FROM {TABLE}")
        rows, columns = cursor.fetchall(), [column[0] for column in cursor.description]
        make_copy(cursor, TABLE, is_sqlite=is_sqlite)
        connection.commit()
        times, ticking = [], _ticking(engine)
        for _ in range(RAW_ROUNDS):
            connection.execute(text("SELECT 1"))
            started = ticking()
            write_rows(connection, f"bare_{TABLE}", columns, rows)
            connection.commit()
            times.append(ticking() - started)
            connection.execute(text(f"DELETE FROM bare_{TABLE}" if is_sqlite else f"TRUNCATE bare_{TABLE}"))
            connection.commit()
        return statistics.median(times)


def _ticking(engine: Engine) -> Callable[[], float]:
    return time.process_time if engine.dialect.name == "sqlite" else time.perf_counter


if __name__ == "__main__":
    main()
