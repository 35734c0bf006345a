"""Policies in the console: handed in with every finding by its line, approved by another, put in force, rehearsed."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import yaml
from flask import Flask

from app import clock
from app.persistence.unit_of_work import reading
from app.services.policies import ensure_default_policy
from app.services.policy_files import lines_of
from app.services.policy_versions import get_version
from app.services.rehearsals.channel_figures import load_figures
from app.services.rehearsals.runs import rehearse
from app.services.rehearsals.settings import RehearsalSettings
from app.services.rehearsals.stored import store_result
from tests.builders.book import build_lender, build_loan
from tests.builders.desk import Seat, a_seat
from tests.builders.policies import a_document, with_step
from tests.conftest import START


def text_of(**changes: Any) -> str:
    return yaml.safe_dump(a_document(**changes), sort_keys=False)


def handed_in(seat: Seat, text: str, do: str = "submit") -> Any:
    return seat.send("/policies/new", text=text, do=do)


def test_one_hands_in_another_approves_and_puts_in_force(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    ensure_default_policy(now=START)
    author = a_seat(sqlite_book, lender_id, role="supervisor", name="Ann")
    other = a_seat(sqlite_book, lender_id, role="compliance", name="Ben")

    made = handed_in(author, text_of())
    moved = [other.send(f"/policies/acme/1/{act}", "/policies/acme/1") for act in ("approve", "activate")]

    assert made.headers["Location"] == "/desk/policies/acme/1"
    assert [each.status_code for each in moved] == [303, 303]
    with reading() as session:
        row = get_version(session, "acme", 1)
        assert (row.status, row.author, row.approved_by, row.activated_by) == (
            "active", "staff:Ann", "staff:Ben", "staff:Ben",
        )  # fmt: skip
    assert "acme@1" in other.page("/policies?status=active").text


def test_its_author_is_shown_no_button_and_is_refused(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    author = a_seat(sqlite_book, lender_id, role="admin", name="Ann")
    handed_in(author, text_of())

    page = author.page("/policies/acme/1").text

    assert "/policies/acme/1/approve" not in page
    assert author.send("/policies/acme/1/approve", "/policies/acme/1").status_code == 403


@pytest.mark.parametrize(("role", "path", "status"), [
    ("agent", "/policies", 200), ("agent", "/policies/new", 403), ("agent", "/policies/acme/1/rehearse", 403),
    ("agent", "/policies/rehearsals", 200), ("supervisor", "/policies/new", 200),
])  # fmt: skip
def test_roles_see_what_is_theirs(sqlite_book: Flask, role: str, path: str, status: int) -> None:
    assert a_seat(sqlite_book, build_lender(now=START), role=role).page(path).status_code == status


def test_everything_wrong_is_told_with_its_line_and_nothing_is_kept(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START, jurisdiction="CN"), role="supervisor")
    action = {"task": "call", "queue": "early", "sla": "PT8H"}
    text = yaml.safe_dump(with_step(ladder=None, at="23:00", action=action), sort_keys=False)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "23:00" in each)

    answer = handed_in(seat, text)

    assert answer.status_code == 422
    assert f"Line {line}:" in answer.text
    assert "23:00" in answer.text  # what was written is not lost
    assert seat.page("/policies/acme/1").status_code == 404


def test_what_is_no_yaml_is_told_too_and_a_check_keeps_nothing(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START), role="supervisor")

    broken = handed_in(seat, "policy: [")
    checked = handed_in(seat, text_of(), do="check")

    assert (broken.status_code, "line 1" in broken.text) == (422, True)
    assert (checked.status_code, "In order" in checked.text) == (200, True)
    assert seat.page("/policies/acme/1").status_code == 404


def test_lines_are_those_of_what_a_pointer_names_or_of_what_is_around_it() -> None:
    text = "policy: a\nsteps:\n  - key: x\n    at: '10:00'\n  - {key: y, at: '11:00'}\n"

    assert lines_of(text, ["", "/steps/0/at", "/steps/1/at", "/steps/1/nothing", "/nothing"]) == {
        "": 1, "/steps/0/at": 4, "/steps/1/at": 5, "/steps/1/nothing": 5, "/nothing": 1,
    }  # fmt: skip
    assert lines_of("a: [", ["/a"]) == {}


def test_a_version_shows_its_steps_and_what_it_changes(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    ensure_default_policy(now=START)
    seat = a_seat(sqlite_book, lender_id, role="supervisor")
    handed_in(seat, text_of())

    text = seat.page("/policies/acme/1").text

    assert "What it changes against default@" in text
    assert "-3" in text
    assert "20:00" in text
    assert len(re.findall("<h1", text)) == 1


def test_a_rehearsal_is_asked_for_and_its_result_is_drawn(sqlite_book: Flask, set_clock: Callable[..., None]) -> None:
    built = build_loan(now=START, due=[date(2026, 3, 12)])
    ensure_default_policy(now=START)
    seat = a_seat(sqlite_book, built.lender_id, role="supervisor")
    handed_in(seat, text_of())

    asked = seat.send("/policies/acme/1/rehearse", starts_on="2026-03-03", days="20", against_active="true")
    waiting = seat.browser.get(asked.headers["Location"]).text
    settings = RehearsalSettings("active", date(2026, 3, 3), 20, lender="acme", against="active")
    url = sqlite_book.config["SETTINGS"].database_url
    rehearsal_id = store_result(
        rehearse(url, settings, now=clock.now(), workers=1), settings, load_figures(), by="staff:Ann", now=START
    )
    done = seat.page(f"/policies/rehearsals/{rehearsal_id}")

    assert "Waiting" in waiting
    assert "data-poll" in waiting
    assert done.status_code == 200
    assert "<svg" in done.text
    assert seat.page("/policies/rehearsals").text.count("/desk/policies/rehearsals/0") == 2
    other = a_seat(sqlite_book, build_lender(now=START, code="other"), role="supervisor")
    assert other.page(f"/policies/rehearsals/{rehearsal_id}").status_code == 404
