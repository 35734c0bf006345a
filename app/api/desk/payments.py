"""Staff see payments at providers, and what providers told of them, above all what was not believed."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.borrower.money import example_money
from app.api.desk.staff import door
from app.domain.money import Money
from app.domain.payment_intents import IntentState, Purpose, WhyRefused
from app.persistence.queries.payment_intents import page_events, page_lender_intents
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, InstantField, MoneyField, PageQuerySchema, PatternField
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads

_STATES = ("applied", "duplicate", "refused", "unknown")


class EventQuerySchema(PageQuerySchema):
    """Which events."""

    state = fields.String(validate=validate.OneOf(_STATES), metadata={"description": "Only of this state."})


class EventSchema(Schema):
    """One thing a provider told."""

    id = IdField(required=True)
    provider = fields.String(required=True)
    event_id = fields.String(required=True, metadata={"description": "The provider's own."})
    kind = fields.String(required=True, metadata={"description": "The provider's own word."})
    intent_id = IdField(required=True, allow_none=True)
    loan_no = fields.String(required=True, allow_none=True)
    borrower_no = fields.String(required=True, allow_none=True)
    amount = MoneyField(required=True, allow_none=True)
    state = fields.String(
        required=True,
        metadata={
            "enum": list(_STATES),
            "description": "duplicate: it changed nothing; refused: not believed; unknown: nothing that is acted upon.",
        },
    )
    why = fields.String(required=True, allow_none=True, metadata={"enum": [*WhyRefused, None]})
    received_at = InstantField(required=True)


class EventsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(EventSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DeskIntentQuerySchema(PageQuerySchema):
    """Which payments."""

    loan_no = PatternField(NUMBER_PATTERN, metadata={"description": "Only of this loan."})
    state = fields.String(validate=validate.OneOf(list(IntentState)), metadata={"description": "Only of this state."})


class DeskIntentSchema(Schema):
    """One payment at a provider. The address of its page is the borrower's alone."""

    id = IdField(required=True)
    loan_no = fields.String(required=True)
    borrower_no = fields.String(required=True)
    provider = fields.String(required=True)
    purpose = fields.String(required=True, metadata={"enum": list(Purpose)})
    amount = MoneyField(required=True)
    state = fields.String(required=True, metadata={"enum": list(IntentState)})
    provider_reference = fields.String(required=True, allow_none=True)
    payment_reference = fields.String(
        required=True, allow_none=True, metadata={"description": "What the provider's statement names."}
    )
    entry_reference = fields.String(
        required=True, allow_none=True, metadata={"description": "Of the ledger entry, once it is booked."}
    )
    failure_code = fields.String(required=True, allow_none=True)
    created_by = fields.String(required=True)
    created_at = InstantField(required=True)
    changed_at = InstantField(required=True)
    expires_at = InstantField(required=True)
    paid_at = InstantField(required=True, allow_none=True)


class DeskIntentsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(DeskIntentSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_EVENT = {
    "id": _ID,
    "provider": "stripe",
    "event_id": "evt_1Q2w3e",
    "kind": "payment_intent.succeeded",
    "intent_id": _ID,
    "loan_no": "CN-1001",
    "borrower_no": "B-1001",
    "amount": example_money(1),
    "state": "refused",
    "why": "other_amount",
    "received_at": "2026-11-23T09:01:00Z",
}
_INTENT = {
    "id": _ID,
    "loan_no": "CN-1001",
    "borrower_no": "B-1001",
    "provider": "stripe",
    "purpose": "due",
    "amount": example_money(104500),
    "state": "succeeded",
    "provider_reference": "cs_5f2b0c",
    "payment_reference": "pi_5f2b0c",
    "entry_reference": f"pi:stripe:{_ID}",
    "failure_code": None,
    "created_by": "borrower",
    "created_at": "2026-11-23T09:00:00Z",
    "changed_at": "2026-11-23T09:01:00Z",
    "expires_at": "2026-11-23T10:00:00Z",
    "paid_at": "2026-11-23T09:01:00Z",
}


@door.get("/payment-events")
@permits("payment_events.read")
@door.asks(EventQuerySchema)
@answers(200, EventsSchema, example={"items": [_EVENT], "next_cursor": None})
def list_payment_events(query: dict[str, Any]) -> Answer:
    """List what payment providers told of your loans, newest first, and what names no payment that is known.

    `state=refused` lists what was not believed: forged, for another amount, currency, payment or account.
    """
    begin = requested_key(query)
    rows = page_events(
        reads(),
        desk().lender_id,
        state=query.get("state"),
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
    )
    return page_answer([_event(row) for row in rows], [Key(row.received_at, row.id) for row in rows], query)


@door.get("/payment-intents")
@permits("payment_intents.read")
@door.asks(DeskIntentQuerySchema)
@answers(200, DeskIntentsSchema, example={"items": [_INTENT], "next_cursor": None})
def list_desk_payment_intents(query: dict[str, Any]) -> Answer:
    """List payments at providers, newest first."""
    begin = requested_key(query)
    rows = page_lender_intents(
        reads(),
        desk().lender_id,
        loan_no=query.get("loan_no"),
        state=query.get("state"),
        before=begin.row_id if begin else None,
        limit=query["limit"] + 1,
    )
    views = [{**row._mapping, "amount": Money(row.amount_minor, row.currency)} for row in rows]
    return page_answer(views, [Key(row.created_at, row.id) for row in rows], query)


def _event(row: Any) -> dict[str, Any]:
    is_sum = row.amount_minor is not None and row.currency is not None
    return {**row._mapping, "amount": Money(row.amount_minor, row.currency) if is_sum else None}
