"""The frame of the console: who gets in, in which language, and what a page may load."""

import re

from flask import Flask

from app.console.frame import person
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


def test_an_address_without_a_page_is_answered_by_a_page(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START))

    gone, only_posted = seat.page("/nothing-here"), seat.page("/sign-out")
    api = sqlite_book.test_client().get("/v1/desk/nothing-here")

    assert [each.status_code for each in (gone, only_posted)] == [404, 404]
    assert all("<h1>Not found</h1>" in each.text and 'href="/desk"' in each.text for each in (gone, only_posted))
    assert "default-src 'none'" in gone.headers["Content-Security-Policy"]
    assert api.content_type == "application/problem+json"


def test_a_refusal_is_said_once(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START))

    answer = seat.send("/search", on="", q="%")

    assert answer.status_code == 422
    assert answer.text.count("write it as it stands on a letter or a card") == 1


def test_the_frame_names_whose_borrowers_one_sees(sqlite_book: Flask) -> None:
    seat = a_seat(sqlite_book, build_lender(now=START, name="Harbour Credit"))

    assert "Harbour Credit" in seat.page("").text


def test_who_did_something_is_named_as_people_name_them() -> None:
    assert person("staff:Ann Lee", "en") == "Ann Lee"
    assert (person("borrower", "en"), person("borrower", "zh-CN")) == ("the borrower", "借款人")
    assert person("borrower:01a21823", "en") == "the borrower"
    assert (person("core:acme", "en"), person(None, "en")) == ("core:acme", "")
