"""Seeing one thing whole that pages show masked: shown in the answer to a form, once, and written down."""

from flask import request
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.frame import pages
from app.services.borrower_pages import REASONS
from app.services.borrower_people import FIELDS, Unmasked, Unmasking, unmask
from app.web.auth import desk, permits
from app.web.reads import end_reads
from app.web.request_context import now


@pages.get("/borrowers/<number:borrower_no>/unmask")
@permits("borrowers.unmask")
@opened
def ask_unmasking(borrower: Opened) -> BaseResponse:
    """Ask what is to be seen, and what for."""
    return _shown(borrower, None)


@pages.post("/borrowers/<number:borrower_no>/unmask")
@permits("borrowers.unmask")
@opened
def unmask_borrower(borrower: Opened) -> BaseResponse:
    """Show one thing whole."""
    who, why = desk(), request.form.get("reason", "")
    end_reads()
    asked = Unmasking(who.name, who.lender_id, borrower.no, request.form.get("field", ""), why if why in REASONS else "")
    return _shown(borrower, unmask(asked, now=now()))


def _shown(borrower: Opened, found: Unmasked | None) -> BaseResponse:
    return borrower_page("unmask.html", borrower, found=found, fields=FIELDS, reasons=REASONS)
