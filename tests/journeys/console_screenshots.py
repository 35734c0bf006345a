"""Pictures of the main pages for the documentation: `python -m tests.journeys.console_screenshots`."""

import tempfile
from io import BytesIO
from pathlib import Path

from flask import Flask
from PIL import Image
from playwright.sync_api import sync_playwright

from app import clock
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from tests.conftest import make_settings
from tests.journeys.console_walk import Looked, looked
from tests.journeys.furnished_desk import PHONE, Furnished, furnished, with_acts
from tests.journeys.running_sandbox import a_browser
from tests.journeys.served import served

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
MOST_BYTES = 150_000


def pictures(desk: Furnished) -> dict[str, str]:
    """Return name -> address of what is pictured."""
    return {
        "borrower": desk.path,
        "why": f"{desk.path}/why?on=2026-03-12",
        "two-views": f"{desk.path}/loans/CN-1001/past?on=2026-03-09",
        "timeline": f"{desk.path}/timeline",
        "conversation": f"/desk/conversations/{desk.values['conversation_id']}",
        "call": f"/desk/calls/{desk.values['call_id']}",
        "rehearsal": f"/desk/policies/rehearsals/{desk.values['rehearsal_id']}",
        "operations": "/desk/operations",
    }


def take(app: Flask, desk: Furnished) -> None:
    """Write the pictures."""
    seat = desk.seat(app, name="Ann", role="admin")
    path = desk.path.removeprefix("/desk")
    seat.send(f"{path}/opening", on=path, reason="caller")
    FOLDER.mkdir(exist_ok=True)
    with served(app) as url, sync_playwright() as playwright:
        browser = a_browser(playwright)
        look = looked(browser, app, url, seat, viewport={"width": 1180, "height": 760})
        look.open("/desk")
        look.page.get_by_role("searchbox").fill(PHONE)
        look.page.keyboard.press("Enter")
        look.page.wait_for_url("**/desk/search")
        _picture(look, "search")
        for name, address in pictures(desk).items():
            look.open(address)
            _picture(look, name)
        narrow = looked(browser, app, url, seat, viewport={"width": 360, "height": 740}, color_scheme="dark")
        narrow.open(desk.path)
        _picture(narrow, "borrower-narrow-dark")
        browser.close()


def _picture(look: Looked, name: str) -> None:
    path = FOLDER / f"desk-{name}.png"
    with Image.open(BytesIO(look.page.screenshot())) as shot:
        shot.convert("RGB").quantize(64).save(path, optimize=True)
    assert path.stat().st_size < MOST_BYTES, f"{path.name} is {path.stat().st_size} bytes"


def main() -> None:
    """Make a desk in a folder that is thrown away, and picture it."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(make_settings(f"sqlite:///{folder}/desk.db", Path(folder)))
        with app.app_context():
            schema.upgrade(db.engine)
            try:
                take(app, with_acts(app, furnished(app)))
            finally:
                clock.use(clock.system_now)
                db.session.remove()
                db.engine.dispose()


if __name__ == "__main__":
    main()
