"""The desk's bulletins by program: every number that staff see, and the rows that make each, with each look written down."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.event import listen, remove

from app.domain.bulletins import PEOPLE
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.bulletin_figures import definitions
from app.services.bulletins import WantedBulletin, freeze_bulletin, make_bulletin, publish_bulletin
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.bulletins import make_events
from tests.builders.desk import Seat, a_seat
from tests.conftest import START

FIRST, LAST = (START - timedelta(days=100)).date(), (START - timedelta(days=20)).date()


def _book(count: int = 300) -> list[Built]:
    lenders = [build_lender(now=START), build_lender(now=START, code="beta")]
    loans = [build_loan(now=START, due=[START.date()], lender_id=lenders[n % 2], name=f"Zhang {n}") for n in range(16)]
    make_events(loans, count, around=START - timedelta(days=60), random=Random(5))
    return loans


def _bulletin(lender_id: str | None, *, publish: bool = False) -> str:
    with unit_of_work() as work:
        row = make_bulletin(work, WantedBulletin(FIRST, LAST, lender_id), by="staff:Ann", now=START)
        freeze_bulletin(work, row.id, by="staff:Ann", now=START)
        if publish:
            publish_bulletin(work, row.id, by="staff:Bo", now=START)
        return row.id


def _seat(app: Flask, lender_id: str, role: str = "supervisor") -> Seat:
    return a_seat(app, lender_id, role=role, now=START)


def _asked(app: Flask, seat: Seat, path: str, **query: Any) -> Any:
    return app.test_client().get(f"/v1/desk/bulletins/{path}", headers=seat.headers, query_string=query)


def _rows(app: Flask, seat: Seat, path: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = _asked(app, seat, path, limit=3, **query, **cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json["next_cursor"]}


def test_every_number_is_made_of_the_rows_that_are_listed(sqlite_book: Flask) -> None:
    loans = _book()
    own = {each.borrower_no for each in loans if each.lender_id == loans[0].lender_id}
    bulletin_id, seat = _bulletin(loans[0].lender_id), _seat(sqlite_book, loans[0].lender_id)

    shown = _asked(sqlite_book, seat, bulletin_id).json

    assert shown["is_own"]
    assert {each["hidden"] for each in shown["numbers"]} >= {None, "small"}
    keys = {"letters_sent", "amount_collected", "people_contacted", "reminders_sent", "vehicles_taken"}
    numbers = [each for each in shown["numbers"] if each["key"] in keys]
    assert {each["key"] for each in numbers} == keys
    for each in numbers:
        query = {"cell": each["cell"], **({"currency": each["currency"]} if each["currency"] else {})}
        rows = _rows(sqlite_book, seat, f"{bulletin_id}/figures/{each['key']}/rows", **query)
        definition = definitions().figures[each["key"]]
        value = sum(row["amount"] for row in rows) if definition.is_amount else len(rows)
        assert value == each["value"], each
        assert {row["borrower_no"] for row in rows} <= own
        assert all((row["at"] is None) != (row["on"] is None) for row in rows)
        if definition.unit == PEOPLE:
            assert len({row["borrower_no"] for row in rows}) == len(rows)


def test_a_row_names_nobody_and_each_look_is_written_down(sqlite_book: Flask) -> None:
    loans = _book()
    bulletin_id, seat = _bulletin(loans[0].lender_id), _seat(sqlite_book, loans[0].lender_id)

    answer = _asked(sqlite_book, seat, f"{bulletin_id}/figures/letters_sent/rows", limit=2)

    assert "Zhang" not in answer.text
    assert set(answer.json["items"][0]) == {
        "row_id", "kind", "at", "on", "borrower_no", "loan_no", "of", "currency", "amount", "rows",
    }  # fmt: skip
    with reading() as session:
        (said,) = session.scalars(select(AuditRow).where(AuditRow.action == "bulletin.drilled"))
    assert said.facts == {"bulletin": bulletin_id, "figure": "letters_sent", "cell": "*", "rows": 3}
    assert said.actor.startswith("staff:")


def test_more_rows_take_no_more_statements(sqlite_book: Flask) -> None:
    loans = _book()
    bulletin_id, seat = _bulletin(loans[0].lender_id), _seat(sqlite_book, loans[0].lender_id)
    asked: list[str] = []

    def count(limit: int) -> tuple[int, int]:
        asked.clear()
        answer = _asked(sqlite_book, seat, f"{bulletin_id}/figures/letters_sent/rows", limit=limit)
        return len(answer.json["items"]), len(asked)

    def note(*given: Any) -> None:
        asked.append(given[2])

    count(1)  # what is prepared once
    listen(db.engine, "before_cursor_execute", note)
    try:
        (few, by_few), (many, by_many) = count(2), count(50)
    finally:
        remove(db.engine, "before_cursor_execute", note)
    assert (few, many > 6) == (2, True)
    assert by_few == by_many


def test_of_the_whole_installation_staff_are_told_what_is_public_and_their_own_rows(sqlite_book: Flask) -> None:
    loans = _book()
    bulletin_id, seat = _bulletin(None), _seat(sqlite_book, loans[0].lender_id)
    assert _asked(sqlite_book, seat, bulletin_id).status_code == 404
    assert _asked(sqlite_book, seat, f"{bulletin_id}/figures/letters_sent/rows").status_code == 404
    with unit_of_work() as work:
        publish_bulletin(work, bulletin_id, by="staff:Bo", now=START)

    shown = _asked(sqlite_book, seat, bulletin_id).json
    rows = _rows(sqlite_book, seat, f"{bulletin_id}/figures/letters_sent/rows")

    assert not shown["is_own"]
    assert {(each["hidden"], each["people"]) for each in shown["numbers"]} == {(None, 0)}
    own = {each.borrower_no for each in loans if each.lender_id == loans[0].lender_id}
    assert {row["borrower_no"] for row in rows} <= own
    (total,) = (each["value"] for each in shown["numbers"] if (each["key"], each["cell"]) == ("letters_sent", "*"))
    assert 0 < len(rows) < total


def test_another_lenders_bulletin_is_not_found(sqlite_book: Flask) -> None:
    loans = _book(20)
    theirs, seat = _bulletin(loans[1].lender_id, publish=True), _seat(sqlite_book, loans[0].lender_id)

    for path in (theirs, f"{theirs}/figures/letters_sent/rows"):
        assert _asked(sqlite_book, seat, path).status_code == 404


@pytest.mark.parametrize(
    ("path", "query", "status", "pointer"),
    [
        ("no_such_figure", {}, 404, None),
        ("letters_sent", {"cell": "a|b"}, 422, "/query/cell"),
        ("letters_sent", {"cell": "a\nb"}, 422, "/query/cell"),
        ("letters_sent", {"currency": "money"}, 422, "/query/currency"),
        ("letters_sent", {"cursor": "nonsense"}, 422, "/query/cursor"),
        ("letters_sent", {"limit": "0"}, 422, "/query/limit"),
        ("letters_sent", {"cell": "none_of_that_kind"}, 200, None),
    ],
)
def test_what_cannot_be_asked_is_refused_where_it_is_wrong(
    sqlite_book: Flask, path: str, query: dict[str, str], status: int, pointer: str | None
) -> None:
    loans = _book(20)
    bulletin_id, seat = _bulletin(loans[0].lender_id), _seat(sqlite_book, loans[0].lender_id)

    answer = _asked(sqlite_book, seat, f"{bulletin_id}/figures/{path}/rows", **query)

    assert answer.status_code == status, answer.text
    if pointer is not None:
        assert answer.json["errors"][0]["pointer"] == pointer


def test_a_cursor_is_good_for_the_number_and_the_person_it_was_made_for(sqlite_book: Flask) -> None:
    loans = _book()
    bulletin_id, seat = _bulletin(loans[0].lender_id), _seat(sqlite_book, loans[0].lender_id)
    path = f"{bulletin_id}/figures/letters_sent/rows"
    cursor = _asked(sqlite_book, seat, path, limit=1).json["next_cursor"]

    assert _asked(sqlite_book, seat, path, limit=1, cursor=cursor).status_code == 200
    assert _asked(sqlite_book, seat, path, limit=1, cursor=cursor, cell="reminder").status_code == 422
    assert _asked(sqlite_book, seat, path.replace("sent", "delivered"), cursor=cursor).status_code == 422
    other = _seat(sqlite_book, loans[0].lender_id, "admin")
    assert _asked(sqlite_book, other, path, cursor=cursor).status_code == 422


def test_an_agent_does_not_see_them(sqlite_book: Flask) -> None:
    loans = _book(20)
    bulletin_id, seat = _bulletin(loans[0].lender_id), _seat(sqlite_book, loans[0].lender_id, "agent")

    for path in (bulletin_id, f"{bulletin_id}/figures/letters_sent/rows"):
        assert _asked(sqlite_book, seat, path).status_code == 403
