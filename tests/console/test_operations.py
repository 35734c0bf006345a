"""The operations pages: who sees them, what they show, and how little they ask of the database."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, update

from app.domain.webhook_urls import UrlRules
from app.persistence.db import db
from app.persistence.models.webhooks import WebhookDeliveryRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.channel_switches import Switch, read_switches
from app.services.delivery_figures import count_hours
from app.services.webhooks import EndpointValues, Owner, put_endpoint, send_test
from tests.builders.book import build_lender, build_loan
from tests.builders.desk import a_seat
from tests.builders.sent import a_sent, message
from tests.conftest import START

PAGES = ("", "/queues", "/providers", "/spend", "/uncertain", "/switches", "/webhooks", "/templates")
LIVE = ("/now", "/queues/now", "/providers/now")


@pytest.mark.parametrize("role", ["agent", "supervisor", "compliance", "admin"])
@pytest.mark.parametrize("path", [each for each in PAGES if each != "/templates"] + list(LIVE))
def test_operations_are_for_seniors(sqlite_book: Flask, role: str, path: str) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START), role=role)

    assert seat.page(f"/operations{path}").status_code == (403 if role == "agent" else 200)


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_are_whole_and_load_nothing_from_elsewhere(sqlite_book: Flask, path: str, locale: str) -> None:
    built = build_loan(now=START, due=[START.date()])
    a_sent(built.borrower_id, now=START, state="uncertain")
    a_sent(built.borrower_id, now=START, reference="r")
    count_hours(now=START, turn=0)
    seat = a_seat(sqlite_book, built.lender_id, role="admin", locale=locale)

    text = seat.page(f"/operations{path}").text

    assert len(re.findall("<h1", text)) == 1
    assert not re.search(r"<script(?![^>]*\bsrc=)| style=| on\w+=", text)
    headings = [int(each) for each in re.findall(r"<h([1-6])", text)]
    assert all(after <= before + 1 for before, after in pairwise(headings))


@pytest.mark.parametrize("path", LIVE)
def test_a_live_part_that_did_not_change_is_not_sent_again(sqlite_book: Flask, path: str) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START), role="supervisor")

    first = seat.page(f"/operations{path}")
    again = seat.browser.get(f"/desk/operations{path}", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code) == (200, 304)
    assert "<html" not in first.text


def test_what_was_sent_is_shown_with_its_price(sqlite_book: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    for number in range(3):
        a_sent(built.borrower_id, now=START - timedelta(minutes=number), reference=f"r{number}", provider="twilio")
    count_hours(now=START, turn=1)

    text = a_seat(sqlite_book, built.lender_id, role="admin").page("/operations/spend").text

    assert "twilio" in text
    assert "0.02 USD" in text
    assert "<svg" in text


def test_the_overview_takes_few_statements(app: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    seat = a_seat(app, built.lender_id, role="admin")
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        seat.page("/operations")
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert len(seen) <= 10


def test_an_uncertain_message_is_settled_once_with_how_that_is_known(sqlite_book: Flask) -> None:
    built = build_loan(now=START, due=[START.date()])
    message_id = a_sent(built.borrower_id, now=START, state="uncertain")
    seat = a_seat(sqlite_book, built.lender_id, role="supervisor")
    path = f"/operations/uncertain/{message_id}"

    without = seat.send(path, outcome="delivered", reason="")
    done = seat.send(path, outcome="delivered", reason="In the provider's console it is delivered.")

    assert (without.status_code, done.status_code) == (422, 303)
    assert message(message_id).state == "delivered"
    assert "a person at the desk" in seat.page(path).text
    assert 'name="outcome"' not in seat.page(path).text


def test_stopping_is_at_once_and_resuming_asks_for_a_fresh_code(
    sqlite_book: Flask, set_clock: Callable[[datetime], None]
) -> None:
    lender_id = build_lender(now=START)
    seat = a_seat(sqlite_book, lender_id, role="admin")
    later = START + timedelta(minutes=20)
    set_clock(later)

    stopped = seat.send("/operations/switches/sms", reason="The gateway doubles texts.")
    resumed = seat.send("/operations/switches/sms", reason="Mended.")
    limited = seat.send("/operations/switches/push/limit", "/operations/switches/push", daily_messages="5", reason="Budget.")

    assert stopped.headers["Location"] == "/desk/operations/switches"
    for each in (resumed, limited):
        assert each.headers["Location"].startswith("/desk/proof")
    with reading() as session:
        assert read_switches(session).touched == {"sms": Switch(False, None)}


def test_supervisors_see_switches_and_do_not_turn_them(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START), role="supervisor")

    assert seat.page("/operations/switches/sms").status_code == 200
    assert seat.send("/operations/switches/sms", act="stop", reason="No.").status_code == 403


def test_an_event_is_told_again(sqlite_book: Flask) -> None:
    lender_id = build_lender(now=START)
    with unit_of_work() as work:
        owner = Owner(lender_id, "ingest:acme", UrlRules())
        put_endpoint(work, owner, "core", EndpointValues("https://core.example/hook", None, (), True), now=START)
        send_test(work, owner, "core", now=START)
        work.session.execute(update(WebhookDeliveryRow).values(state="failed", last_error="timeout"))
    seat = a_seat(sqlite_book, lender_id, role="compliance")

    listed = seat.page("/operations/webhooks/core").text
    answer = seat.send("/operations/webhooks/core/replay", "/operations/webhooks/core")

    assert "timeout" in listed
    assert answer.status_code == 303
