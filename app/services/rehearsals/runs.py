"""Running a rehearsal: pages of borrowers, in one process or several, into counts and a digest.

It reads the database on connections that cannot write, and what it decides stays in memory: nothing here knows the outbox.
Memory does not grow with the book: a page of borrowers, the counts, and sorted runs on disk.
"""

import multiprocessing
import queue
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError, RefusedError
from app.domain.policies import Rules
from app.logs import logger
from app.persistence.db import read_only_engine
from app.persistence.queries.lenders import find_lender
from app.persistence.queries.rehearsed_books import BorrowerBook, find_boundaries, load_books, page_rehearsed
from app.services.rehearsals.lives import Life
from app.services.rehearsals.rules import rules_under
from app.services.rehearsals.settings import RehearsalSettings
from app.services.rehearsals.sorted_digest import SortedRuns, digest_of_runs
from app.services.rehearsals.tallies import Tally

PAGE = 100
"""Borrowers read at a time."""
PAST_DAYS = 400
"""How far back real contacts and messages are read, at most; caps and open contacts look back less."""
_LISTEN_SECONDS = 0.5
Progress = Callable[[int, int], None]
"""Called with (borrowers done, borrowers in all)."""


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """What a rehearsal came to."""

    starts_at: datetime
    ends_at: datetime
    borrowers: int
    digest: str
    tally: Tally
    against: Tally | None
    """What it was held against, counted alike."""
    undecidable: int = 0
    """Borrowers whose case could not be decided; the log says which."""


@dataclass
class _Part:
    """What one process has counted."""

    tally: Tally = field(default_factory=Tally)
    against: Tally | None = None
    undecidable: int = 0

    def add(self, other: "_Part") -> None:
        self.tally.add(other.tally)
        if other.against is not None:
            self.against = self.against or Tally()
            self.against.add(other.against)
        self.undecidable += other.undecidable


def rehearse(
    url: str, settings: RehearsalSettings, *, now: datetime, workers: int = 1, progress: Progress = lambda done, total: None
) -> RehearsalResult:
    """Rehearse over the book at `url`. `now`: of the book's clock. Raises ValidationError, NotFoundError, RefusedError."""
    engine = read_only_engine(url)
    try:
        with Session(engine) as session:
            rules_under(session, settings.policy, settings.channels)  # what is wrong is said before the work begins
            if settings.against is not None:
                rules_under(session, settings.against, settings.channels)
            first, total = find_boundaries(session, lender_id=_lender_id(session, settings), size=PAGE)
    finally:
        engine.dispose()
    if not first:
        raise RefusedError("There is nobody to rehearse for: import a book first (flask book import).")
    pages = list(zip(first, [*first[1:], None], strict=True))
    with tempfile.TemporaryDirectory(prefix="duecourse-rehearsal-") as folder:
        job = _Job(url, settings, now, Path(folder))
        whole = _Part()
        if workers == 1 or len(pages) == 1:
            done = 0
            for number in job.work(pages, "one", whole):
                done += number
                progress(done, total)
        else:
            _work_apart(job, pages, workers, whole, lambda done: progress(done, total))
        digest = digest_of_runs(Path(folder))
    starts_at = settings.starts_at(now)
    return RehearsalResult(starts_at, settings.ends_at, total, digest, whole.tally, whole.against, whole.undecidable)


def _lender_id(session: Session, settings: RehearsalSettings) -> str | None:
    if settings.lender is None:
        return None
    lender = find_lender(session, settings.lender)
    if lender is None:
        raise NotFoundError(f"There is no lender {settings.lender}.")
    return lender.id


@dataclass(frozen=True, slots=True)
class _Job:
    """What a process needs to know to do its part."""

    url: str
    settings: RehearsalSettings
    now: datetime
    folder: Path

    def work(self, pages: Sequence[tuple[str, str | None]], name: str, part: _Part) -> Iterator[int]:
        """Rehearse these pages into `part`; yield how many borrowers each had."""
        engine = read_only_engine(self.url)
        runs = SortedRuns(self.folder, name)
        try:
            with Session(engine) as session:
                stage = _Stage(self, session, runs, part)
                for first, until in pages:
                    ids = page_rehearsed(session, lender_id=stage.lender_id, first=first, until=until)
                    for book in load_books(session, ids, past_since=stage.past_since):
                        stage.play(book)
                    session.rollback()
                    yield len(ids)
            runs.flush()
        finally:
            engine.dispose()


class _Stage:
    """One process's rules, settings and counts."""

    def __init__(self, job: _Job, session: Session, runs: SortedRuns, part: _Part) -> None:
        self._settings, self._runs, self._part = job.settings, runs, part
        self._starts_at = job.settings.starts_at(job.now)
        self._remembers = job.settings.remembers(job.now)
        self.past_since = job.now - timedelta(days=PAST_DAYS) if self._remembers else None
        self.lender_id = _lender_id(session, job.settings)
        self._rules = rules_under(session, job.settings.policy, job.settings.channels)
        self._others: Rules | None = None
        if job.settings.against is not None:
            self._others = rules_under(session, job.settings.against, job.settings.channels)
            part.against = Tally()

    def play(self, book: BorrowerBook) -> None:
        """Rehearse one borrower."""
        lender = self._settings.lender
        try:
            life = self._live(book, self._rules)
            other = None if self._others is None else self._live(book, self._others)
        except Exception:
            logger().exception("case cannot be decided in a rehearsal", borrower_id=book.head.id)
            self._part.undecidable += 1
            return
        self._part.tally.take(life, lender)
        for record in life.records.values():
            if lender in (None, record.loan.lender_code):
                self._runs.add(life.digest_record(record))
        if other is not None and self._part.against is not None:
            self._part.against.take(other, lender)
            self._part.tally.compare(life, other, lender)

    def _live(self, book: BorrowerBook, rules: Rules) -> Life:
        life = Life(book, rules, self._settings, starts_at=self._starts_at, remembers=self._remembers)
        life.run()
        return life


def _work_apart(
    job: _Job, pages: Sequence[tuple[str, str | None]], workers: int, whole: _Part, progress: Callable[[int], None]
) -> None:
    """Do the pages in several processes; each takes every so manieth page, so that all are done at about the same time."""
    context = multiprocessing.get_context("fork")  # the program that started us may not be importable again
    told: Any = context.Queue()
    processes = [
        context.Process(target=_work_in_process, args=(job, pages[number::workers], f"part{number}", told), daemon=True)
        for number in range(workers)
    ]
    done, running = 0, len(processes)
    try:
        _start(processes)
        while running:
            try:
                said = told.get(timeout=_LISTEN_SECONDS)
            except queue.Empty:
                if any(process.exitcode for process in processes):
                    raise RefusedError("A process of the rehearsal ended before its work; the log says why.") from None
                continue
            if isinstance(said, _Part):
                whole.add(said)
                running -= 1
            else:
                done += said
                progress(done)
    finally:
        started = [process for process in processes if process.pid is not None]  # not all, where Ctrl-C came at once
        for process in started:
            process.terminate()
        for process in started:
            process.join()


def _start(processes: Sequence[BaseProcess]) -> None:
    """Start processes; a Ctrl-C that comes meanwhile is obeyed after: what is raised in a hook of a fork, Python drops."""
    if threading.current_thread() is not threading.main_thread():  # elsewhere none is heard
        for process in processes:
            process.start()
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        for process in processes:
            process.start()
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        raise KeyboardInterrupt


def _work_in_process(job: _Job, pages: Sequence[tuple[str, str | None]], name: str, told: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    part = _Part()
    for count in job.work(pages, name, part):
        told.put(count)
    told.put(part)
