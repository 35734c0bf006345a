"""One loan of a borrower: its schedule, what was posted on it, and a day of the past in two views."""

from datetime import timedelta

from marshmallow import Schema, fields
from werkzeug.wrappers import Response as BaseResponse

from app.console.asked import asked, older, place, with_query
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.frame import pages
from app.persistence.unit_of_work import reading
from app.services.loan_pages import loan_page, past_day
from app.web.auth import desk, permits
from app.web.fields import DateField, TextField
from app.web.reads import reads
from app.web.request_context import now


class LoanQuerySchema(Schema):
    """A page of what was posted."""

    cursor = TextField(512)


class PastQuerySchema(Schema):
    """Which day of the past."""

    on = DateField(load_default=None)
    changed = fields.Boolean(load_default=False)


@pages.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>")
@permits("borrowers.open")
@opened
def borrower_loan(borrower: Opened, loan_no: str) -> BaseResponse:
    """Show a loan as its borrower sees it today, with what was posted on it and how it was spread."""
    query = asked(LoanQuerySchema)
    with reading() as session:
        found = loan_page(session, reads(), borrower.id, loan_no, lender_id=desk().lender_id, now=now(), before=place(query))
    return borrower_page(
        "loan.html", borrower, found=found, loan_no=loan_no, older=older(found.resume, query), is_first="cursor" not in query
    )


@pages.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/past")
@permits("borrowers.open")
@opened
def borrower_loan_past(borrower: Opened, loan_no: str) -> BaseResponse:
    """Show a past day of a loan as it was shown then, and as it is known now."""
    query, at = asked(PastQuerySchema), now()
    with reading() as session:
        found = past_day(session, reads(), borrower.id, loan_no, query["on"], lender_id=desk().lender_id, now=at)
    before, after = found.on - timedelta(days=1), found.on + timedelta(days=1)
    return borrower_page(
        "past.html", borrower, found=found, loan_no=loan_no, only_changed=query["changed"],
        earlier=with_query(on=before), later=with_query(on=after) if after < found.today else None,
    )  # fmt: skip
