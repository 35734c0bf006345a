"""What proves a notice, a report, a share or a frozen month is kept by the database itself, whoever holds the connection."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Boolean, Date, Integer, LargeBinary, create_engine, text
from sqlalchemy.exc import DBAPIError

from app.factory import create_app
from app.persistence import schema
from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base, db
from app.persistence.ids import new_id
from tests.conftest import START, make_settings

TABLES = (
    "served_notices", "delivery_proofs", "escalation_events", "register_files", "register_report_events", "share_transfers",
    "collateral_events", "fact_revisions",
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def guarded(
    request: pytest.FixtureRequest, tmp_path: Path, new_postgresql_database: Callable[[str], str]
) -> Iterator[Flask]:
    """An app on a database of its own, as migrated: with all its triggers."""
    url = f"sqlite:///{tmp_path / 'kept.db'}" if request.param == "sqlite" else new_postgresql_database("append_only")
    app = create_app(make_settings(url, tmp_path))
    with app.app_context():
        schema.upgrade(db.engine)
        yield app
        db.session.remove()
        db.engine.dispose()


def a_value(column: Any) -> Any:
    """Any value that the column takes."""
    kind = column.type
    if isinstance(kind, Id):
        return new_id()
    if isinstance(kind, Instant | Date):
        return START if isinstance(kind, Instant) else date(2026, 3, 2)
    for types, value in ((Json, {"a": 1}), (Sealed | LargeBinary, b"sealed"), (Boolean, False), (Integer, 7)):
        if isinstance(kind, types):
            return value
    return "x"


def written(table: str, **given: Any) -> dict[str, Any]:
    """Put a row into a table, of nothing that exists; return it."""
    found = Base.metadata.tables[table]
    row = {column.name: given.get(column.name, a_value(column)) for column in found.columns}
    by_hand = create_engine(db.engine.url)
    sqlite = by_hand.dialect.name == "sqlite"
    unchecked = by_hand.raw_connection()  # SQLite takes the pragma in no transaction; the pool keeps the one connection
    unchecked.cursor().execute("PRAGMA foreign_keys = OFF" if sqlite else "SET session_replication_role = replica")
    unchecked.commit()
    unchecked.close()
    with by_hand.begin() as connection:
        connection.execute(found.insert().values(row))
    by_hand.dispose()
    return row


def run(statement: str) -> None:
    with db.engine.connect().execution_options(duecourse_writes=True) as connection, connection.begin():
        connection.execute(text(statement))


def test_the_database_refuses_to_change_or_delete_what_was_appended(guarded: Flask) -> None:
    for table in TABLES:
        written(table)
        column = "register" if table.startswith("register") else "kind"
        column = {"share_transfers": "reference", "fact_revisions": "fact"}.get(table, column)
        for statement in (f"UPDATE {table} SET {column} = 'other'", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"):
                run(statement)
    run("UPDATE register_report_events SET told_at = 5, left_out = left_out")  # what a row may still be given


def test_a_line_is_told_once_and_a_file_keeps_its_columns_and_who_was_held_back(guarded: Flask) -> None:
    event = written("register_report_events", told_sealed=None, told_sha256=None)
    written("register_files")

    run(f"UPDATE register_report_events SET told_sha256 = 'x', told_sealed = content_sealed WHERE id = '{event['id']}'")
    for statement in (
        "UPDATE register_report_events SET told_sha256 = 'y'", "UPDATE register_report_events SET told_sealed = NULL",
        "UPDATE register_files SET columns = NULL", "UPDATE register_files SET held_back = '[]'",
    ):  # fmt: skip
        with pytest.raises(DBAPIError, match="append-only"):
            run(statement)


def test_a_frozen_month_takes_no_row_and_changes_no_more(guarded: Flask) -> None:
    is_open = written("credit_snapshots", frozen_at=None, state="making", bureau="A")
    frozen = written("credit_snapshots", frozen_at=datetime(2026, 3, 2, tzinfo=UTC), state="made", bureau="B")

    run(f"UPDATE credit_snapshots SET chain_sha256 = 'new' WHERE id = '{is_open['id']}'")
    run("UPDATE credit_snapshots SET state = 'approved', decided_by = 'staff:Bo'")
    for statement in (
        "UPDATE credit_snapshots SET chain_sha256 = 'newer'", "UPDATE credit_snapshots SET as_of = '2020-01-31'",
        "DELETE FROM credit_snapshots",
        f"INSERT INTO credit_reports (snapshot_id, loan_id, borrower_id, kind, status, history, account, sha256) VALUES "
        f"('{frozen['id']}', '{new_id()}', '{new_id()}', 'negative', '2', '', '{{}}', '')",
    ):  # fmt: skip
        with pytest.raises(DBAPIError, match="append-only"):
            run(statement)
