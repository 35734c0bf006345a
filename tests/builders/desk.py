"""Staff with accounts and sessions, and a browser of theirs at the console, without going through the sign-in."""

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.persistence.ids import new_id
from app.persistence.models.staff import StaffAccountRow, StaffMembershipRow
from app.persistence.unit_of_work import unit_of_work
from app.services.staff_sessions import open_session
from app.web.auth import cookie_name
from tests.conftest import START

_numbers = count(1)


@dataclass
class Seat:
    """One member of staff at the desk: `headers` for the API, `browser` for the console."""

    staff_id: str
    name: str
    headers: dict[str, str]
    browser: FlaskClient

    def page(self, path: str) -> TestResponse:
        """Open a page of the console."""
        return self.browser.get(f"/desk{path}")

    def send(self, path: str, on: str | None = None, **values: Any) -> TestResponse:
        """Send the form at `path`, with the hidden fields of the page it is on (default: the same path)."""
        text = self.page(path if on is None else on).get_data(as_text=True)
        hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', text))
        return self.browser.post(f"/desk{path}", data={**hidden, **values})


def a_seat(
    app: Flask, lender_id: str, *, name: str | None = None, role: str = "agent", locale: str = "en", now: datetime = START
) -> Seat:
    """Make a member of staff with an account at this lender, signed in just now."""
    number = next(_numbers)
    staff_id, name = new_id(), name or f"Staff {number}"
    with unit_of_work() as work:
        email = f"staff{number}@example.test"
        digest = work.vault.search_hash("staff_email", email)
        work.session.add(
            StaffAccountRow(
                id=staff_id, name=name, name_folded=name.casefold(), email_digest=digest.digest, email_key_id=digest.key_id,
                email_sealed=work.vault.seal(email, place=f"staff_accounts.email:{staff_id}"), state="active",
                locale=locale, languages=[locale], created_at=now, created_by="test", version=1,
            )
        )  # fmt: skip
        work.session.flush()
        work.session.add(StaffMembershipRow(staff_id=staff_id, lender_id=lender_id, role=role, teams=[], since_at=now))
        opened = open_session(work, staff_id, lender_id, label="test", now=now)
    browser = app.test_client()
    browser.set_cookie(cookie_name(app.config["SETTINGS"]), opened.token, secure=True)
    return Seat(staff_id, name, {"Authorization": f"Bearer {opened.token}"}, browser)
