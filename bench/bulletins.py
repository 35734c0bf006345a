"""Counting a bulletin: every figure of a month, frozen, and held against the same tables read once by plain SQL.

The plain SQL reads what any count of the figures must read: of each table that they are made of, whose each row is and when
it happened, grouped by borrower. A figure whose table has no row costs a statement all the same. After the first bulletin a
second one of half the days is frozen, which is held against the first row by row; then one is counted anew.

Run: python -m bench.bulletins [--borrowers 100000]. SQLite; figures are of one process on one core.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event, text

from app.persistence import schema
from app.persistence.db import db
from app.persistence.queries.bulletins import get_bulletin
from app.persistence.unit_of_work import close_session, reading, unit_of_work
from app.services.bulletin_checks import verify_bulletin
from app.services.bulletin_drills import drill_down, drill_of
from app.services.bulletins import WantedBulletin, freeze_bulletin, make_bulletin
from app.services.policies import ensure_default_policy
from bench.books.bulletin import FIRST, LAST, LENDER, NOW, build_bulletin_book
from bench.sweep import app_on

ROUNDS = 3
_READ = (
    ("messages", "borrower_id", "sent_at", 2), ("letters", "borrower_id", "delivered_at", 2),
    ("contacts", "borrower_id", "created_at", 2), ("decisions", "borrower_id", "decided_at", 2),
    ("decision_events", "borrower_id", "at", 2), ("collateral_events", "borrower_id", "recorded_at", 5),
    ("credit_enrolments", "borrower_id", "started_at", 2), ("instalments", "borrower_id", "due_on", 1),
    ("ledger_entries", "borrower_id", "effective_on", 3), ("loans", "borrower_id", "recorded_at", 4),
)  # fmt: skip
"""(table, whose, when, figures made of it)."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--borrowers", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, app_on(f"sqlite:///{folder}/book.db", Path(folder), now=NOW):
        schema.upgrade(db.engine)
        ensure_default_policy(now=NOW)
        close_session()
        took = _timed(lambda: build_bulletin_book(db.engine, borrowers=given.borrowers))
        print(f"# a book of {given.borrowers} borrowers in {took:.0f} s of processor", flush=True)
        measure(given.borrowers)


def measure(borrowers: int) -> None:
    """Freeze two bulletins, count one anew, drill into it; print what each took beside the plain reading."""
    statements = [0]
    event.listen(db.engine, "before_cursor_execute", lambda *_: statements.__setitem__(0, statements[0] + 1))
    plain = min(_timed(_read_plainly) for _ in range(ROUNDS))
    begun = statements[0]
    bulletin_id = ""

    def first() -> None:
        nonlocal bulletin_id
        bulletin_id = _frozen(0)

    alone = _timed(first)
    of_one = statements[0] - begun
    again = _timed(lambda: _frozen(15))
    verified = _timed(lambda: _verify(bulletin_id))
    drilled = min(_timed(lambda: _drill(bulletin_id)) for _ in range(ROUNDS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{borrowers} borrowers: frozen in {alone:.2f} s with {of_one} statements, plain reading of the same tables"
        f" {plain:.2f} s; one that overlaps it {again:.2f} s; counted anew {verified:.2f} s; a page of rows"
        f" {drilled * 1000:.0f} ms; {peak:.0f} MiB"
    )
    print(f"ratio bulletin_to_plain_reading {alone / plain:.2f} x")
    print(f"figure bulletin_statements {of_one} statements")
    print(f"figure bulletin_memory {peak:.0f} MiB")


def _timed(act: Callable[[], object]) -> float:
    """Return the seconds of processor that it took: others may be at work on the machine."""
    started = time.process_time()
    act()
    return time.process_time() - started


def _read_plainly() -> None:
    with reading() as session:
        for table, whose, when, figures in _READ:
            for _ in range(figures):
                session.execute(text(f"SELECT {whose}, count(*), min({when}) FROM {table} GROUP BY {whose}")).all()


def _frozen(days_less: int) -> str:
    with unit_of_work() as work:
        wanted = WantedBulletin(FIRST, LAST - timedelta(days=days_less), LENDER)
        row = make_bulletin(work, wanted, by="staff:Ann", now=NOW)
        freeze_bulletin(work, row.id, by="staff:Ann", now=NOW)
        return row.id


def _verify(bulletin_id: str) -> None:
    with reading() as session:
        found = verify_bulletin(session, get_bulletin(session, bulletin_id), now=NOW)
        assert found.is_equal, found.differences
        assert found.numbers > 20


def _drill(bulletin_id: str) -> None:
    with unit_of_work() as work:
        row = get_bulletin(work.session, bulletin_id)
        drill = drill_of("reminders_sent", "sms|late", None)
        assert len(drill_down(work, row, drill, lender_id=LENDER, by="staff:Ann", now=NOW)) == 50


if __name__ == "__main__":
    main()
