"""Conversations in the browser: the queue, one thread, and every form on its page."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.persistence.ids import new_id
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.canned_replies import CannedValues, add_reply, approve_reply
from app.services.conversations import Word, add_word
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.desk import Seat, a_seat

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def built(sqlite_book: Flask) -> Iterator[Built]:
    clock.use(lambda: MONDAY)
    yield build_loan(now=MONDAY, due=[date(2026, 3, 20)], country="GB", zone="Europe/London", phone="+447700900123")
    clock.use(clock.system_now)


@pytest.fixture
def seat(built: Built, sqlite_book: Flask) -> Seat:
    return a_seat(sqlite_book, built.lender_id, name="Ann", role="supervisor", now=MONDAY)


def say(built: Built, text: str = "Can I pay on <Friday>?") -> str:
    with unit_of_work() as work:
        word = Word(f"test:{new_id()}", "sms", text, at=MONDAY)
        return add_word(work, built.borrower_id, word, now=MONDAY).conversation_id


def row(conversation_id: str) -> ConversationRow:
    with reading() as session:
        found = session.get_one(ConversationRow, conversation_id)
        session.expunge(found)
        return found


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_pages_are_whole_and_load_nothing_from_elsewhere(built: Built, sqlite_book: Flask, locale: str) -> None:
    conversation_id = say(built)
    seat = a_seat(sqlite_book, built.lender_id, locale=locale, now=MONDAY)

    for path in (
        "/conversations",
        "/conversations?view=mine&kind=question&sla=running",
        f"/conversations/{conversation_id}",
    ):
        answer = seat.page(path)
        assert answer.status_code == 200, path
        assert len(re.findall("<h1", answer.text)) == 1
        assert not re.search(r"<script(?![^>]*\bsrc=)| style=| on\w+=", answer.text)
        headings = [int(each) for each in re.findall(r"<h([1-6])", answer.text)]
        assert all(later <= before + 1 for before, later in pairwise(headings))
        ids = re.findall(r' id="([^"]+)"', answer.text)
        assert len(ids) == len(set(ids)), "each id is there once"


def test_the_queue_shows_who_waits_and_what_is_due(built: Built, seat: Seat) -> None:
    conversation_id = say(built)

    text = seat.page("/conversations?view=mine").text

    assert f"/desk/conversations/{conversation_id}" in text
    assert built.borrower_no in text
    assert "In time" in text


def test_live_parts_are_a_304_while_nothing_changed(built: Built, seat: Seat) -> None:
    conversation_id = say(built)

    for path in ("/conversations/now?view=open", f"/conversations/{conversation_id}/now"):
        first = seat.page(path)
        again = seat.browser.get(f"/desk{path}", headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code) == (200, 304)
        say(built, "And another thing")
        assert seat.browser.get(f"/desk{path}", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_what_a_borrower_writes_is_text_and_is_read_once_opened(built: Built, seat: Seat) -> None:
    conversation_id = say(built)

    text = seat.page(f"/conversations/{conversation_id}").text

    assert "Can I pay on &lt;Friday&gt;?" in text
    assert row(conversation_id).unread == 0
    assert seat.page(f"/borrowers/{built.borrower_no}").text.count("<form") > 0


def test_an_answer_is_given_once_however_often_the_form_is_sent(built: Built, seat: Seat) -> None:
    conversation_id = say(built)
    path = f"/conversations/{conversation_id}"
    page = seat.page(path).text
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', page))
    form = {**hidden, "text": "Friday is fine.", "status": "pending"}

    sent = [seat.browser.post(f"/desk{path}/reply", data=form) for _ in range(2)]

    assert [(each.status_code, each.headers["Location"]) for each in sent] == [(303, f"/desk{path}")] * 2
    assert (row(conversation_id).status, row(conversation_id).assignee) == ("pending", "staff:Ann")
    with reading() as session:
        assert len(session.scalars(select(ConversationMessageRow)).all()) == 2


def test_what_is_refused_shows_the_form_again_with_the_words_kept(built: Built, seat: Seat) -> None:
    conversation_id = say(built)
    path = f"/conversations/{conversation_id}"
    version = row(conversation_id).version

    threat = seat.send(f"{path}/reply", on=path, text="Pay today or we tell your family.", version=version)
    say(built, "Hello?")
    stale = seat.send(f"{path}/reply", on=path, text="Friday is fine.", version=version)

    assert [each.status_code for each in (threat, stale)] == [422, 422]
    assert "Pay today or we tell your family." in threat.text
    assert "Friday is fine." in stale.text
    assert "Hello?" in stale.text


def test_notes_assignment_snoozing_and_priority_have_their_forms(built: Built, seat: Seat, sqlite_book: Flask) -> None:
    conversation_id = say(built)
    other = a_seat(sqlite_book, built.lender_id, name="Ben", now=MONDAY)
    path = f"/conversations/{conversation_id}"

    seat.send(f"{path}/note", on=path, note="Be kind.")
    seat.send(f"{path}/assign", on=path, assignee=f"staff:{other.name}")
    seat.send(f"{path}/change", on=path, kind="question", priority="urgent")
    done = seat.send(f"{path}/status", on=path, status="snoozed", until="2026-03-03T09:00")

    found = row(conversation_id)
    assert done.status_code == 303
    assert (found.assignee, found.priority, found.status) == ("staff:Ben", "urgent", "snoozed")
    assert found.snoozed_until == datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    text = seat.page(path).text
    assert 'class="note"' in text
    assert "Only staff see this" in text


def test_a_canned_reply_is_put_into_the_box_filled_in(built: Built, seat: Seat) -> None:
    conversation_id = say(built)
    texts = {"en": "{{ lender }} says Friday is fine.", "zh-CN": "{{ lender }}：周五可以。"}
    with unit_of_work() as work:
        made = add_reply(work, built.lender_id, CannedValues("friday", "Friday", texts), by="staff:Ben", now=MONDAY)
        approve_reply(work, built.lender_id, made.id, version=1, by="staff:Ann", role="supervisor", now=MONDAY)

    text = seat.page(f"/conversations/{conversation_id}?canned={made.id}").text

    assert ">Acme says Friday is fine.</textarea>" in text


def test_another_lenders_thread_is_not_there(built: Built, sqlite_book: Flask) -> None:
    conversation_id = say(built)
    stranger = a_seat(sqlite_book, build_lender(now=MONDAY, code="other"), now=MONDAY)

    assert stranger.page(f"/conversations/{conversation_id}").status_code == 404
    assert stranger.page(f"/conversations/{conversation_id}/now").status_code == 404
