"""What it costs to find a borrower by phone and open their page, in a book of 10 000 and of a million borrowers.

CPU time of one process (time.process_time) with every duty (session of staff, exact limit, two audit rows, log, metrics,
masks), interleaved rounds, medians, through the WSGI interface, another borrower each time. The baseline is a bare Flask
app on the same engine: one SQLAlchemy Core select of one row by primary key, as JSON. What the PostgreSQL server spends is
not in CPU; the time on the clock is told beside it.

Run: python -m bench.desk_page [--borrowers 1000000] [--database sqlite|postgresql|both] [--rounds N].
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson
from flask import Flask
from sqlalchemy import event

from app import clock, logs
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db, vault
from app.persistence.ids import new_id
from app.persistence.models.staff import StaffAccountRow, StaffMembershipRow
from app.persistence.unit_of_work import close_session, unit_of_work
from app.services import borrower_search
from app.services.limits import Limit
from app.services.staff_sessions import open_session
from app.web.rate_limit import ReadLimit
from bench.balance_endpoint import baseline_app, caller, cpu_per_request
from bench.books.desk import NOW, build_desk_book, opened_numbers, phone_of
from bench.import_rows import postgresql
from bench.sweep import databases
from config import Settings

SMALL = 10_000
MOST_STATEMENTS = 10
MOST_GROWTH = 1.5
"""CPU in the large book over CPU in the small one."""
LEAST_RATIO = {"sqlite": 0.015, "postgresql": 0.025}
"""One Core select over search and page, in the large book."""
PER_ROUND = 40


@dataclass(frozen=True, slots=True)
class Desk:
    """A book with somebody at its desk."""

    app: Flask
    borrowers: int
    once: Callable[[], Any]
    """Search for the next borrower and open them."""
    common: Callable[[str], Any]
    """Search for a word that many share."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--borrowers", type=int, default=200_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        if given.database != "postgresql":
            urls = [f"sqlite:///{work / 'small.db'}", f"sqlite:///{work / 'large.db'}"]
            measure("sqlite", urls, work, given.borrowers, given.rounds)
        url = stack.enter_context(postgresql(work)) if given.database != "sqlite" else None
        if url:
            with databases(url, "small", "large") as urls:
                measure("postgresql", urls, work, given.borrowers, given.rounds)


def measure(kind: str, urls: list[str], folder: Path, borrowers: int, rounds: int) -> None:
    """Print the figures of one database."""
    small, large = (make_desk(url, folder, size) for url, size in zip(urls, (SMALL, borrowers), strict=True))
    bare = baseline(large)
    statements = max(statements_of(desk) for desk in (small, large))
    for call in (small.once, large.once, bare):
        cpu_per_request(call, 2 * PER_ROUND)
    taken: dict[str, list[float]] = {"bare": [], "small": [], "large": []}
    clocked: dict[str, list[float]] = {"small": [], "large": []}
    for _ in range(rounds):
        taken["bare"].append(cpu_per_request(bare, 10 * PER_ROUND))
        for name, desk in (("small", small), ("large", large)):
            began = time.perf_counter()
            taken[name].append(cpu_per_request(desk.once, PER_ROUND))
            clocked[name].append((time.perf_counter() - began) / PER_ROUND)
    us = {name: statistics.median(values) * 1e6 for name, values in taken.items()}
    wall = {name: statistics.median(values) * 1e6 for name, values in clocked.items()}
    print(
        f"{kind}: core select {us['bare']:.0f} us; search by phone + page, CPU (clock): {SMALL} borrowers "
        f"{us['small']:.0f} us ({wall['small']:.0f}), {borrowers} borrowers {us['large']:.0f} us ({wall['large']:.0f})"
    )
    for word in ("0007", "wang", "wang fangping"):
        times = {desk.borrowers: clock_of(lambda desk=desk, word=word: desk.common(word)) for desk in (small, large)}  # type: ignore[misc]
        print(f"{kind}: search {word!r}: " + ", ".join(f"{size} borrowers {ms:.1f} ms" for size, ms in times.items()))
    print(
        f"ratio desk_page_{kind} {us['bare'] / us['large']:.3f} of_core_select min {LEAST_RATIO[kind]}",
        f"ratio desk_page_growth_{kind} {us['large'] / us['small']:.2f} large_over_small max {MOST_GROWTH}",
        f"figure desk_page_statements_{kind} {statements} statements max {MOST_STATEMENTS}",
        sep="\n",
        flush=True,
    )


def make_desk(url: str, folder: Path, borrowers: int) -> Desk:
    """Build a book and sit down at its desk."""
    settings = Settings(mode="production", database_url=url, keys={"b1": bytes(range(1, 33))}, var_dir=folder)
    app = create_app(settings)
    logs.configure("INFO", open(os.devnull, "w"))
    clock.use(lambda: NOW)  # the app has set its own
    app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
    borrower_search.SEARCHES = Limit("desk_search", 10**9, timedelta(hours=1))
    began = time.perf_counter()
    with app.app_context():
        schema.upgrade(db.engine)
        lender_id = build_desk_book(db.engine, vault(), borrowers=borrowers)
        token = seat(lender_id)
        close_session()
    print(f"{url.partition(':')[0]}: {borrowers} borrowers made in {time.perf_counter() - began:.0f} s", flush=True)
    numbers = cycle(opened_numbers(borrowers))
    search = poster(app, token)

    def once() -> bytes:
        number = next(numbers)
        found = orjson.loads(search(phone_of(number)))
        (hit,) = found["hits"]
        return caller(app, f"/v1/desk/borrowers/{hit['borrower_no']}", token, "reason=caller")()

    return Desk(app, borrowers, once, search)


def seat(lender_id: str) -> str:
    """Make a member of staff who is signed in; return the token of the session."""
    staff_id = new_id()
    with unit_of_work() as work:
        digest = work.vault.search_hash("staff_email", "bench@example.test")
        work.session.add(
            StaffAccountRow(
                id=staff_id, name="Bench", name_folded="bench", email_digest=digest.digest, email_key_id=digest.key_id,
                email_sealed=work.vault.seal("bench@example.test", place=f"staff_accounts.email:{staff_id}"),
                state="active", languages=[], created_at=NOW, created_by="bench",
            )
        )  # fmt: skip
        work.session.flush()
        work.session.add(StaffMembershipRow(staff_id=staff_id, lender_id=lender_id, role="agent", teams=[], since_at=NOW))
        return open_session(work, staff_id, lender_id, label="bench", now=NOW).token


def poster(app: Flask, token: str) -> Callable[[str], bytes]:
    """A function that searches for a text and returns the body."""
    client = app.test_client(use_cookies=False)
    headers = {"Authorization": f"Bearer {token}"}

    def call(text: str) -> bytes:
        answer = client.post("/v1/desk/borrowers/search", json={"text": text}, headers=headers)
        if answer.status_code != 200:
            raise SystemExit(f"search: {answer.status_code} {answer.get_data(as_text=True)}")
        return answer.get_data()

    return call


def baseline(desk: Desk) -> Callable[[], bytes]:
    """One Core select of one of the loans."""
    with desk.app.app_context():
        connection = db.engine.raw_connection()
        cursor = connection.cursor()
        cursor.execute("SELECT id FROM loans LIMIT 1")
        (loan_id,) = cursor.fetchone()
        connection.close()
    return caller(baseline_app(desk.app), f"/loans/{loan_id}")


def statements_of(desk: Desk) -> int:
    """How many statements it takes to prove the session twice, search and open."""
    seen: list[str] = []
    with desk.app.app_context():
        engine = db.engine

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    desk.once()
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def clock_of(call: Callable[[], Any], times: int = 5) -> float:
    """Milliseconds on the clock, the median of a few."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
