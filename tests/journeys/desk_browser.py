"""The console as somebody at the desk uses it: what they do, by what stands on the pages and not by how it is made."""

import re
from datetime import datetime, timedelta

import pyotp
from playwright.sync_api import Locator, expect

from tests.journeys.console_walk import Looked


class DeskBrowser:
    """One person's browser. Words are the English ones."""

    def __init__(self, look: Looked) -> None:
        self.look, self.page = look, look.page

    # -- getting in ----------------------------------------------------------------------------------------------------

    def accept_invitation(self, link: str, password: str, *, now: datetime) -> pyotp.TOTP:
        """Set the account up; return what the authenticator app then has."""
        self.page.goto(self.look.url + link[link.index("/desk/") :])
        expect(self.page.get_by_label("invitation", exact=False).first).not_to_have_value("")
        self.press("Go on")
        secret = "".join(self.page.locator("figure.qr code").inner_text().split())
        app = pyotp.TOTP(secret)
        for field in self.page.locator("input[type=password]").all():
            field.fill(password)
        self.page.get_by_label("The code that your app shows now").fill(app.at(now))
        self.press("Set up the account")
        assert self.page.locator("ol.codes li").count() >= 8
        self.page.get_by_role("button", name="I have kept them").click()
        return app

    def sign_in(self, email: str, password: str, app: pyotp.TOTP, *, now: datetime) -> None:
        """Sign in with both factors. The code that set the account up is not taken again, so the next one is given."""
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.press("Go on")
        self.page.get_by_label("Code").fill(app.at(now + timedelta(seconds=30)))
        self.press("Sign in")
        expect(self.page.get_by_role("searchbox")).to_be_visible()

    # -- borrowers -----------------------------------------------------------------------------------------------------

    def find(self, words: str) -> Locator:
        """Search by the keyboard from wherever one is; return the rows found."""
        self.page.keyboard.press("/")
        self.page.keyboard.type(words)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("region", name="Borrowers found")).to_be_visible()
        return self.page.locator("main tbody tr")

    def open_found(self, reason: str) -> None:
        """Open the only one found."""
        self.page.get_by_label("Why do you open them?").select_option(label=reason)
        self.page.locator("main tbody tr").get_by_role("button", name="Open").click()
        expect(self.page.get_by_role("navigation", name="About this borrower")).to_be_visible()

    def tab(self, name: str) -> None:
        """Go to another part of the borrower."""
        self.page.get_by_role("navigation", name="About this borrower").get_by_role("link", name=name, exact=True).click()

    def act(self, name: str) -> None:
        """Begin something from the borrower's page."""
        self.tab("Overview")
        self.page.locator("ul.actions").get_by_role("link", name=name, exact=True).click()

    # -- anywhere ------------------------------------------------------------------------------------------------------

    def menu(self, name: str) -> None:
        """Go to another place of the desk."""
        self.page.get_by_role("complementary").get_by_role("link", name=name, exact=True).click()

    def press(self, name: str) -> None:
        """Press the only button of that name on the page."""
        self.page.locator("main").get_by_role("button", name=name, exact=True).click()

    def follow(self, pattern: str) -> None:
        """Follow the first link of the page that says so."""
        self.page.locator("main").get_by_role("link", name=re.compile(pattern)).first.click()

    def sees(self, words: str) -> None:
        """These words stand on the page."""
        expect(self.page.locator("main")).to_contain_text(words)
