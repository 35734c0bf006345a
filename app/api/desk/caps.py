"""Staff see what the law takes off loans: those over their cap, those whose cap is not known, stops of interest."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate

from app.api.borrower.disclosure_forms import EXAMPLE, DisclosuresSchema
from app.api.borrower.disclosures import disclosures_view
from app.api.borrower.money import example_money
from app.api.desk.staff import door
from app.domain.caps import CODES
from app.domain.money import Money
from app.domain.stops import SCOPES
from app.domain.times import EPOCH
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.duties import page_capped
from app.persistence.queries.loans import get_own_loan_id
from app.services import base_rates
from app.services.disclosures import disclosures
from app.services.duty_lists import page_stopped
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, InstantField, MoneyField, PageQuerySchema
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now

_OVER, _UNKNOWN = "over", "unknown"


class CapQuerySchema(PageQuerySchema):
    """Which loans."""

    state = fields.String(
        load_default=_OVER,
        validate=validate.OneOf([_OVER, _UNKNOWN]),
        metadata={"description": "over: they ask more than their cap; unknown: a cap may bind, and its figure is missing."},
    )


class CappedLoanSchema(Schema):
    """A loan whose cap is not kept, or not known."""

    loan_no = fields.String(required=True)
    borrower_no = fields.String(required=True)
    code = fields.String(required=True, metadata={"enum": list(CODES)})
    annual_rate = fields.String(required=True, allow_none=True, metadata={"description": "Of the cap, a fraction."})
    above = MoneyField(required=True, metadata={"description": "What is asked above it and not collected."})
    kept_from = DateField(required=True, allow_none=True)


class CappedLoansSchema(Schema):
    """A page, in the order in which loans were put."""

    items = fields.List(fields.Nested(CappedLoanSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class InterestStopSchema(Schema):
    """A stop of interest that stands: how it began and ends, and by which rule."""

    loan_no = fields.String(required=True)
    borrower_no = fields.String(required=True)
    from_on = DateField(required=True)
    until_on = DateField(required=True, allow_none=True, metadata={"description": "First day that bears interest again."})
    scope = fields.String(required=True, metadata={"enum": list(SCOPES)})
    rule = fields.String(required=True)
    reason = fields.String(required=True)
    recorded_at = InstantField(required=True)
    recorded_by = fields.String(required=True)


class InterestStopsSchema(Schema):
    """A page."""

    items = fields.List(fields.Nested(InterestStopSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_CAPPED = {
    "loan_no": "CN-1001",
    "borrower_no": "B-1001",
    "code": "four-times-lpr",
    "annual_rate": "0.1200",
    "above": example_money(59084),
    "kept_from": "2026-05-18",
}
_STOP = {
    "loan_no": "UK-1001",
    "borrower_no": "B-1001",
    "from_on": "2026-03-12",
    "until_on": None,
    "scope": "interest_and_charges",
    "rule": "UK-NOSIA-FAIL",
    "reason": "The arrears notice was due by 2026-03-11.",
    "recorded_at": "2026-03-12T00:00:00Z",
    "recorded_by": "engine:duties",
}


@door.get("/caps")
@permits("duties.read")
@door.asks(CapQuerySchema)
@answers(200, CappedLoansSchema, example={"items": [_CAPPED], "next_cursor": None})
def list_capped_loans(query: dict[str, Any]) -> Answer:
    """List loans that ask more than their cap of law, or whose cap is not known."""
    begin = requested_key(query)
    rows = page_capped(
        reads(),
        desk().lender_id,
        unknown=query["state"] == _UNKNOWN,
        after=begin.row_id if begin else None,
        limit=query["limit"] + 1,
    )
    shown = [
        {
            "loan_no": row.loan_no,
            "borrower_no": row.borrower_no,
            "code": row.cap["code"],
            "annual_rate": row.cap["annual_rate"],
            "above": Money(row.over_cap_minor, row.currency),
            "kept_from": date.fromisoformat(row.cap["kept_from"]) if row.cap.get("kept_from") else None,
        }
        for row in rows
    ]
    return page_answer(shown, [Key(EPOCH, row.id) for row in rows], query)


@door.get("/interest-stops")
@permits("duties.read")
@door.asks(PageQuerySchema)
@answers(200, InterestStopsSchema, example={"items": [_STOP], "next_cursor": None})
def list_interest_stops(query: dict[str, Any]) -> Answer:
    """List stops of interest that stand and are not over."""
    begin, at = requested_key(query), now()
    after = begin.row_id if begin else None
    rows = page_stopped(reads(), desk().lender_id, now=at, after=after, limit=query["limit"] + 1)
    shown = [{name: getattr(row, name) for name in _STOP} for row in rows]
    return page_answer(shown, [Key(EPOCH, row.id) for row in rows], query)


@door.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/disclosures")
@permits("borrowers.open")
@answers(200, DisclosuresSchema, example=EXAMPLE)
def get_disclosures_at_desk(borrower_no: str, loan_no: str) -> dict[str, Any]:
    """Show what is disclosed of a loan exactly as its borrower sees it: licence, cost, cap, stops of interest."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    loan_id = get_own_loan_id(reads(), lender_id, borrower_id, loan_no)
    found = disclosures(reads(), borrower_id, loan_id, base_rates.fixings(), now=now())
    return disclosures_view(found, request_locale())
