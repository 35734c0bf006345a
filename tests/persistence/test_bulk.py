"""Rows in bulk, and statements on the driver's own cursor, say and store what SQLAlchemy would. On both databases."""

from typing import Any, cast

import pytest
from flask import Flask
from sqlalchemy import Table, event, select, text
from sqlalchemy.exc import DataError, IntegrityError

from app.persistence.among import among, ids_named
from app.persistence.bulk import add_rows, change_rows
from app.persistence.db import db
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.prepared import PreparedSelect
from app.persistence.unit_of_work import looking, reading, unit_of_work
from tests.builders.access import a_borrower
from tests.conftest import START

LENDERS = cast(Table, LenderRow.__table__)
AWKWARD = 'tab\t, line\n, back\\slash, "quotes", \\N, 信'


def _lender(code: str, **values: Any) -> dict[str, Any]:
    given = {"id": new_id(), "code": code, "name": code, "jurisdiction": "GB", "zone": "UTC", "currency": "GBP"}
    return given | {"recorded_at": START, "regulator": None} | values


def _add(*rows: dict[str, Any]) -> None:
    with unit_of_work() as work:
        add_rows(work.session, LENDERS, rows)


def _name_regulators(names: dict[str, str | None]) -> None:
    changes = [{"b_id": lender_id, "b_who": name} for lender_id, name in names.items()]
    with unit_of_work() as work:
        change_rows(work.session, LENDERS, changes, columns={"id": "b_id", "regulator": "b_who"}, key="id")


def test_rows_come_back_as_they_were_given_with_the_defaults_of_the_table(app: Flask) -> None:
    _add(_lender("a", name=AWKWARD), _lender("b", regulator="FCA"))

    with reading() as session:
        first, second = session.scalars(select(LenderRow).order_by(LenderRow.code))
        assert (first.name, first.regulator, first.recorded_at) == (AWKWARD, None, START)
        assert (first.licence_kind, first.locale) == ("unstated", "en")
        assert second.regulator == "FCA"


def test_a_row_that_is_there_already_is_an_integrity_error_and_takes_back_all(app: Flask) -> None:
    _add(_lender("a"))

    with pytest.raises(IntegrityError) as caught:
        _add(_lender("b"), _lender("a", name="secret"))

    assert "secret" not in str(caught.value.statement)
    with reading() as session:
        assert session.scalars(select(LenderRow.code)).all() == ["a"]


def test_each_row_is_changed_to_its_own_values_and_no_other(app: Flask) -> None:
    rows = [_lender(code, regulator="old") for code in "abc"]
    _add(*rows)

    _name_regulators({rows[0]["id"]: AWKWARD, rows[1]["id"]: None})

    with reading() as session:
        assert session.scalars(select(LenderRow.regulator).order_by(LenderRow.code)).all() == [AWKWARD, None, "old"]


def test_what_is_too_long_for_postgresql_is_refused_not_cut(app: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite keeps texts of any length.")
    row = _lender("a")
    _add(row)

    with pytest.raises(DataError):
        _name_regulators({row["id"]: "x" * 201})


def test_a_list_of_ids_of_any_length_is_one_text_that_uses_the_index(app: Flask) -> None:
    rows = [_lender(f"l{number}") for number in range(3)]
    _add(*rows)
    by_id = PreparedSelect.of(select(LenderRow.code).where(among(LenderRow.id, ids_named("b_ids"))))
    told: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        told.append(sql)

    with looking() as session:
        event.listen(db.engine, "before_cursor_execute", note)
        two = by_id.all(session.connection(), {"b_ids": {rows[0]["id"], rows[2]["id"]}})
        none = by_id.all(session.connection(), {"b_ids": []})
        event.remove(db.engine, "before_cursor_execute", note)
        if session.get_bind().dialect.name == "sqlite":
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {told[0]}", ("[]",)).fetchall()
            assert "USING INDEX" in plan[0].detail

    assert ({row.code for row in two}, none) == ({"l0", "l2"}, [])
    assert told[0] == told[1]


def test_what_is_looked_at_keeps_what_postgresql_has_prepared(app: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite keeps statements by itself.")
    for _ in range(8):
        with looking() as session:
            session.scalar(select(LenderRow.code).limit(1))

    with looking() as session:
        assert session.scalar(text("SELECT count(*) FROM pg_prepared_statements"))


def test_a_number_that_never_falls_keeps_its_value_where_the_one_given_is_lower(app: Flask) -> None:
    table = cast(Table, AgendaRow.__table__)
    first, second = a_borrower()[0], a_borrower()[0]
    columns = {"borrower_id": "b_id", "inbox_state": "b_state", "case_version": "b_version"}

    def write(**states: int) -> None:
        ids = {"first": first, "second": second}
        rows = [{"b_id": ids[name], "b_state": state, "b_version": state} for name, state in states.items()]
        with unit_of_work() as work:
            change_rows(work.session, table, rows, columns=columns, key="borrower_id", never_falls="inbox_state")

    write(first=5, second=3)
    write(first=4, second=6)

    with reading() as session:
        for borrower_id, expected in ((first, (5, 4)), (second, (6, 6))):
            row = session.get(AgendaRow, borrower_id)
            assert row is not None
            assert (row.inbox_state, row.case_version) == expected
