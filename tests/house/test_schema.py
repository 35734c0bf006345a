"""The migrations make exactly the tables that the models describe."""

import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import create_engine, inspect

from app.domain.lanes import lane_of
from app.domain.money import Money
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import Base, db
from app.persistence.unit_of_work import unit_of_work
from app.services.contact_change_codes import send_code
from app.services.contact_changes import propose_change
from app.services.conversations import Word, add_word
from app.services.desk_payments import DeskStaff, TakenPayment, take_payment
from tests.builders.book import build_loan
from tests.conftest import START, make_settings


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_migrations_and_models_agree(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        difference = compare_metadata(context, Base.metadata)

    assert difference == []


def test_the_schema_is_at_head(app: Flask) -> None:
    assert schema.is_at_head(db.engine)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_migration_goes_up_down_and_up_again(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    if kind == "postgresql":
        make = request.getfixturevalue("new_postgresql_database")
        url = make(f"migrations_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    engine = create_engine(url)

    schema.upgrade(engine)
    schema.downgrade(engine, "base")
    left = set(inspect(engine).get_table_names()) - {"alembic_version"}
    schema.upgrade(engine)

    assert left == set()
    assert schema.is_at_head(engine)
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_the_desk_wrote_does_not_keep_its_migrations_from_going_down(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    if kind == "postgresql":
        make = request.getfixturevalue("new_postgresql_database")
        url = make(f"desk_down_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    app = create_app(make_settings(url, tmp_path))
    with app.app_context():
        schema.upgrade(db.engine)
        loan = build_loan(now=START, due=[START.date()], amount_minor=50_000, phone="+447700900123")
        staff, money = DeskStaff("staff:Ann", "agent", loan.lender_id), Money(50_000, "USD")
        with unit_of_work() as work:
            taken = TakenPayment(loan.loan_no, money, START.date(), "cash", "R-1")
            take_payment(work, loan.borrower_id, taken, staff=staff, now=START)
            change_id = propose_change(work, loan.borrower_id, "phone", "+447700900456", staff=staff, now=START)
            send_code(work, change_id, staff=staff, now=START)
            add_word(work, loan.borrower_id, Word("in/1", "sms", "Hello", at=START), now=START)
        db.session.remove()

        schema.downgrade(db.engine, "0024")
        with db.engine.connect() as connection:
            left = connection.exec_driver_sql("SELECT count(*) FROM loans").scalar()
        schema.upgrade(db.engine)

        assert left == 1
        assert schema.is_at_head(db.engine)
        db.engine.dispose()


def test_what_waited_before_messages_had_lanes_waits_on_in_its_lane(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    schema.upgrade(engine, "0011")
    rows = [
        ("queued", "reminder", "push"), ("stale", "withdrawal", "letter"), ("sending", "security", "sms"),
        ("sent", "reminder", "sms"), ("uncertain", "collection", "letter"), ("sent", "reminder", "push"),
        ("failed", "reminder", "sms"), ("delivered", "reminder", "in_app"),
    ]  # fmt: skip
    columns = [each["name"] for each in inspect(engine).get_columns("messages") if not each["nullable"]]
    with engine.connect().execution_options(duecourse_reads=True) as connection:  # the pragma is for no transaction
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        for number, (state, message_class, channel) in enumerate(rows):
            given = dict.fromkeys(columns, 0) | {
                "id": number, "borrower_id": number, "state": state, "message_class": message_class, "channel": channel,
            }  # fmt: skip
            names, values = ", ".join(given), ", ".join("?" * len(given))
            connection.exec_driver_sql(f"INSERT INTO messages ({names}) VALUES ({values})", tuple(given.values()))

    schema.upgrade(engine)

    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT state, message_class, channel, lane FROM messages ORDER BY id").all()
    engine.dispose()
    assert {row[:3]: row[3] for row in found} == {
        (state, kind, channel): lane_of(state, message_class=kind, channel=channel) for state, kind, channel in rows
    }
