"""Two months of credit reports of a book, frozen from the database and made into files, beside csv.writer on the same rows.

The first month is worked out from ledgers, the next from the month before (of ten loans eight paid, two did not). Each stage
runs in a process of its own; its memory is taken page by page, and told as the most that was held in each tenth of the book.
csv.writer gets the very accounts that were frozen, read ahead a page at a time, so that it is timed alone.
"""

import csv
import gc
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from app.domain.credit_accounts import CreditAccount, account_from
from app.domain.credit_bureaus import BureauValues
from app.persistence import schema
from app.persistence.db import vault
from app.persistence.queries.credit_snapshots import get_snapshot, page_furnished
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.credit_bureaus import ask_bureau, decide_bureau
from app.services.credit_files import decide_snapshot, make_file, submit_snapshot
from app.services.credit_people import people_place
from app.services.credit_snapshots import PAGE, begin_snapshot, freeze_page
from bench.books.credit import AS_OF, NEXT_AS_OF, NEXT_NOW, NOW, build_credit_book, go_on
from bench.import_rows import postgresql
from bench.sweep import app_on, databases, in_process

CSV_ROWS = 100_000
"""Of a larger book csv.writer gets so many rows; what it takes for one does not depend on how many there are."""


@dataclass
class Stage:
    """What a stage took: seconds of processor and by the clock for so many loans, and MiB held in each tenth."""

    loans: int
    seconds: float = 0.0
    wall_seconds: float = 0.0
    tenths: list[float] = field(default_factory=list)

    def note(self, done: int) -> None:
        """Take the memory that is held now."""
        tenth = min(done * 10 // self.loans, 9)
        self.tenths += [0.0] * (tenth + 1 - len(self.tenths))
        self.tenths[tenth] = max(self.tenths[tenth], held_mib())

    @property
    def micros_a_loan(self) -> float:
        """Processor time of one loan."""
        return self.seconds / self.loans * 1e6


def measure_books(loans: int, database: str) -> None:
    """Measure on SQLite, PostgreSQL (where the embedded server is installed) or both, and print."""
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        if database != "postgresql":
            _measure("sqlite", f"sqlite:///{work / 'book.db'}", work, loans)
        url = stack.enter_context(postgresql(work)) if database != "sqlite" else None
        if url:
            _measure("postgresql", stack.enter_context(databases(url, "credit"))[0], work, loans)


def _measure(name: str, url: str, folder: Path, loans: int) -> None:
    started = time.perf_counter()
    lender_id = in_process(partial(_build, loans), url, folder)
    print(f"# {name}: a book of {loans} loans in {time.perf_counter() - started:.0f} s", flush=True)
    measure_months(name, url, folder, loans, lender_id)


def measure_months(name: str, url: str, folder: Path, loans: int, lender_id: str) -> None:
    """Freeze both months of a book that is there, make their files, and print."""
    for which, as_of, now in (("first", AS_OF, NOW), ("next", NEXT_AS_OF, NEXT_NOW)):
        if which == "next":
            in_process(partial(_go_on, now), url, folder)
        snapshot_id, frozen = in_process(partial(_freeze, lender_id, loans, as_of, now), url, folder)
        _tell(name, f"{which}_freeze", frozen)
        records, made = in_process(partial(_file, lender_id, snapshot_id, now), url, folder)
        assert records == loans - loans // 10, records
        _tell(name, f"{which}_file", made)
        plain = in_process(partial(_plain, snapshot_id, now), url, folder)
        print(f"figure book_{which}_csv_rows_per_second_{name} {plain.loans / plain.seconds:,.0f}")
        for what, stage in (("freeze", frozen), ("file", made)):
            ratio = stage.micros_a_loan / plain.micros_a_loan
            print(f"ratio book_{which}_{what}_to_csv_writer_{name} {ratio:.1f} x", flush=True)
        in_process(partial(_hand_in, lender_id, snapshot_id, which, now), url, folder)


def _tell(name: str, what: str, stage: Stage) -> None:
    print(
        f"figure book_{what}_loans_per_second_{name} {stage.loans / stage.seconds:,.0f}"
        f" ({stage.loans / stage.wall_seconds:,.0f} by the clock)"
    )
    held = " ".join(f"{mib:.0f}" for mib in stage.tenths)
    print(f"figure book_{what}_mib_in_each_tenth_{name} {held}", flush=True)


def _build(loans: int, url: str, folder: Path) -> str:
    with app_on(url, folder, now=NOW) as engine:
        schema.upgrade(engine)
        lender_id = build_credit_book(engine, vault(), loans=loans)
        values = BureauValues("EXPERIAN", "metro2", "FURN123", "BENCH LENDING", "1 MAIN ST AUSTIN TX 78701")
        with unit_of_work() as work:
            bureau_id = ask_bureau(work, lender_id, values, by="staff:Ann", now=NOW)
            decide_bureau(work, lender_id, bureau_id, approve=True, by="staff:Ben", now=NOW)
        return lender_id


def _go_on(now: datetime, url: str, folder: Path) -> None:
    with app_on(url, folder, now=now) as engine:
        go_on(engine)


def _freeze(lender_id: str, loans: int, as_of: date, now: datetime, url: str, folder: Path) -> tuple[str, Stage]:
    """Freeze a month page by page, and let another person approve it."""
    stage = Stage(loans)
    with app_on(url, folder, now=now):
        with unit_of_work() as work:
            snapshot_id = begin_snapshot(work, lender_id, "EXPERIAN", as_of, by="staff:Ann", now=now)
        gc.collect()
        gc.freeze()  # as `flask credit snapshot` does

        def pages() -> Iterator[int]:
            done, more = 0, True
            while more:
                with unit_of_work() as work:
                    more = freeze_page(work, snapshot_id, now=now)
                done += PAGE
                yield done

        _timed(stage, pages())
        with unit_of_work() as work:
            decide_snapshot(work, lender_id, snapshot_id, approve=True, by="staff:Ben", now=now)
    return snapshot_id, stage


class _Noting:
    """A file that takes the memory held whenever a part of it is written."""

    def __init__(self, path: Path, noted: Callable[[bytes], None]) -> None:
        self._out, self._noted = path.open("wb"), noted

    def write(self, part: bytes, /) -> int:
        self._noted(part)
        return self._out.write(part)


def _file(lender_id: str, snapshot_id: str, now: datetime, url: str, folder: Path) -> tuple[int, Stage]:
    """Make the file of a frozen month, all gates asked again; return how many accounts it tells."""
    with app_on(url, folder, now=now):
        with reading() as session:
            stage = Stage(get_snapshot(session, snapshot_id).counts["furnished"])
        gc.collect()
        gc.freeze()
        lines = [0]

        def noted(part: bytes) -> None:
            lines[0] += part.count(b"\n")
            stage.note(lines[0])

        out = _Noting(folder / "file.out", noted)
        begin, clock = time.process_time(), time.perf_counter()
        told = make_file(lender_id, snapshot_id, out, by="staff:Ann", clock=lambda: now)
        stage.seconds, stage.wall_seconds = time.process_time() - begin, time.perf_counter() - clock
        (folder / "file.out").unlink()
        return told.records, stage


def _plain(snapshot_id: str, now: datetime, url: str, folder: Path) -> Stage:
    """Write the fields of the frozen accounts by csv.writer."""
    stage = Stage(0)
    with app_on(url, folder, now=now), (folder / "rows.csv").open("w", newline="", encoding="utf-8") as text:
        writer, after = csv.writer(text), None
        while stage.loans < CSV_ROWS:
            with reading() as session:
                rows = page_furnished(session, snapshot_id, after=after, limit=PAGE)
                accounts = [account_from(row.account, _people(snapshot_id, row)) for row in rows]
            begin = time.process_time()
            writer.writerows(csv_rows(accounts))
            stage.seconds += time.process_time() - begin
            stage.loans += len(rows)
            if len(rows) < PAGE:
                break
            after = rows[-1].loan_id
    return stage


def _people(snapshot_id: str, row: Any) -> Any:
    return orjson.loads(vault().open(row.people_sealed, place=people_place(snapshot_id, row.loan_id)) or "")


def _hand_in(lender_id: str, snapshot_id: str, reference: str, now: datetime, url: str, folder: Path) -> None:
    with app_on(url, folder, now=now):
        submit_snapshot(lender_id, snapshot_id, reference=reference, by="staff:Ann", now=now)


def _timed(stage: Stage, pages: Iterable[int]) -> None:
    begin, clock = time.process_time(), time.perf_counter()
    for done in pages:
        stage.note(done)
    stage.seconds, stage.wall_seconds = time.process_time() - begin, time.perf_counter() - clock


def csv_rows(accounts: Iterable[CreditAccount]) -> Iterator[tuple[object, ...]]:
    """Yield the fields of a base segment as they stand, one row an account."""
    for a in accounts:
        who, at = a.consumer, a.consumer.address
        yield (
            a.loan_no, a.product, a.opened_on, a.original_minor, a.terms, a.frequency, a.scheduled_minor, a.paid_minor,
            a.standing, a.days_past_due, a.history, a.arrangement, a.condition_code, a.balance_minor, a.past_due_minor,
            a.charge_off_minor, a.as_of_on, a.first_delinquent_on, a.closed_on, a.last_paid_on, who.surname, who.first_name,
            who.middle_name, who.generation, who.id_number, who.born_on, who.telephone, who.relation, who.indicator,
            *(at or ()),
        )  # fmt: skip


def held_mib() -> float:
    """Return the memory that this process holds."""
    return _status_mib("VmRSS")


def peak_mib() -> float:
    """Return the most memory this process has held."""
    return _status_mib("VmHWM")


def _status_mib(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024
