"""A rehearsal of 90 days over a book with whole ledgers, paid as scheduled: how long, how many decisions, how much memory.

The book is rehearsed in one process, whose memory is its own and must not grow on the way; then in as many processes as
there are processors.

Run: python -m bench.rehearsal [--loans 100000].
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from app.persistence import schema
from app.persistence.db import db, vault
from app.persistence.unit_of_work import close_session
from app.services.policies import ensure_default_policy
from app.services.rehearsals.runs import RehearsalResult, rehearse
from app.services.rehearsals.settings import RehearsalSettings
from bench.books.rehearsal import KNOWN_AT, NOW, TODAY, build_rehearsal_book
from bench.sweep import app_on, in_process, peak_mib

DAYS = 90
LOANS = 100_000
"""What times are told for."""
MINUTES_LIMIT = 20
"""Of one processor's own time; as many processes as there are processors divide it."""
GROWTH_LIMIT = 1.15
"""Of the memory at the end to that at half of the book."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal came to."""

    seconds: float
    cpu_seconds: float
    events: int
    peak_mib: float
    half_way_mib: float
    digest: str


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=2_000)
    loans = parser.parse_args().loans
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder:
        work = Path(folder)
        url = f"sqlite:///{work / 'book.db'}"
        build(url, work, loans)
        whole = in_process(rehearsed, url, work)
        apart = in_process(rehearsed_apart, url, work)
    assert whole.digest == apart.digest, "as many processes as there are must come to the same"
    share = LOANS / loans / 60
    print(f"figure rehearsal_minutes {whole.cpu_seconds * share:.1f} CPU min/100k loans x {DAYS} days max {MINUTES_LIMIT}")
    print(f"figure rehearsal_minutes_one {whole.seconds * share:.1f} min/100k loans x {DAYS} days, one process")
    print(
        f"figure rehearsal_minutes_all {apart.seconds * share:.1f} min/100k loans x {DAYS} days, {os.cpu_count()} processes"
    )
    print(f"figure rehearsal_decisions {whole.events / whole.cpu_seconds:.0f} /s of CPU time, with reading the book")
    print(f"figure rehearsal_memory {whole.peak_mib:.0f} MiB max 300")
    growth = whole.peak_mib / whole.half_way_mib
    print(f"figure rehearsal_memory_growth {growth:.2f} x from half of the book to its end max {GROWTH_LIMIT}")


def build(url: str, folder: Path, loans: int) -> None:
    """Make a book in an empty database."""
    with app_on(url, folder, now=NOW):
        schema.upgrade(db.engine)
        ensure_default_policy(now=KNOWN_AT)
        close_session()
        borrowers = build_rehearsal_book(db.engine, vault(), loans=loans)
    print(f"# a book of {loans} loans of {borrowers} borrowers", flush=True)


def rehearsed(url: str, _folder: Path) -> Rehearsed:
    """Rehearse in this process."""
    return _timed(url, workers=1)


def rehearsed_apart(url: str, _folder: Path) -> Rehearsed:
    """Rehearse in as many processes as there are processors."""
    return _timed(url, workers=os.cpu_count() or 1)


def _timed(url: str, workers: int) -> Rehearsed:
    settings = RehearsalSettings("active", TODAY, DAYS, payments="scheduled")
    half_way: list[float] = []

    def look(done: int, total: int) -> None:
        if not half_way and done * 2 >= total:
            half_way.append(peak_mib())

    started, cpu_started = time.perf_counter(), time.process_time()
    result: RehearsalResult = rehearse(url, settings, now=NOW, workers=workers, progress=look)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    assert result.undecidable == 0, "a case could not be decided"
    return Rehearsed(seconds, cpu_seconds, result.tally.events.total(), peak_mib(), half_way[0], result.digest)


if __name__ == "__main__":
    main()
