"""Every page of the console as a browser shows it: which there are, and what may not be wrong with any."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.routing import Rule

from app.wording.console_words import catalogue
from tests.builders.desk import Seat
from tests.journeys.running_sandbox import PATIENCE_MS

NO_PAGE = frozenset({"console_entry.static"})
PARTS = ("/part", "/now", "/contact-now", "/overview", "/live", "/queue")
"""How addresses of parts of pages end: they are looked at within their page."""
EVERY_RULE = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
OF_COLOURS = {"type": "rule", "values": ["color-contrast"]}
"""All of them that another theme can break."""
SERIOUS = frozenset({"serious", "critical"})
_NO_TEXT_OF_OURS = "code, kbd, [lang], .said, script, style"
_TEXTS = """(skip) => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode())
    if (!walker.currentNode.parentElement.closest(skip)) found.push(walker.currentNode.textContent);
  return found;
}"""
"""What stands on the page, but for what is in elements that are left out."""


def page_rules(app: Flask) -> list[Rule]:
    """Return the routes that show a page or a part of one."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console") and "GET" in (rule.methods or ()) and rule.endpoint not in NO_PAGE
    ]


def addresses(app: Flask, values: Mapping[str, str], special: Mapping[str, str | None]) -> tuple[dict[str, str], list[str]]:
    """Return endpoint -> address of each page, and the endpoints that nobody said how to fill.

    `values`: by the name of a variable part; `special`: by endpoint, a whole address, None: it shows no page by itself.
    """
    found: dict[str, str] = {}
    missing: list[str] = []
    for rule in page_rules(app):
        name = rule.endpoint.partition(".")[2]
        if name in special:
            if (address := special[name]) is not None:
                found[name] = address
        elif rule.arguments - values.keys():
            missing.append(f"{name} {rule.rule}")
        else:
            with app.test_request_context():
                given = {key: int(values[key]) if values[key].isdigit() else values[key] for key in rule.arguments}
                found[name] = app.url_map.bind("x").build(rule.endpoint, given)
    return found, missing


@dataclass
class Looked:
    """A browser of somebody at the desk, and everything that went wrong in it."""

    context: BrowserContext
    page: Page
    url: str
    problems: list[str] = field(default_factory=list)

    def open(self, address: str) -> int:
        """Open a page; return its status."""
        answer = self.page.goto(self.url + address)
        assert answer is not None
        return answer.status


def looked(browser: Browser, app: Flask, url: str, seat: Seat | None = None, **options: Any) -> Looked:
    """Return a browser, signed in as this member of staff."""
    given = {"viewport": {"width": 1240, "height": 900}, "locale": "en-GB", "reduced_motion": "reduce", **options}
    context = browser.new_context(**given)
    if seat is not None:
        for each in seat.browser._cookies.values():  # type: ignore[union-attr]
            kept = {"name": each.key, "value": each.value, "domain": "localhost", "path": each.path}
            context.add_cookies([{**kept, "secure": each.key.startswith("__")}])  # type: ignore[typeddict-item]
    context.add_init_script(AXE_SCRIPT)
    found = Looked(context, context.new_page(), url)
    found.page.set_default_timeout(PATIENCE_MS)
    found.page.on("console", lambda message: _note(found, message))
    found.page.on("pageerror", lambda error: found.problems.append(f"script: {error}"))
    context.on("request", lambda request: _only_here(found, request.url))
    return found


def _note(found: Looked, message: Any) -> None:
    if message.type == "error" and "status of 4" not in message.text:
        found.problems.append(f"console at {urlsplit(found.page.url).path}: {message.text}")


def _only_here(found: Looked, address: str) -> None:
    if not address.startswith((found.url, "data:", "blob:")):
        found.problems.append(f"asked elsewhere: {address}")


# -- what may not be wrong ---------------------------------------------------------------------------------------------


def violations(page: Page, rules: Mapping[str, Any]) -> list[str]:
    """Return what axe finds serious or critical: rule, how many, the first of them."""
    found = page.evaluate(
        "(rules) => axe.run(document, {runOnly: rules, resultTypes: ['violations'], elementRef: false})", rules
    )["violations"]
    return [
        f"{each['id']} ({each['impact']}, {len(each['nodes'])}): {each['nodes'][0]['html'][:160]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


def too_wide(page: Page) -> list[str]:
    """Return what makes the page scroll sideways, if it does."""
    return page.evaluate(
        """() => {
          const wide = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= wide) return [];
          return [...document.querySelectorAll("main *, header *")]
            .filter((each) => each.getBoundingClientRect().right > wide + 1 && !each.closest(".scroll, .tabs"))
            .slice(0, 3).map((each) => each.outerHTML.slice(0, 120)).concat("the page scrolls sideways");
        }"""
    )


def raw_keys(page: Page) -> list[str]:
    """Return keys of phrases that stand where their words should; acts and permissions are told as code."""
    said = page.evaluate(_TEXTS, "code, kbd")
    return sorted({key for text in said for key in re.findall(r"\b[a-z_]+\.[a-z0-9_]+\b", text) if key in catalogue()})


def english(page: Page) -> list[str]:
    """Return English sentences on a page that is in another language: four words in a row that are ours to say.

    Laws are cited as they are named, after the rule's own name.
    """
    said = (re.sub(r"[A-Z]{2,}-[A-Z0-9-]+,[^:：;；。]*", "", text) for text in page.evaluate(_TEXTS, _NO_TEXT_OF_OURS))
    return [found[0] for text in said if (found := re.search(r"[A-Za-z]{2,}(?:[ ,]+[A-Za-z]{2,}){3,}", text))]


def each_look(page: Page) -> Iterator[tuple[str, list[str]]]:
    """Yield how a page is looked at, light and dark, wide and narrow, with what is wrong with it then."""
    for scheme, rules in (("light", EVERY_RULE), ("dark", OF_COLOURS)):
        for width in (1240, 360):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            yield f"{scheme}, {width} px", [*violations(page, rules), *too_wide(page)]
