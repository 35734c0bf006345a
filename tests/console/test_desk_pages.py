"""Tasks, law, calendars, experiments, money that waits, mismatches, audit: who sees the pages, and what they do."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import unit_of_work
from app.services.tasks import NewTask, add_task
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.desk import Seat, a_seat
from tests.builders.journey import Journey
from tests.builders.statement_lines import a_line, send_lines
from tests.conftest import START

EVERYONE, SENIOR = ("agent", "supervisor", "compliance", "admin"), ("supervisor", "compliance", "admin")
PAGES: dict[str, tuple[str, ...]] = {
    "/tasks": EVERYONE, "/tasks?view=breach": EVERYONE, "/tasks?view=mine": EVERYONE, "/tasks?view=open_end": EVERYONE,
    "/law": EVERYONE, "/law/packs/CN": EVERYONE, "/law/packs/UK": EVERYONE, "/law/rules/CN-QUIET": EVERYONE,
    "/law/ask": EVERYONE, "/calendars": EVERYONE, "/calendars?year=2199": EVERYONE, "/experiments": EVERYONE,
    "/payments": EVERYONE, "/payments/waiting": EVERYONE, "/payments/events": EVERYONE, "/payments/intents": EVERYONE,
    "/mismatches": SENIOR, "/audit": ("compliance", "admin"),
}  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_their_roles_whole_and_in_both_languages(sqlite_book: Flask, path: str) -> None:
    lender_id = build_lender(now=START)

    for role in EVERYONE:
        answer = a_seat(sqlite_book, lender_id, role=role, locale="zh-CN" if role == "admin" else "en").page(path)

        assert answer.status_code == (200 if role in PAGES[path] else 403), role
        assert len(re.findall("<h1", answer.text)) == 1
        assert not re.search(r"<script(?![^>]*\bsrc=)| style=| on\w+=", answer.text)
        headings = [int(each) for each in re.findall(r"<h([1-6])", answer.text)]
        assert all(after <= before + 1 for before, after in pairwise(headings))


# -- tasks


def a_task(built: Built, key: str, **changes: Any) -> str:
    given = {"kind": "duty", "queue": "duties", "due_on": START.date(), **changes}
    with unit_of_work() as work:
        return add_task(work, NewTask(key, built.borrower_id, loan_id=built.loan_id, **given), now=START).id


def test_what_must_be_done_first_stands_first_and_pages_follow(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.console.tasks.SIZE", 2)
    built = build_loan(now=START, due=[START.date()])
    ids = [a_task(built, f"k{days}", due_on=START.date() + timedelta(days=days)) for days in (3, 1, 2, 4, 0)]
    a_task(built, "open", kind="call", queue="early", due_on=None)
    seat = a_seat(app, built.lender_id)

    seen: list[str] = []
    path = "/tasks"
    while path:
        text = seat.page(path).text
        seen += re.findall(r'/desk/tasks/([0-9a-f-]{36})"', text)
        more = re.search(r'href="/desk(/tasks\?[^"]+)" rel="next"', text)
        path = more.group(1).replace("&amp;", "&") if more else ""

    assert seen == [ids[4], ids[1], ids[2], ids[0], ids[3]]
    assert "call" in seat.page("/tasks?view=open_end").text.lower()
    assert ids[0] not in seat.page("/tasks?queue=early").text


def test_what_the_law_wanted_at_once_is_among_what_is_past_its_day(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.console.tasks.SIZE", 1)
    built = build_loan(now=START, due=[START.date()])
    late, at_once = a_task(built, "late"), a_task(built, "at-once", due_on=None)
    a_task(built, "in-time")
    with unit_of_work() as work:
        work.session.execute(update(TaskRow).where(TaskRow.id.in_([late, at_once])).values(breach=True))
    seat = a_seat(app, built.lender_id)

    first = seat.page("/tasks?view=breach").text
    more = re.search(r'href="/desk(/tasks\?[^"]+)" rel="next"', first)
    assert more is not None
    second = seat.page(more.group(1).replace("&amp;", "&")).text

    assert re.findall(r'/desk/tasks/([0-9a-f-]{36})"', first + second) == [at_once, late]
    assert 'rel="next"' not in second


def test_a_task_is_closed_with_a_reason_and_not_by_another_lender(sqlite_book: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    task_id = a_task(built, "k")
    seat = a_seat(sqlite_book, built.lender_id)

    without = seat.send(f"/tasks/{task_id}/close", f"/tasks/{task_id}", outcome="done", reason="")
    done = seat.send(f"/tasks/{task_id}/close", f"/tasks/{task_id}", outcome="done", reason="posted")
    other = a_seat(sqlite_book, build_lender(now=START, code="other"), role="admin")

    assert (without.status_code, done.status_code) == (422, 303)
    assert 'name="outcome"' not in seat.page(f"/tasks/{task_id}").text
    assert other.page(f"/tasks/{task_id}").status_code == 404


# -- law and calendars


def test_a_question_of_law_is_answered_with_its_rules(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START))

    told = seat.send("/law/ask", act="enforce", jurisdiction="UK", facts='{"lender_role": "first_party"}')
    wrong = seat.send("/law/ask", act="enforce", jurisdiction="UK", facts='{"lender_rolle": 1}')
    broken = seat.send("/law/ask", act="enforce", jurisdiction="UK", facts="{")

    assert told.status_code == 200
    assert "UK-DEFAULT-NOTICE" in told.text
    assert [each.status_code for each in (wrong, broken)] == [422, 422]
    assert "lender_role" in wrong.text


def test_a_year_that_is_not_stated_is_warned_of(sqlite_book: Flask, set_clock: Callable[[datetime], None]) -> None:
    lender_id = build_lender(now=START, jurisdiction="CN", zone="Asia/Shanghai", currency="CNY")

    known = a_seat(sqlite_book, lender_id).page("/calendars?year=2026").text
    later = START.replace(year=2190)
    set_clock(later)

    assert "国庆" in known or "National" in known
    assert "is not stated in full" in a_seat(sqlite_book, lender_id, now=later).page("/calendars").text


def test_a_report_that_cannot_be_made_says_why(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START), role="supervisor")

    assert seat.page("/experiments/nothing").status_code == 404


# -- money that waits


def a_transfer(app: Flask) -> tuple[Seat, str]:
    """A lender whose loan L1 owes 100.00, a transfer of 40.00 that nothing points from, and somebody at the desk."""
    journey = Journey(app)
    journey.put_borrower()
    journey.put_loan("L1", [date(2026, 3, 10)])
    send_lines(journey, a_line(journey, 4_000))
    seat = a_seat(app, journey.lender_id)
    return seat, re.findall(r"/desk/payments/lines/([0-9a-f-]{36})", seat.page("/payments").text)[0]


def test_a_transfer_is_booked_on_the_loans_that_are_named(sqlite_book: Flask) -> None:
    seat, line_id = a_transfer(sqlite_book)
    path, page = f"/payments/lines/{line_id}/match", f"/payments/lines/{line_id}"

    too_little = seat.send(path, page, loan_no_1="L1", amount_1="39.99")
    done = seat.send(path, page, loan_no_1="L1")

    assert (too_little.status_code, done.status_code) == (422, 303)
    assert "L1" in seat.page(page).text
    assert line_id in seat.page("/payments?state=matched").text


def test_a_transfer_is_set_aside_with_a_reason(sqlite_book: Flask) -> None:
    seat, line_id = a_transfer(sqlite_book)

    done = seat.send(f"/payments/lines/{line_id}/ignore", f"/payments/lines/{line_id}", reason="Rent.")

    assert done.status_code == 303
    assert line_id in seat.page("/payments?state=ignored").text


# -- audit


def test_the_trail_shows_who_did_what_by_what_is_asked_for(sqlite_book: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    task_id = a_task(built, "k")
    agent = a_seat(sqlite_book, built.lender_id, name="Ann")
    agent.send(f"/tasks/{task_id}/close", f"/tasks/{task_id}", outcome="done", reason="posted")
    seat = a_seat(sqlite_book, built.lender_id, role="compliance")

    assert "task.closed" in seat.page("/audit").text
    assert "task.closed" in seat.page(f"/audit?actor=staff:Ann&action=task&borrower_no={built.borrower_no}").text
    assert "task.closed" not in seat.page("/audit?actor=staff:Ben").text
    assert "no borrower of that number" in seat.page("/audit?borrower_no=nobody").text
    assert seat.page("/audit?on=9999-12-31").status_code == 200
