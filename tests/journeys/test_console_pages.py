"""Every page of the console in a browser: nothing that keeps anybody out, nothing from elsewhere, nothing untranslated."""

import pytest
from flask import Flask

from tests.builders.desk import Seat
from tests.journeys.console_walk import addresses, each_look, english, looked, raw_keys
from tests.journeys.furnished_desk import Furnished, furnished, with_acts
from tests.journeys.running_sandbox import CHROMIUM, a_browser
from tests.journeys.served import served

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser here")]


@pytest.fixture
def desk(sqlite_book: Flask) -> Furnished:
    """A desk with one of everything, and its borrower opened."""
    return with_acts(sqlite_book, furnished(sqlite_book))


def special(desk: Furnished) -> dict[str, str | None]:
    """Addresses that are not filled by the names of their parts; None: no page."""
    return {
        "search_again": None,
        "search_collateral_again": None,
        "invitation_again": None,
        "code_again": None,
        "preview_letter": None,  # a document, not a page
        "payouts_file": None,  # files to be kept
        "register_file": None,
        "posted_letter_document": None,
        "take_attachment": None,  # a file to be kept
        "bulletin_csv": None,  # a file to be kept
        "plan_approval": f"/desk/approvals/plans/{desk.values['plan_id']}",
        "borrower_hardship_request": f"{desk.path}/hardship/{desk.values['help_id']}",
        "call_task": f"/desk/calls/{desk.values['call_id']}",
        "experiment": None,  # there is none whose report can be made without the extra that makes reports
        "borrower_loan_past": f"{desk.path}/loans/CN-1001/past?on=2026-03-08",
        "borrower_why": f"{desk.path}/why?on=2026-03-11",
    }


def walked(app: Flask, desk: Furnished) -> dict[str, str]:
    """Endpoint -> address of every page. A page that nobody said how to fill fails."""
    found, missing = addresses(app, desk.values, special(desk))
    assert missing == [], "say in furnished_desk.py or here what these pages are about"
    return found


def opened(app: Flask, desk: Furnished, **given: str) -> Seat:
    seat = desk.seat(app, **given)
    path = desk.path.removeprefix("/desk")
    assert seat.send(f"{path}/opening", on=path, reason="caller").status_code == 303
    return seat


def test_no_page_keeps_anybody_out_or_asks_elsewhere(sqlite_book: Flask, desk: Furnished) -> None:
    from playwright.sync_api import sync_playwright

    seat = opened(sqlite_book, desk, name="Ann Admin", role="admin")
    wrong: dict[str, list[str]] = {}
    with served(sqlite_book) as url, sync_playwright() as playwright:
        browser = a_browser(playwright)
        look = looked(browser, sqlite_book, url, seat)
        for name, address in walked(sqlite_book, desk).items():
            status = look.open(address)
            if status != 200:
                wrong[name] = [f"status {status} at {address}"]
                continue
            if not look.page.locator("main").count():
                continue  # a part, shown within its page
            wrong |= {f"{name}, {how}": found for how, found in each_look(look.page) if found}
        browser.close()
    assert wrong == {}
    assert look.problems == []


def test_pages_in_chinese_hold_no_english_sentence(sqlite_book: Flask, desk: Furnished) -> None:
    from playwright.sync_api import sync_playwright

    seat = opened(sqlite_book, desk, name="Li Na", role="admin", locale="zh-CN")
    wrong: dict[str, list[str]] = {}
    with served(sqlite_book) as url, sync_playwright() as playwright:
        browser = a_browser(playwright)
        look = looked(browser, sqlite_book, url, seat, locale="zh-CN")
        for name, address in walked(sqlite_book, desk).items():
            look.open(address)
            if found := [*english(look.page), *raw_keys(look.page)]:
                wrong[name] = found
        browser.close()
    assert wrong == {}
