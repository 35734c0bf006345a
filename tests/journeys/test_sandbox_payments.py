"""The sandbox's borrower pays at the provider's page, as a person does in half a minute."""

from pathlib import Path

import pytest

from tests.journeys.running_sandbox import CHROMIUM, PATIENCE_MS, a_browser, running


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser here")
def test_an_instalment_is_paid_at_the_providers_page_and_is_no_longer_due(tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with running(tmp_path) as sandbox, sync_playwright() as playwright:
        browser = a_browser(playwright)
        page = browser.new_page(viewport={"width": 1240, "height": 900}, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{sandbox.url}/sandbox#DEMO-GB")
        page.locator(".unlock").click()
        page.get_by_role("button", name="Send code").click()
        page.get_by_role("button", name="From Messages").click()
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".due.overdue")).to_have_count(1)

        with page.expect_popup() as opened:
            page.locator(".due.overdue .online").click()
        checkout = opened.value
        checkout.get_by_role("button", name="Pay", exact=True).click()

        expect(checkout.get_by_role("heading", level=1)).to_have_text("Thank you")
        assert "/v1/callbacks/payments/stripe/return/" in checkout.url
        page.bring_to_front()
        expect(page.locator(".due.overdue")).to_have_count(0)
