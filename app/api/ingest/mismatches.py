"""The core system asks where its figures differ from our book."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.ingest.borrowers import door
from app.domain.mismatches import DAYS_PAST_DUE, KINDS, MismatchPolicy
from app.domain.money import Money
from app.domain.tapes import DayRange
from app.domain.times import EPOCH
from app.services.mismatches import LoanMismatch, page_mismatches
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.fields import CountField, DateField, MoneyField, PageQuerySchema
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads


class MismatchQuerySchema(PageQuerySchema):
    """Which differences."""

    kind = fields.String(validate=validate.OneOf(KINDS), metadata={"description": "Only this figure."})
    tolerance_minor = CountField(
        load_default=0, validate=validate.Range(0), metadata={"description": "Minor units two amounts may lie apart."}
    )


class FigureSchema(Schema):
    """An amount or, of days past due, days: from `days` to `days_to` where the core gives a band."""

    amount = MoneyField(required=True, allow_none=True)
    days = fields.Integer(required=True, allow_none=True)
    days_to = fields.Integer(required=True, allow_none=True)


class MismatchSchema(Schema):
    """One figure of one loan on which the two books differ."""

    loan_no = fields.String(required=True)
    as_of = DateField(required=True, metadata={"description": "Day of the newest tape that has the loan."})
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    core = fields.Nested(FigureSchema, required=True)
    ours = fields.Nested(FigureSchema, required=True)
    difference = fields.Nested(
        FigureSchema, required=True, metadata={"description": "The core's less ours; of a band, its nearest edge less ours."}
    )
    waits_for_core = fields.Boolean(
        required=True,
        metadata={"description": "The loan differs by what our desk did alone: book those events, and it agrees."},
    )


class MismatchesSchema(Schema):
    """A page, newest loan first. A page may be short or empty and still have a next one: go on until there is no cursor."""

    items = fields.List(fields.Nested(MismatchSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_NO_DAYS = {"days": None, "days_to": None}
EXAMPLE = {
    "loan_no": "CN-1001",
    "as_of": "2026-11-22",
    "kind": "principal_balance",
    "core": {"amount": {"amount_minor": 707845, "currency": "CNY"}, **_NO_DAYS},
    "ours": {"amount": {"amount_minor": 807845, "currency": "CNY"}, **_NO_DAYS},
    "difference": {"amount": {"amount_minor": -100000, "currency": "CNY"}, **_NO_DAYS},
    "waits_for_core": False,
}


@door.get("/mismatches")
@door.asks(MismatchQuerySchema)
@answers(200, MismatchesSchema, example={"items": [EXAMPLE], "next_cursor": None})
def list_mismatches(query: dict[str, Any]) -> Answer:
    """List where your newest tape of a loan differs from our book.

    The core's figure is what the borrower is shown; ours is kept beside it.
    """
    begin = requested_key(query)
    page = page_mismatches(
        reads(),
        ingest().lender_id,
        kinds=(query["kind"],) if "kind" in query else KINDS,
        after=begin.row_id if begin else None,
        limit=query["limit"] + 1,
        policy=MismatchPolicy(query["tolerance_minor"]),
    )
    keys = [Key(EPOCH, each.place) for each in page.items]
    resume = Key(EPOCH, page.resume) if page.resume else None
    return page_answer([shown(each) for each in page.items], keys, query, resume=resume)


def shown(each: LoanMismatch) -> dict[str, Any]:
    """Return a mismatch as the document has it."""
    found = each.mismatch

    def figure(value: int) -> dict[str, Any]:
        if found.kind == DAYS_PAST_DUE:
            return {"amount": None, "days": value, "days_to": value}
        return {"amount": Money(value, each.currency), **_NO_DAYS}

    core = _band(found.band) if found.band else figure(found.core)
    return {
        "loan_no": each.loan_no,
        "as_of": each.as_of,
        "kind": found.kind,
        "core": core,
        "ours": figure(found.ours),
        "difference": figure(found.difference),
        "waits_for_core": each.waits_for_core,
    }


def _band(band: DayRange) -> dict[str, Any]:
    return {"amount": None, "days": band.least, "days_to": band.most}
