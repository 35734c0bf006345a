"""Staff find borrowers of their lender, open one, and read a loan or the timeline of them."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.borrower_examples import FOUND, LOAN, PAGE, UPCOMING
from app.api.desk.staff import door
from app.api.value_forms import form_of, plain
from app.services.borrower_hits import KINDS, SearchAnswer
from app.services.borrower_page_parts import BorrowerPage
from app.services.borrower_pages import REASONS, Opening, open_borrower
from app.services.borrower_people import FIELDS, LONGEST_WHY, Unmasked, Unmasking, unmask
from app.services.borrower_search import Searcher, search
from app.services.desk_loans import DeskLoan, open_loan
from app.services.desk_upcoming import DeskUpcoming, upcoming_at_desk
from app.services.notes import Writer
from app.services.search_words import LONGEST_TEXT
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, TextField
from app.web.languages import request_locale
from app.web.reads import end_reads
from app.web.request_context import now


class SearchSchema(Schema):
    """What to look for."""

    text = TextField(
        LONGEST_TEXT,
        required=True,
        metadata={
            "description": "A phone in any writing or its last four digits, an e-mail, a loan or borrower number, a payment "
            "or transfer reference, or words of a name, all of which must match."
        },
    )
    kind = fields.String(
        load_default=None,
        validate=validate.OneOf(KINDS),
        metadata={"description": "Only as this; left out, the text is tried as all it can be."},
    )


class ReasonQuerySchema(Schema):
    """Why a page is opened, and for what."""

    reason = fields.String(
        required=True,
        validate=validate.OneOf(REASONS),
        error_messages={"required": f"Say why the page is opened: one of {', '.join(REASONS)}."},
        metadata={"description": "It stands in the audit trail."},
    )
    task_id = IdField(load_default=None)
    conversation_id = IdField(load_default=None)


class DayQuerySchema(Schema):
    """Which past day, and whose knowledge of it."""

    as_of = DateField(load_default=None, metadata={"description": "End of this day, in the loan's zone."})
    known_at = InstantField(
        load_default=None, metadata={"description": "As it was known then; left out, at the end of that day."}
    )


class UnmaskSchema(Schema):
    """Which field, and what it is needed for."""

    field = fields.String(required=True, validate=validate.OneOf(FIELDS))
    reason = TextField(LONGEST_WHY, required=True, metadata={"description": "For the audit trail."})


@door.post("/borrowers/search")
@permits("borrowers.search")
@door.takes(SearchSchema, example={"text": "138 0000 1234"})
@answers(200, form_of(SearchAnswer), example=FOUND)
def search_borrowers(body: dict[str, Any]) -> Answer:
    """Find borrowers of this lender. Personal data is masked; there are 20 at most and no pages: add a word where more are.

    Counted exactly for each member of staff and hour; the audit trail keeps kinds and number of hits, not what was typed.
    """
    who, at = desk(), now()
    end_reads()
    searcher = Searcher(who.name, who.lender_id)
    return Answer(plain(search(body["text"], kind=body["kind"], searcher=searcher, now=at)), 200, dumped=True)


@door.get("/borrowers/<number:borrower_no>")
@permits("borrowers.open")
@door.asks(ReasonQuerySchema)
@answers(200, form_of(BorrowerPage), example=PAGE)
def get_borrower_page(query: dict[str, Any], borrower_no: str) -> Answer:
    """Open a borrower's page: everything this lender knows of them. Each opening is written down with its reason.

    Lists hold the newest 20 of each; `more` names those that go on. What is sent next, step by step, is at `/upcoming`.
    """
    who, at, locale = desk(), now(), request_locale()
    end_reads()
    opening = Opening(who.name, who.lender_id, borrower_no, **query)
    return Answer(plain(open_borrower(opening, now=at, locale=locale)), 200, dumped=True)


@door.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>")
@permits("borrowers.open")
@door.asks(DayQuerySchema)
@answers(200, form_of(DeskLoan), example=LOAN)
def get_loan_of_borrower(query: dict[str, Any], borrower_no: str, loan_no: str) -> Answer:
    """Show a loan with its rows; with `as_of` or `known_at` that day as known then and as known now, and why they differ."""
    who, at = desk(), now()
    end_reads()
    reader = Writer(who.name, who.role, who.lender_id)
    return Answer(plain(open_loan(borrower_no, loan_no, reader=reader, now=at, **query)), 200, dumped=True)


@door.get("/borrowers/<number:borrower_no>/upcoming")
@permits("borrowers.open")
@answers(200, form_of(DeskUpcoming), example=UPCOMING)
def list_upcoming_of_borrower(borrower_no: str) -> Answer:
    """List what is planned to be sent within 30 days about loans of this lender, and what stands in the way of it."""
    who, at, locale = desk(), now(), request_locale()
    end_reads()
    return Answer(plain(upcoming_at_desk(borrower_no, who.lender_id, now=at, locale=locale)), 200, dumped=True)


@door.post("/borrowers/<number:borrower_no>/unmask")
@permits("borrowers.unmask")
@door.takes(UnmaskSchema, example={"field": "phone", "reason": "Calls back from another line, ticket 8123."})
@answers(200, form_of(Unmasked), example={"field": "phone", "value": "+8613800001234", "lines": []})
def unmask_borrower(body: dict[str, Any], borrower_no: str) -> Answer:
    """Show one masked field whole. It is written down who saw it and why, and counted exactly for each person and hour."""
    who, at = desk(), now()
    end_reads()
    asked = Unmasking(who.name, who.lender_id, borrower_no, body["field"], body["reason"])
    return Answer(plain(unmask(asked, now=at)), 200, dumped=True)
