"""What all pages about one borrower share: that somebody opened them with a reason, their name, their tabs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import quote

from flask import request
from marshmallow import EXCLUDE, Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.unit_of_work import Work
from app.services.borrower_openings import Opening, add_opening, find_opening
from app.services.borrower_pages import REASONS
from app.services.profiles import Profile, get_profile
from app.web.auth import desk, permits
from app.web.reads import reads
from app.web.request_context import now

TABS = (
    ("", "borrowers.tab_overview"),
    ("/timeline", "borrowers.tab_timeline"),
    ("/notes", "borrowers.tab_notes"),
    ("/why", "borrowers.tab_why"),
    ("/upcoming", "borrowers.tab_upcoming"),
    ("/openings", "borrowers.tab_openings"),
)
"""What stands behind a borrower's address, and the words of its tab; each loan has a tab of its own."""

View = Callable[..., BaseResponse]


@dataclass(frozen=True, slots=True)
class Opened:
    """A borrower who was opened: what a page needs to read about them."""

    id: str
    no: str
    opening: Opening

    @property
    def path(self) -> str:
        """Where the borrower's pages are."""
        return f"{PREFIX}/borrowers/{self.no}"


def opened(view: View) -> View:
    """Give a view (`borrower`, ...) an opened borrower of this lender; who did not open them is asked why first."""

    @wraps(view)
    def wrapper(borrower_no: str, **more: Any) -> BaseResponse:
        who = desk()
        borrower_id = get_borrower_of_lender(reads(), who.lender_id, borrower_no)
        opening = find_opening(
            reads(), borrower_id, lender_id=who.lender_id, actor=who.name, seat=who.session_id or who.key_id, now=now()
        )
        if opening is None:
            return _ask(borrower_no, Form(), request.full_path.rstrip("?") if request.method == "GET" else "")
        return view(Opened(borrower_id, borrower_no, opening), **more)

    return wrapper


def borrower_page(
    template: str, borrower: Opened, profile: Profile | None = None, *, status: int = 200, **values: Any
) -> BaseResponse:
    """Return a page about an opened borrower, with their name and tabs."""
    return page(
        f"borrowers/{template}",
        status=status,
        borrower=borrower,
        profile=profile or get_profile(reads(), borrower.id),
        tabs_of=TABS,
        **values,
    )


class OpeningSchema(Schema):
    """Why somebody opens a borrower, and where they go then."""

    class Meta:  # noqa: D106 - which borrower stands in the address, or beside the reason in a list of those found
        unknown = EXCLUDE

    reason = fields.String(required=True, validate=validate.OneOf(REASONS))
    next = fields.String(load_default="")


@pages.post("/borrowers/<number:borrower_no>/opening")
@permits("borrowers.open")
def open_borrower(borrower_no: str) -> BaseResponse:
    """Write down who opens a borrower and why, and show the page."""
    return open_with(borrower_no)


def open_with(borrower_no: str) -> BaseResponse:
    """Open a borrower for the reason in this request's form, and go to the page or on to what was asked for."""
    who, at = desk(), now()
    home = f"{PREFIX}/borrowers/{quote(borrower_no, safe='')}"

    def act(work: Work, values: dict[str, Any]) -> str:
        borrower_id = get_borrower_of_lender(work.session, who.lender_id, borrower_no)
        add_opening(work, borrower_id, values["reason"], actor=who.name, seat=who.session_id or who.key_id, now=at)
        wanted: str = values["next"]
        return wanted if wanted.startswith((f"{home}/", f"{home}?")) else home

    return submit(OpeningSchema, act, lambda form: _ask(borrower_no, form, form.values.get("next", ""), status=422))


def _ask(borrower_no: str, form: Form, wanted: str, *, status: int = 200) -> BaseResponse:
    if request.headers.get("HX-Request"):  # a part that refreshes itself must not become a form: the whole page asks
        return BaseResponse(status=204, headers={"HX-Refresh": "true"})
    return page("borrowers/opening.html", status=status, borrower_no=borrower_no, form=form, wanted=wanted, reasons=REASONS)
