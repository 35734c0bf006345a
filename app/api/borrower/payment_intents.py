"""Paying: the borrower says how much, and gets the address of a page at a payment provider. No card data comes here."""

import hashlib
from typing import Any

from flask import current_app, request
from marshmallow import Schema, fields, validate

from app import clock
from app.api.borrower.loans import door
from app.api.borrower.money import example_money
from app.domain.allocation import Surplus
from app.domain.errors import ConflictError
from app.domain.payment_intents import IntentState, Purpose
from app.persistence.db import vault
from app.persistence.queries.payment_intents import page_own_intents
from app.services import payment_intents as intents
from app.services.payment_intents import Here, IntentView
from app.services.payment_pages import IntentValues, Request, create_intent
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, InstantField, MoneyField, PageQuerySchema, TextField
from app.web.idempotency import required_key
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now
from config import Settings


class NewIntentSchema(Schema):
    """What is to be paid."""

    amount = MoneyField(required=True, metadata={"description": "From one minor unit to what pays the loan off today."})
    purpose = fields.String(
        load_default=Purpose.DUE.value,
        validate=validate.OneOf(list(Purpose)),
        metadata={"description": "payoff: the amount must be today's payoff quote."},
    )
    surplus = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(list(Surplus)),
        metadata={"description": "Where money beyond what is due goes: next, last or evenly; the loan's own way."},
    )
    return_to = TextField(
        400, load_default=None, allow_none=True, metadata={"description": "A link of the app, offered after paying."}
    )


class IntentSchema(Schema):
    """A payment at a provider."""

    id = IdField(required=True)
    loan_id = IdField(required=True)
    state = fields.String(
        required=True,
        metadata={
            "enum": list(IntentState),
            "description": "created: the provider was not reached; send the request again. pending: open `pay_url`. "
            "processing: the money is on its way, and no reminder is sent. Only succeeded means that it came.",
        },
    )
    purpose = fields.String(required=True, metadata={"enum": list(Purpose)})
    amount = MoneyField(required=True)
    surplus = fields.String(required=True, allow_none=True)
    pay_url = fields.String(
        required=True, allow_none=True, metadata={"description": "The provider's page; null when it is closed."}
    )
    expires_at = InstantField(required=True)
    failure_code = fields.String(
        required=True, allow_none=True, metadata={"description": "The provider's word for why the last try failed."}
    )
    created_at = InstantField(required=True)
    paid_at = InstantField(required=True, allow_none=True)


class IntentsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(IntentSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_NEW = {"amount": example_money(104500), "purpose": "due", "surplus": None, "return_to": None}
_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11",
    "state": "pending",
    "purpose": "due",
    "amount": example_money(104500),
    "surplus": None,
    "pay_url": "…/c/pay/cs_5f2b0c",
    "expires_at": "2026-11-23T10:00:00Z",
    "failure_code": None,
    "created_at": "2026-11-23T09:00:00Z",
    "paid_at": None,
}
_DUMP = IntentSchema()


@door.post("/loans/<id:loan_id>/payment-intents")
@door.takes(NewIntentSchema, example=_NEW)
@answers(
    201,
    IntentSchema,
    example=_EXAMPLE,
    problems=("conflict", "idempotency-mismatch", "idempotency-in-flight", "provider-unavailable"),
)
def create_payment_intent(body: dict[str, Any], loan_id: str) -> Answer:
    """Open a page at a payment provider where this amount can be paid.

    When the provider does not answer (503), or nothing comes back at all, send the same request with the same
    Idempotency-Key: it goes on with the same payment, so that there is never a second one. Sent again later, the answer is
    the payment as it is then. What was paid is in the ledger before `state` says succeeded.
    """
    intents.check_own(borrower().borrower_id, loan_id)
    here, at = here_now(), now()
    key, who = required_key(), borrower()
    asked = Request(
        by=who.name,
        key=hashlib.sha256(key.encode()).hexdigest(),
        fingerprint=hashlib.sha256(request.get_data(cache=True)).hexdigest(),
        locale=request_locale(),
    )
    surplus = Surplus(body["surplus"]) if body["surplus"] else None
    values = IntentValues(body["amount"], Purpose(body["purpose"]), surplus, body["return_to"])
    made = create_intent(here, who.borrower_id, loan_id, values, request=asked, now=at, machine_now=clock.system_now())
    headers = {"Idempotency-Replayed": "true"} if made.is_replayed else {}
    return Answer(_DUMP.dump(made), 201, {**headers, "Cache-Control": "no-store"}, dumped=True)


@door.get("/loans/<id:loan_id>/payment-intents")
@door.asks(PageQuerySchema)
@answers(200, IntentsSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_payment_intents(query: dict[str, Any], loan_id: str) -> Answer:
    """List your payments at providers for a loan, newest first, whatever became of them."""
    begin = requested_key(query)
    intents.check_own(borrower().borrower_id, loan_id)
    rows = page_own_intents(
        reads(), borrower().borrower_id, loan_id, before=begin.row_id if begin else None, limit=query["limit"] + 1
    )
    views = [intents.view(row, vault()) for row in rows]
    return page_answer(views, [Key(each.created_at, each.id) for each in views], query)


@door.get("/loans/<id:loan_id>/payment-intents/<id:intent_id>")
@answers(200, IntentSchema, example=_EXAMPLE)
def get_payment_intent(loan_id: str, intent_id: str) -> IntentView:
    """Show a payment: ask here after coming back from the provider's page."""
    return intents.own_intent(reads(), vault(), borrower().borrower_id, loan_id, intent_id)


@door.post("/loans/<id:loan_id>/payment-intents/<id:intent_id>/cancel")
@answers(
    200,
    IntentSchema,
    example={**_EXAMPLE, "state": "cancelled", "pay_url": None},
    problems=("conflict", "provider-unavailable"),
)
def cancel_payment_intent(loan_id: str, intent_id: str) -> IntentView:
    """Take a payment back: its page is closed. Cancelling twice changes nothing.

    409 when its money is on its way, or has come: a page may be paid in the moment it is closed, and money is money.
    """
    intents.check_own(borrower().borrower_id, loan_id, intent_id)
    return intents.cancel_intent(
        here_now(), borrower().borrower_id, loan_id, intent_id, now=now(), machine_now=clock.system_now()
    )


def here_now() -> Here:
    """Return this installation as providers and borrowers reach it. Raises ConflictError where nothing can be paid."""
    settings: Settings = current_app.config["SETTINGS"]
    providers = current_app.extensions["duecourse.payments"]
    if not providers:
        raise ConflictError("This installation has no payment provider; pay by bank transfer.")
    return Here(providers, settings.public_url or request.host_url.rstrip("/"), settings.app_url)
