"""Canned replies in the browser: written, looked at, approved by another, taken out of use."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from flask import Flask

from app import clock
from app.persistence.models.desk_rules import CannedReplyRow
from app.persistence.unit_of_work import reading
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.desk import a_seat

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
TEXTS = {"texts/en": "{{ lender }} says Friday is fine.", "texts/zh-CN": "{{ lender }}：周五可以。"}
NEW = {"key": "friday", "title": "Friday is fine", "kind": "question", "sets_status": "pending", **TEXTS}


@pytest.fixture
def built(sqlite_book: Flask) -> Iterator[Built]:
    clock.use(lambda: MONDAY)
    yield build_loan(now=MONDAY, due=[date(2026, 3, 20)], country="GB", zone="Europe/London")
    clock.use(clock.system_now)


def stored(reply_id: str) -> CannedReplyRow:
    with reading() as session:
        found = session.get_one(CannedReplyRow, reply_id)
        session.expunge(found)
        return found


def test_one_is_written_by_an_agent_and_approved_by_somebody_senior_who_did_not_write_it(
    built: Built, sqlite_book: Flask
) -> None:
    agent = a_seat(sqlite_book, built.lender_id, name="Ann", now=MONDAY)
    senior = a_seat(sqlite_book, built.lender_id, name="Ben", role="supervisor", now=MONDAY)

    written = agent.send("/canned-replies/new", **NEW)
    where = written.headers["Location"].removeprefix("/desk")
    by_agent = agent.send(f"{where}/approve", where)
    approved = senior.send(f"{where}/approve", where)

    row = stored(where.rpartition("/")[2])
    assert (written.status_code, by_agent.status_code, approved.status_code) == (303, 403, 303)
    assert (row.state, row.written_by, row.approved_by) == ("approved", "staff:Ann", "staff:Ben")
    assert where in senior.page("/canned-replies?state=approved").text
    assert where not in senior.page("/canned-replies?state=draft").text
    assert "/desk/canned-replies" in agent.page("/conversations").text


def test_nobody_approves_their_own(built: Built, sqlite_book: Flask) -> None:
    senior = a_seat(sqlite_book, built.lender_id, name="Ben", role="supervisor", now=MONDAY)
    where = senior.send("/canned-replies/new", **NEW).headers["Location"].removeprefix("/desk")

    refused = senior.send(f"{where}/approve", where)

    assert refused.status_code == 403
    assert "somebody else approves it" in senior.page(where).text
    assert stored(where.rpartition("/")[2]).state == "draft"


def test_a_preview_keeps_nothing_and_says_what_is_wrong(built: Built, sqlite_book: Flask) -> None:
    agent = a_seat(sqlite_book, built.lender_id, now=MONDAY)

    shown = agent.send("/canned-replies/new", **{**NEW, "do": "preview"})
    wrong = agent.send("/canned-replies/new", **{**NEW, "texts/en": "Pay {{ nonsense }} now.", "do": "preview"})

    assert (shown.status_code, wrong.status_code) == (200, 422)
    assert "says Friday is fine." in shown.text.partition("<form")[0] + shown.text
    assert "{{ lender }} says" in shown.text, "the form keeps what was written"
    assert "{{ lender }} says" not in shown.text.partition('id="preview"')[2].partition("</section>")[0]
    assert 'id="texts/en-wrong"' in wrong.text
    assert "friday" not in agent.page("/canned-replies").text


def test_a_change_waits_for_approval_again_and_what_is_retired_is_used_no_more(built: Built, sqlite_book: Flask) -> None:
    agent = a_seat(sqlite_book, built.lender_id, name="Ann", now=MONDAY)
    senior = a_seat(sqlite_book, built.lender_id, name="Ben", role="supervisor", now=MONDAY)
    where = agent.send("/canned-replies/new", **NEW).headers["Location"].removeprefix("/desk")
    reply_id = where.rpartition("/")[2]
    senior.send(f"{where}/approve", where)

    changed = agent.send(f"{where}/change", where, **{**NEW, "title": "Friday"})
    draft = stored(reply_id)
    stale = agent.send(f"{where}/change", where, **{**NEW, "title": "Saturday", "version": "1"})
    agent.send(f"{where}/retire", where)

    assert (changed.status_code, draft.state, draft.title) == (303, "draft", "Friday")
    assert stale.status_code == 422
    assert "Saturday" in stale.text
    assert stored(reply_id).state == "retired"


def test_another_lenders_is_not_there(built: Built, sqlite_book: Flask) -> None:
    agent = a_seat(sqlite_book, built.lender_id, now=MONDAY)
    stranger = a_seat(sqlite_book, build_lender(now=MONDAY, code="other"), role="supervisor", now=MONDAY)
    where = agent.send("/canned-replies/new", **NEW).headers["Location"].removeprefix("/desk")

    assert stranger.page(where).status_code == 404
    assert stranger.send(f"{where}/retire", "/canned-replies/new", version="1").status_code == 404
    assert "friday" not in stranger.page("/canned-replies").text
