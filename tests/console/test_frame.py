"""The frame of the console: who gets in, in which language, and what a page may load."""

import re

from flask import Flask

from tests.builders.book import build_lender
from tests.builders.desk import a_seat
from tests.conftest import START


def test_a_page_is_shown_to_who_is_signed_in_and_loads_only_its_own(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START), name="Ann")

    answer = seat.page("")

    assert answer.status_code == 200
    assert "Ann" in answer.text
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)| style=| on\w+=", answer.text)
    for path in re.findall(r'(?:src|href)="(/desk/static[^"]+)"', answer.text):
        assert seat.browser.get(path.replace("&amp;", "&")).status_code == 200


def test_who_is_not_signed_in_is_sent_to_the_sign_in_and_back(sqlite_book: Flask) -> None:
    answer = sqlite_book.test_client().get("/desk")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/sign-in?next=/desk")


def test_a_session_token_opens_the_desk_api_too(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START), name="Ann", role="supervisor")

    answer = sqlite_book.test_client().get("/v1/desk/me", headers=seat.headers)

    assert (answer.json["staff"], answer.json["role"]) == ("Ann", "supervisor")


def test_a_form_without_the_session_s_word_is_refused(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START))

    assert seat.browser.post("/desk/sign-out").status_code in (403, 404, 405)


def test_pages_let_the_browser_say_that_a_form_comes_from_here(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START))

    assert seat.page("").headers.getlist("Referrer-Policy") == ["same-origin"]
