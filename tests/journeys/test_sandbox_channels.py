"""All channels on the phone of the sandbox page, as a person goes through them in a minute."""

from pathlib import Path

import pytest

from tests.journeys.running_sandbox import CHROMIUM, PATIENCE_MS, a_browser, running


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser here")
def test_the_phone_shows_every_channel_and_what_is_done_on_it_counts(tmp_path: Path) -> None:
    from playwright.sync_api import Page, expect, sync_playwright

    def send(page: Page, channel: str) -> None:
        page.locator(f"[data-sample={channel}]").click()

    def ended(page: Page, channel: str, state: str) -> None:
        newest = page.locator(f"#deliveries tr[data-channel={channel}]").first
        expect(newest).to_have_attribute("data-state", state)

    expect.set_options(timeout=PATIENCE_MS)
    problems: list[str] = []
    with running(tmp_path) as sandbox, sync_playwright() as playwright:
        browser = a_browser(playwright)
        page = browser.new_page(viewport={"width": 1240, "height": 900}, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{sandbox.url}/sandbox#DEMO-GB")
        page.locator(".unlock").click()
        page.get_by_role("button", name="Send code").click()
        page.get_by_role("button", name="From Messages").click()
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".due.overdue")).to_have_count(1)
        page.get_by_role("button", name="Lock").click()

        # One on each channel: notices on the lock screen, dots on the apps.
        for channel in ("push", "sms", "wechat", "email", "letter"):
            send(page, channel)
        for channel in ("push", "sms", "wechat", "email"):
            expect(page.locator(f".notice[data-channel={channel}]").first).to_be_visible()
        ended(page, "letter", "delivered")
        expect(page.get_by_role("button", name="Letterbox, 1 new")).to_be_visible()

        # The letter is a PDF; the card shows what the platform shows; the mail is ended with one click.
        page.get_by_role("button", name="Letterbox").click()
        letter = page.request.get(sandbox.url + (page.locator(".paper .open").get_attribute("href") or ""))
        assert (letter.status, letter.headers["content-type"]) == (200, "application/pdf")
        assert letter.body().startswith(b"%PDF-")
        page.get_by_role("button", name="Home").click()
        page.locator(".dock [data-act=wechat]").click()
        expect(page.locator(".wechat-card dd")).to_have_text(["A message for you", "Help, advice: in app"])
        page.get_by_role("button", name="Home").click()
        page.locator(".dock [data-act=mail]").click()
        page.get_by_role("button", name="Unsubscribe").click()
        expect(page.get_by_role("button", name="You are unsubscribed.")).to_be_visible()
        send(page, "email")
        expect(page.get_by_role("alert")).to_contain_text("OPTED_OUT")
        page.get_by_role("button", name="Home").click()

        # A call rings, says what it says, and takes a key.
        send(page, "voice")
        page.get_by_role("button", name="Answer").click()
        expect(page.locator(".transcript")).to_contain_text("This is an automated call from Brightwell Loans")
        page.locator(".key", has_text="1").click()
        page.get_by_role("button", name="Hang up").click()
        ended(page, "voice", "delivered")

        # STOP ends texts: the next one does not leave.
        page.locator(".dock [data-act=messages]").click()
        page.get_by_role("button", name="Reply STOP").click()
        stopped = page.locator("#addresses label", has=page.locator("[data-channel=sms]")).locator(".badge")
        expect(stopped).to_have_text("opted out")
        send(page, "sms")
        expect(page.get_by_role("alert")).to_contain_text("OPTED_OUT")
        page.get_by_role("button", name="Home").click()

        # A magic address: the text is refused, and the address is kept from then on.
        page.locator("#addresses [data-channel=sms]").select_option("invalid")
        page.get_by_role("heading", level=1).click()
        send(page, "sms")
        ended(page, "sms", "failed")
        expect(stopped).to_have_text("no such address")

        # What the push reminded of is paid: it goes from the lock screen.
        expect(page.locator(".notice[data-channel=push]")).to_have_count(1)
        page.locator(".unlock").click()
        page.locator(".due.overdue .pay").click()
        expect(page.locator(".due.overdue")).to_have_count(0)
        page.get_by_role("button", name="Lock").click()
        expect(page.locator(".notice[data-channel=push]")).to_have_count(0)
        browser.close()
    assert problems == []
