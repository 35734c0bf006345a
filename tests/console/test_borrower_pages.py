"""Finding a borrower, opening them with a reason, and what their pages show."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from app import clock
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.unit_of_work import reading
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.desk import Seat, a_seat
from tests.conftest import START

PHONE = "+8613800001234"


@pytest.fixture
def loan(sqlite_book: Flask) -> Built:
    due = [START.date() - timedelta(days=10), START.date() + timedelta(days=20)]
    built = build_loan(
        now=START - timedelta(days=60), due=due, lender_id=build_lender(now=START - timedelta(days=60), jurisdiction="CN"),
        name="Li Wei", phone=PHONE, email="li.wei@example.test", zone="Asia/Shanghai",
    )  # fmt: skip
    pay(built, 2_500, now=START - timedelta(days=5), reference="R-77")
    return built


@pytest.fixture
def seat(sqlite_book: Flask, loan: Built) -> Seat:
    return a_seat(sqlite_book, loan.lender_id, name="Ann")


def opened(seat: Seat, loan: Built, reason: str = "caller") -> str:
    path = f"/borrowers/{loan.borrower_no}"
    answer = seat.send(f"{path}/opening", on=path, reason=reason)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/desk{path}")
    return path


def openings(action: str = "borrower.opened") -> list[AuditRow]:
    with reading() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.action == action)).all()
        session.expunge_all()
        return list(rows)


def test_a_borrower_is_found_by_phone_masked_and_without_a_trace_in_an_address(seat: Seat, loan: Built) -> None:
    answer = seat.send("/search", on="", q="138 0000 1234")

    assert answer.status_code == 200
    assert loan.borrower_no in answer.text
    assert "1234" not in re.sub(r"<script.*|href=\"[^\"]*\"", "", answer.text).replace(loan.borrower_no, "")
    assert "li.wei@" not in answer.text


def test_one_of_those_found_is_opened_for_the_reason_chosen_above_the_list(seat: Seat, loan: Built) -> None:
    hidden = dict(re.findall(r'name="(csrf)" value="([^"]*)"', seat.send("/search", on="", q=PHONE).text))

    answer = seat.browser.post("/desk/borrowers/open", data={**hidden, "reason": "caller", "borrower_no": loan.borrower_no})

    assert answer.headers["Location"] == f"/desk/borrowers/{loan.borrower_no}"
    assert [row.facts["reason"] for row in openings()] == ["caller"]


def test_a_page_asks_for_a_reason_once_and_shows_every_part_afterwards_without_another_row(seat: Seat, loan: Built) -> None:
    path = f"/borrowers/{loan.borrower_no}"
    assert "Li Wei" not in seat.page(path).text

    opened(seat, loan)

    tabs = ["", "/overview", "/timeline", "/timeline?kind=payment", "/notes", "/why", "/upcoming", "/upcoming/part"]
    for tab in [*tabs, "/openings", f"/loans/{loan.loan_no}", f"/loans/{loan.loan_no}/past"]:
        assert seat.page(path + tab).status_code == 200, tab
    assert "Li Wei" in seat.page(path).text
    assert len(openings()) == 1


def test_an_opening_holds_for_half_an_hour_of_that_person(seat: Seat, loan: Built, sqlite_book: Flask) -> None:
    path = opened(seat, loan)
    other = a_seat(sqlite_book, loan.lender_id)

    assert "Li Wei" not in other.page(path).text
    clock.use(lambda: START + timedelta(minutes=29))
    assert "Li Wei" in seat.page(path).text
    clock.use(lambda: START + timedelta(minutes=30))
    asked = seat.page(f"{path}/why?on=2026-03-01")

    assert "Li Wei" not in asked.text
    assert f'name="next" value="/desk{path}/why?on=2026-03-01"' in asked.text


def test_a_part_that_refreshes_itself_has_the_whole_page_ask_when_the_opening_is_over(seat: Seat, loan: Built) -> None:
    answer = seat.browser.get(f"/desk/borrowers/{loan.borrower_no}/overview", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")


def test_an_opening_without_a_reason_is_refused_and_leads_nowhere_else(seat: Seat, loan: Built) -> None:
    path = f"/borrowers/{loan.borrower_no}"

    assert seat.send(f"{path}/opening", on=path, reason="curious").status_code == 422
    away = seat.send(f"{path}/opening", on=path, reason="caller", next="https://evil.example/")

    assert away.headers["Location"] == f"/desk{path}"


def test_another_lender_s_borrower_is_not_there(seat: Seat, sqlite_book: Flask) -> None:
    other = build_loan(now=START, due=[START.date()], lender_id=build_lender(now=START, code="other"))

    assert seat.page(f"/borrowers/{other.borrower_no}").status_code == 404
    assert seat.send(f"/borrowers/{other.borrower_no}/opening", on="", reason="caller").status_code in (404, 422)


def test_the_part_that_is_polled_is_a_304_while_nothing_changed(seat: Seat, loan: Built) -> None:
    path = opened(seat, loan)
    first = seat.page(f"{path}/overview")

    again = seat.browser.get(f"/desk{path}/overview", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


def test_the_loan_shows_its_schedule_and_where_a_payment_went(seat: Seat, loan: Built) -> None:
    text = seat.page(f"{opened(seat, loan)}/loans/{loan.loan_no}").text

    assert "$75.00" in text
    assert re.search(r"Instalment 1: \$25\.00", text)
    assert "R-77" in text


def test_a_past_day_is_shown_in_both_views(seat: Seat, loan: Built) -> None:
    path = f"{opened(seat, loan)}/loans/{loan.loan_no}/past"

    assert "As then shown" in seat.page(f"{path}?on={START.date() - timedelta(days=7)}").text
    assert seat.page(f"{path}?on={START.date()}").status_code == 422
    assert seat.page(f"{path}?on=yesterday").status_code == 422


def test_why_tells_each_step_near_the_day(seat: Seat, loan: Built) -> None:
    text = seat.page(f"{opened(seat, loan)}/why?on={loan_due(loan)}").text

    assert "Not contacted" in text


def loan_due(loan: Built) -> str:
    return (START.date() - timedelta(days=10)).isoformat()


def test_notes_are_written_once_corrected_and_put_on_top_of_the_page(seat: Seat, loan: Built) -> None:
    path = opened(seat, loan)
    page = seat.page(f"{path}/notes").text
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', page))
    for _ in range(2):
        answer = seat.browser.post(
            f"/desk{path}/notes", data={**hidden, "text": "Calls back\r\non Friday", "pinned": "true"}
        )
        assert answer.status_code == 303
    text = seat.page(f"{path}/notes").text
    assert text.count("Calls back\non Friday</p>") == 1
    assert "Calls back" in seat.page(path).text

    note_id = re.findall(r'id="note-([^"]+)"', text)[0]
    seat.send(f"{path}/notes/{note_id}", on=f"{path}/notes", text="Calls back on Monday")
    seat.send(f"{path}/notes/{note_id}/pin", on=f"{path}/notes", pinned="false")

    after = seat.page(f"{path}/notes").text
    assert "version 2" in after
    assert "on Monday" in after
    assert seat.send(f"{path}/notes", on=f"{path}/notes", text=" ").status_code == 422


def test_the_timeline_is_filtered_and_goes_on_page_by_page(seat: Seat, loan: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    for days in (4, 3):
        pay(loan, 100, now=START - timedelta(days=days))
    monkeypatch.setattr("app.services.timelines.MOST_ENTRIES", 2)
    path = f"{opened(seat, loan)}/timeline?kind=payment"

    first = seat.page(path).text
    following = re.search(r'href="([^"]+cursor=[^"]+)" rel="next"', first)
    assert following is not None
    second = seat.browser.get(following[1].replace("&amp;", "&")).text

    assert [text.count("<li>") - text.count("<li><a") for text in (first, second)] == [2, 1]
    assert seat.page(f"{path}x").status_code == 422


def test_what_is_masked_is_shown_whole_once_to_who_may(seat: Seat, loan: Built, sqlite_book: Flask) -> None:
    senior = a_seat(sqlite_book, loan.lender_id, role="supervisor")
    path = opened(senior, loan)

    answer = senior.send(f"{path}/unmask", field="phone", reason="caller")

    assert PHONE in answer.text
    assert PHONE not in senior.page(path).text
    assert [row.facts["field"] for row in openings("borrower.unmasked")] == ["phone"]
    assert senior.send(f"{path}/unmask", field="phone", reason="").status_code == 422
    assert seat.page(f"{opened(seat, loan)}/unmask").status_code == 403


def test_a_borrowers_page_takes_few_statements_and_the_gate_is_asked_apart(seat: Seat, loan: Built) -> None:
    path = opened(seat, loan)
    seat.page(path)
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        answer = seat.page(path)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert answer.status_code == 200
    assert len(statements) <= 10, statements
    assert f"/desk{path}/contact-now" in answer.text
    assert seat.page(f"{path}/contact-now").status_code == 200
