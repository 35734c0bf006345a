"""A day at the desk in a browser: the first admin gets in, and everything a desk is for is done and written down."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.unit_of_work import reading
from tests.journeys.console_walk import Looked, looked, too_wide
from tests.journeys.desk_browser import DeskBrowser
from tests.journeys.furnished_desk import NAME, PHONE, Furnished, furnished
from tests.journeys.running_sandbox import CHROMIUM, PATIENCE_MS, a_browser
from tests.journeys.served import served

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser here")]
EMAIL, PASSWORD = "zhao.min@example.test", "nine calm herons wade at dusk"

DONE = {
    "staff_invitation.accepted", "staff_session.opened", "borrower.searched", "borrower.opened", "borrower.read",
    "call.logged", "conversation.read", "conversation.replied", "plan_request.offered", "policy.approved",
    "policy.activated",
}  # fmt: skip
"""What stands in the trail after a day of it."""


@pytest.fixture
def desk(sqlite_book: Flask) -> Furnished:
    return furnished(sqlite_book)


@pytest.fixture
def chromium(sqlite_book: Flask) -> Iterator[tuple[Any, str]]:
    """A browser, and where the app is."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with served(sqlite_book) as url, sync_playwright() as playwright:
        browser = a_browser(playwright)
        yield browser, url
        browser.close()


def invited(app: Flask) -> str:
    """The link that the command prints for the first admin."""
    told = app.test_cli_runner().invoke(
        args=["staff", "create-admin", "--lender", "acme", "--name", "Zhao Min", "--email", EMAIL]
    )
    return re.findall(r"http\S+", told.output)[0]


def test_a_day_at_the_desk(sqlite_book: Flask, desk: Furnished, chromium: tuple[Any, str]) -> None:
    journey, now = desk.journey, desk.journey.now
    look = looked(chromium[0], sqlite_book, chromium[1])
    she = DeskBrowser(look)

    # The first admin gets in.
    app = she.accept_invitation(invited(sqlite_book), PASSWORD, now=now)
    she.sign_in(EMAIL, PASSWORD, app, now=now)

    # A borrower is found by phone, masked, and opened for a reason.
    rows = she.find(PHONE)
    assert rows.count() == 1
    assert PHONE[-6:] not in rows.inner_text()
    she.open_found("The borrower is on the phone")
    she.sees(NAME)

    # Why yesterday's reminder did not go.
    she.tab("Why (not)")
    she.follow("Yesterday")
    she.sees("Not contacted on Mar 12, 2026")
    she.sees("Not sent: the borrower has promised to pay by")

    # A call is logged.
    she.act("Log a call")
    she.page.get_by_label("Outcome").select_option(label="Answered")
    she.page.get_by_label("When it began").fill((now + timedelta(hours=8, minutes=-20)).strftime("%Y-%m-%dT%H:%M"))
    she.page.get_by_label("Minutes of talk").fill("4")
    she.page.locator("#note").fill("Will pay on Monday.")
    she.press("Save")
    she.look.open(f"{desk.path}/timeline?kind=call")
    she.sees("Answered")

    # The thread of the dispute is answered.
    she.menu("Conversations")
    she.follow(journey.borrower_no)
    she.page.get_by_label("Your reply").fill("您好，我们已核对，逾期提醒会暂停。")
    she.press("Send")
    she.sees("逾期提醒会暂停")
    conversations = journey.me("GET", "/conversations")["items"]
    said = [journey.me("GET", f"/conversations/{each['id']}/messages")["items"] for each in conversations]
    assert any("逾期提醒会暂停" in word["text"] for words in said for word in words)

    # A plan is offered, and accepted in the app.
    she.look.open(desk.path)
    she.act("Offer a plan")
    she.page.locator("#option-1").get_by_role("button").click()
    she.look.page.wait_for_url("**/plans")
    request = the_plan_request()
    assert (request.state, request.asked_by) == ("offered", "staff:Zhao Min")
    offered = journey.me("GET", f"/plan-requests/{request.id}")
    journey.me("POST", f"/plan-requests/{request.id}/accept", {"document_sha256": offered["document_sha256"]})
    she.page.reload()
    she.sees("Accepted")

    # A version of the policy that somebody else handed in is approved and put in force, after its rehearsal was read.
    she.menu("Policies")
    she.look.open(f"/desk/policies/rehearsals/{desk.values['rehearsal_id']}")
    assert she.page.locator("svg.chart").count() > 0
    she.look.open("/desk/policies/acme/1")
    she.press("Approve")
    she.press("Put in force")
    she.sees("staff:Zhao Min")

    # All of that stands in the audit trail.
    she.look.open("/desk/audit?actor=staff:Zhao+Min")
    found = set(she.page.locator("main tbody tr td:nth-child(3)").all_inner_texts())
    assert DONE - found == set()
    assert look.problems == []


def the_plan_request() -> Any:
    with reading() as session:
        row = session.scalars(select(PlanRequestRow)).one()
        session.expunge(row)
        return row


def test_the_desk_is_usable_by_keyboard_alone(sqlite_book: Flask, desk: Furnished, chromium: tuple[Any, str]) -> None:
    from playwright.sync_api import expect

    look = looked(chromium[0], sqlite_book, chromium[1], desk.seat(sqlite_book, name="Ann"))
    page, keys = look.page, look.page.keyboard
    look.open("/desk")

    keys.press("/")
    keys.type(PHONE)
    keys.press("Enter")
    expect(page.get_by_role("region", name="Borrowers found")).to_be_visible()
    keys.press("j")
    expect(page.get_by_role("button", name="Open B-1001")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)

    keys.press("g")
    keys.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("Conversations")
    keys.press("j")
    expect(page.locator("main tbody a").first).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_label("Your reply")).to_be_visible()
    tab_to(look, "#text")
    keys.type("您好，正在核对。")
    tab_to(look, "main form button:has-text('Send')")
    keys.press("Enter")
    expect(page.locator("ol.thread")).to_contain_text("正在核对")

    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.get_by_label("Keys are on").press("Space")
    keys.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    keys.press("/")
    assert page.evaluate("document.activeElement.id") != "search"
    assert look.problems == []


def tab_to(look: Looked, selector: str) -> None:
    """Press Tab until that has the focus."""
    for _ in range(60):
        if look.page.locator(selector).first.evaluate("(each) => each === document.activeElement"):
            return
        look.page.keyboard.press("Tab")
    pytest.fail(f"Tab does not lead to {selector}.")


def test_on_a_phone_the_menu_folds_and_the_page_stays_as_wide_as_the_screen(
    sqlite_book: Flask, desk: Furnished, chromium: tuple[Any, str]
) -> None:
    seat = desk.seat(sqlite_book, name="Ann")
    look = looked(chromium[0], sqlite_book, chromium[1], seat, viewport={"width": 360, "height": 740}, has_touch=True)
    she = DeskBrowser(look)
    look.open("/desk")

    look.page.get_by_text("Menu", exact=True).click()
    assert too_wide(look.page) == []
    look.page.get_by_role("navigation", name="Menu").get_by_role("link", name="Conversations").click()
    she.sees("Conversations")
    she.page.get_by_role("searchbox").fill(PHONE)
    she.page.get_by_role("search").get_by_role("button", name="Search").click()
    she.open_found("A payment to clear up")
    assert too_wide(look.page) == []
    assert look.problems == []
