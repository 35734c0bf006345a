"""Sending a message and drafting a letter in the console: what stands in the way is seen first, and nothing needs script."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.policies import activate_document
from app.services.rule_parts import use_channels
from app.wording.letter_texts import use_letterheads
from tests.builders.book import Built, build_lender, build_loan, give_phone
from tests.builders.cases import default_document
from tests.builders.desk import Seat, a_seat
from tests.builders.letters import write_letterhead

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def loan(sqlite_book: Flask, set_clock: Any, tmp_path: Path) -> Iterator[Built]:
    with unit_of_work() as work:
        activate_document(work, default_document() | {"version": 2}, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
    built = build_loan(now=START, due=[date(2026, 3, 10)], lender_id=lender, country="GB", zone="Europe/London",
                       name="Jane Roe", address_lines=("2 Low Road", "Leeds", "LS1 4AP"))  # fmt: skip
    give_phone(built, now=START, zone="Europe/London")
    set_clock(NOON)
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    use_channels(["letter"])
    yield built
    use_channels([])
    use_letterheads(None)


def at_desk(app: Flask, loan: Built, role: str = "agent", **changes: Any) -> tuple[Seat, str]:
    seat = a_seat(app, loan.lender_id, role=role, now=NOON, **changes)
    path = f"/borrowers/{loan.borrower_no}"
    assert seat.send(f"{path}/opening", on=path, reason="caller").status_code == 303
    return seat, path


def sent() -> list[ManualContactRow]:
    with reading() as session:
        return list(session.scalars(select(ManualContactRow)))


def test_the_form_shows_what_is_left_and_how_it_reads_before_it_is_sent(sqlite_book: Flask, loan: Built) -> None:
    seat, path = at_desk(sqlite_book, loan)

    page = seat.page(f"{path}/messages/new")
    looked = seat.send(f"{path}/messages/new", what="push:overdue_help", do="look")
    gate = seat.page(f"{path}/messages/gate?what=push:overdue_help")

    assert page.status_code == looked.status_code == gate.status_code == 200
    assert "In your own words" in page.text
    assert "It may be sent now." in looked.text
    assert "1 of 1 left" in gate.text
    assert gate.headers["ETag"]
    assert sent() == []
    assert "override_reason" not in page.text, "an agent sets no policy aside"


def test_a_message_is_sent_once_and_shown_with_what_became_of_it(sqlite_book: Flask, loan: Built) -> None:
    seat, path = at_desk(sqlite_book, loan)
    text = seat.page(f"{path}/messages/new").text
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', text))

    first, twin = (
        seat.browser.post(f"/desk{path}/messages/new", data={**hidden, "what": "push:overdue_help", "do": "send"})
        for _ in range(2)
    )

    assert (first.status_code, twin.status_code) == (303, 303)
    assert len(sent()) == 1
    listed = seat.page(first.headers["Location"].removeprefix("/desk"))
    assert seat.name in listed.text


def test_what_stands_in_the_way_is_shown_with_the_form_as_it_was(sqlite_book: Flask, loan: Built, set_clock: Any) -> None:
    seat, path = at_desk(sqlite_book, loan)

    wrong = seat.send(f"{path}/messages/new", what="in_app:text", text="Pay today or your employer will hear of it.")
    unread = seat.send(f"{path}/messages/new", what="email:text", text="Something")

    assert (wrong.status_code, unread.status_code) == (422, 422)
    assert "your employer" in wrong.text
    assert "An e-mail needs a title." in unread.text
    assert sent() == []


def test_a_supervisor_sets_the_policy_aside_in_chinese_too(sqlite_book: Flask, loan: Built) -> None:
    seat, path = at_desk(sqlite_book, loan, "supervisor", locale="zh-CN")
    seat.send(f"{path}/messages/new", what="push:overdue_help")

    full = seat.send(f"{path}/messages/new", what="push:overdue_early")
    again = seat.send(f"{path}/messages/new", what="push:overdue_early", override_reason="客户要求今天立即告知")

    assert (full.status_code, again.status_code) == (422, 303)
    assert "联系次数" in full.text
    assert len(sent()) == 2
    assert "客户要求今天立即告知" in seat.page(f"{path}/messages").text


def test_a_letter_is_drafted_by_one_and_approved_by_another(sqlite_book: Flask, loan: Built) -> None:
    author, path = at_desk(sqlite_book, loan)
    reader, _ = at_desk(sqlite_book, loan, "supervisor")
    drafted = author.send(f"{path}/letters/new", template="letter_arrears", loan_no=loan.loan_no)
    letter = re.search(r"/letters/([0-9a-f-]{36})/preview", author.page(f"{path}/letters/new").text)

    assert drafted.status_code == 303
    assert letter is not None
    at = f"{path}/letters/{letter[1]}"
    assert author.page(f"{at}/preview").data[:5] == b"%PDF-"
    assert author.send(f"{at}/approve", on=f"{path}/letters/new").status_code == 403
    assert "Approve and post" not in author.page(f"{path}/letters/new").text
    assert reader.send(f"{at}/approve", on=f"{path}/letters/new").status_code == 303
    assert "Approved" in author.page(f"{path}/letters/new").text
    assert [row.kind for row in sent()] == ["letter"]


def test_pages_of_another_lender_s_borrower_are_not_there(sqlite_book: Flask, loan: Built) -> None:
    stranger = a_seat(sqlite_book, build_lender(now=START, code="other"), role="admin", now=NOON)

    for behind in ("/messages/new", "/messages", "/messages/gate", "/letters/new"):
        assert stranger.page(f"/borrowers/{loan.borrower_no}{behind}").status_code == 404


def test_a_message_without_words_says_so_and_not_that_it_may_not_be_sent(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=[START.date()])
    seat = a_seat(sqlite_book, loan.lender_id)
    path = f"/borrowers/{loan.borrower_no}"
    seat.send(f"{path}/opening", on=path, reason="caller")

    answer = seat.send(f"{path}/messages/new", what="sms:text", text=" ", message_class="servicing", do="send")

    assert answer.status_code == 422
    assert "Write what is to be said." in answer.text
    assert "may not be made" not in answer.text
