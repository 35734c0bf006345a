"""The public pages of bulletins in a browser: they keep nobody out, ask nothing elsewhere, and print as they are."""

from datetime import timedelta
from random import Random

import pytest
from flask import Flask

from app.persistence.unit_of_work import unit_of_work
from app.services.bulletins import WantedBulletin, freeze_bulletin, make_bulletin, publish_bulletin
from tests.builders.book import build_lender, build_loan
from tests.builders.bulletins import make_events
from tests.conftest import START
from tests.journeys.console_walk import each_look, english, looked
from tests.journeys.running_sandbox import CHROMIUM
from tests.journeys.served import served

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason="no browser here")]


@pytest.fixture
def pages(sqlite_book: Flask) -> list[str]:
    """Addresses of a list of two bulletins, of each, and of one that is not there."""
    lender_id = build_lender(now=START)
    loans = [build_loan(now=START, due=[START.date()], lender_id=lender_id) for _ in range(10)]
    make_events(loans, 500, around=START - timedelta(days=60), random=Random(5))
    first_on, last_on = (START - timedelta(days=100)).date(), (START - timedelta(days=20)).date()
    first = _published(WantedBulletin(first_on, last_on, lender_id))
    again = _published(WantedBulletin(first_on, last_on, lender_id, corrects_id=first, note="A count told late."))
    missing = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
    return ["/bulletins", *(f"/bulletins/{each}" for each in (first, again, missing))]


def _published(wanted: WantedBulletin) -> str:
    with unit_of_work() as work:
        row = make_bulletin(work, wanted, by="staff:Ann", now=START)
        freeze_bulletin(work, row.id, by="staff:Ann", now=START, seed=bytes(32))
        publish_bulletin(work, row.id, by="staff:Bo", now=START)
        return row.id


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_the_public_pages_keep_nobody_out_and_ask_nothing_elsewhere(
    sqlite_book: Flask, pages: list[str], locale: str
) -> None:
    from playwright.sync_api import sync_playwright

    wrong: dict[str, list[str]] = {}
    charts = 0
    with served(sqlite_book) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        look = looked(browser, sqlite_book, url, locale=locale)
        for address in pages:
            status = look.open(address)
            assert status == (404 if address == pages[-1] else 200), address
            assert look.page.locator("main").count() == 1
            assert look.page.locator("html").get_attribute("lang") == locale.removesuffix("-GB")
            wrong |= {f"{address}, {how}": found for how, found in each_look(look.page) if found}
            if locale == "zh-CN" and (found := english(look.page)):
                wrong[f"{address}, in Chinese"] = found
            for chart in look.page.locator("figure.figure").all():
                charts += 1
                image = chart.locator("svg.chart")
                assert image.get_attribute("role") == "img"
                named = (image.get_attribute("aria-labelledby") or "").split()
                assert [len(look.page.locator(f"#{each}").text_content() or "") > 3 for each in named] == [True, True]
                assert chart.locator("table tbody tr").count() > 1  # the same as numbers
        browser.close()
    assert wrong == {}
    assert look.problems == []
    assert charts > 2


def test_a_printed_page_has_its_charts_and_is_black_on_white(sqlite_book: Flask, pages: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    with served(sqlite_book) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        look = looked(browser, sqlite_book, url)
        look.open(pages[1])
        look.page.emulate_media(media="print", color_scheme="dark")
        colours = look.page.evaluate(
            "() => { const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]; }"
        )
        shown = [each.is_visible() for each in look.page.locator("figure.figure svg.chart").all()]
        broken = look.page.evaluate(
            "() => [...document.querySelectorAll('figure.figure svg.chart')].filter("
            "each => getComputedStyle(each.closest('figure')).breakInside !== 'avoid').length"
        )
        browser.close()
    assert shown
    assert all(shown)
    assert broken == 0
    assert colours[1] in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    assert colours[0] == "rgb(0, 0, 0)"
