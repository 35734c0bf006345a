"""Finding a borrower: what is typed goes in a form, so that no address, log or history holds it."""

from flask import request
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import open_with
from app.console.forms import Form
from app.console.frame import go, page, pages
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import reading
from app.services.borrower_pages import REASONS
from app.services.borrower_search import Searcher, search
from app.web.auth import desk, permits
from app.web.request_context import now


@pages.get("/")
@pages.get("")
@permits("borrowers.search")
def home() -> BaseResponse:
    """Show what can be searched by."""
    return _shown(None)


@pages.get("/search")
@permits("borrowers.search")
def search_again() -> BaseResponse:
    """Somebody loads the address of an answer anew: what was typed is not in it."""
    return go("/desk")


@pages.post("/search")
@permits("borrowers.search")
def search_borrowers() -> BaseResponse:
    """Show who is found; lists are masked."""
    typed = request.form.get("q", "").strip()
    if not typed:
        return go("/desk")
    who = desk()
    with reading() as session:
        region = get_lender(session, who.lender_id).jurisdiction[:2]
    return _shown(search(typed, searcher=Searcher(who.name, who.lender_id, region), now=now()))


@pages.post("/borrowers/open")
@permits("borrowers.open")
def open_found() -> BaseResponse:
    """Open one of those found, for the reason chosen above the list."""
    return open_with(request.form.get("borrower_no", ""))


def _shown(answer: object) -> BaseResponse:
    return page("borrowers/search.html", answer=answer, reasons=REASONS, form=Form())
