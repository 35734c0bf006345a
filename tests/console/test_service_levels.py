"""Service levels and the away flag in the browser."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from flask import Flask

from app.persistence.models.desk_rules import ServiceLevelsRow, StaffAbsenceRow
from app.persistence.unit_of_work import reading
from tests.builders.book import Built, build_loan
from tests.builders.desk import Seat, a_seat

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def built(sqlite_book: Flask, set_clock: Callable[[datetime], None]) -> Built:
    set_clock(MONDAY)
    return build_loan(now=MONDAY, due=[date(2026, 3, 20)], country="GB", zone="Europe/London")


def as_shown(seat: Seat) -> dict[str, str]:
    """Every field of the form with the value it has on the page."""
    text = seat.page("/service-levels").text
    form = text[text.index('action="/desk/service-levels"') :].partition("</form>")[0]
    found = {}
    for tag in re.findall(r"<input[^>]+>", form):
        named, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        assert named
        assert value
        found[named.group(1)] = value.group(1)
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', form, re.S):
        picked = re.search(r'value="([^"]*)" selected', options)
        found[name] = picked.group(1) if picked else ""
    return found


def test_what_is_shown_and_sent_back_says_the_same_and_a_change_counts(built: Built, sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, built.lender_id, name="Ben", role="supervisor", now=MONDAY)
    form = as_shown(seat)
    assert form["levels/1/kind"] == "dispute"

    change = {"levels/1/first_minutes": "90", "hours/sat": "9:00-12:00, 13:00–15:00", "most_open": "12"}
    seat.browser.post("/desk/service-levels", data={**form, **change})

    with reading() as session:
        row = session.get_one(ServiceLevelsRow, built.lender_id)
        document = row.document
    assert document["levels"][1] == {
        "kind": "dispute", "first_minutes": 90, "next_minutes": 540, "resolution_minutes": 5400
    }  # fmt: skip
    assert len(document["levels"]) == 7, "empty rows are no rules"
    assert document["hours"]["sat"] == [["09:00", "12:00"], ["13:00", "15:00"]]
    assert document["hours"]["sun"] == []
    assert (document["most_open"], row.changed_by) == (12, "staff:Ben")
    assert as_shown(seat)["hours/sat"] == "09:00-12:00, 13:00-15:00"


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(built: Built, sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, built.lender_id, role="admin", now=MONDAY)
    form = as_shown(seat)

    hours = seat.browser.post("/desk/service-levels", data={**form, "hours/mon": "from nine", "most_open": "13"})
    never = seat.browser.post("/desk/service-levels", data={**form, **{name: "" for name in form if name[:5] == "hours"}})
    minutes = seat.browser.post("/desk/service-levels", data={**form, "levels/0/first_minutes": "0"})

    assert [each.status_code for each in (hours, never, minutes)] == [422] * 3
    assert 'id="hours/mon-wrong"' in hours.text
    assert 'value="13"' in hours.text
    assert "The desk is never open" in never.text
    assert 'name="levels/0/first_minutes" type="number"' in minutes.text
    assert 'aria-invalid="true"' in minutes.text


def test_two_who_change_at_once_do_not_overwrite_each_other(built: Built, sqlite_book: Flask) -> None:
    one, two = (a_seat(sqlite_book, built.lender_id, role="supervisor", now=MONDAY) for _ in range(2))
    first, second = as_shown(one), as_shown(two)

    assert one.browser.post("/desk/service-levels", data={**first, "most_open": "5"}).status_code == 303
    assert two.browser.post("/desk/service-levels", data={**second, "most_open": "6"}).status_code == 422


def test_an_agent_reads_them_and_sets_nothing(built: Built, sqlite_book: Flask) -> None:
    agent = a_seat(sqlite_book, built.lender_id, now=MONDAY)

    text = agent.page("/service-levels").text

    assert "09:00-18:00" in text
    assert 'action="/desk/service-levels"' not in text
    assert agent.send("/service-levels", "/profile", version="0").status_code == 403
    assert "/desk/service-levels" in agent.page("/conversations").text


def test_one_says_that_one_is_away_and_back(built: Built, sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, built.lender_id, now=MONDAY)

    gone = seat.send("/profile/duty", "/profile", is_away="true")
    away = seat.page("/conversations").text
    with reading() as session:
        absence = session.get(StaffAbsenceRow, (seat.staff_id, built.lender_id))
    seat.send("/profile/duty", "/profile", is_away="false")

    assert gone.headers["Location"] == "/desk/profile"
    assert absence is not None
    assert "You are away" in away
    assert "You are away" not in seat.page("/conversations").text
    assert "You are on duty" in seat.page("/profile").text
