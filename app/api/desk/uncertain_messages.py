"""Staff see messages of which nobody knows whether they left, and say what became of one."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.persistence.queries.uncertain_messages import find_tries, page_uncertain
from app.persistence.unit_of_work import Work
from app.services.uncertain_messages import LONGEST_REASON, OUTCOMES, look_at, settle_by_hand
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField, PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class UncertainMessageSchema(Schema):
    """One message. Its text is not shown here."""

    id = IdField(required=True)
    borrower_no = fields.String(required=True)
    channel = fields.String(required=True)
    message_class = fields.String(required=True)
    template = fields.String(required=True)
    state = fields.String(required=True)
    state_reason = fields.String(required=True, allow_none=True)
    provider = fields.String(required=True, allow_none=True, metadata={"description": "Of the last try."})
    provider_reference = fields.String(required=True, allow_none=True, metadata={"description": "What to ask it by."})
    attempts = fields.Integer(required=True)
    created_at = InstantField(required=True)
    tried_at = InstantField(required=True, allow_none=True)


class UncertainMessagesSchema(Schema):
    """A page: first those that no provider is asked about any more."""

    items = fields.List(fields.Nested(UncertainMessageSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class TrySchema(Schema):
    """One hand-over to one address."""

    attempt_no = fields.Integer(required=True)
    provider = fields.String(required=True)
    started_at = InstantField(required=True)
    finished_at = InstantField(required=True, allow_none=True)
    outcome = fields.String(required=True)
    provider_reference = fields.String(required=True, allow_none=True)
    error_code = fields.String(required=True, allow_none=True)
    raw_code = fields.String(required=True, allow_none=True)


class ToldSchema(Schema):
    """One receipt."""

    provider = fields.String(required=True)
    told = fields.String(required=True)
    told_at = InstantField(required=True, allow_none=True)
    received_at = InstantField(required=True)
    error_code = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True)


class MessageWithTriesSchema(UncertainMessageSchema):
    """One message with all that was tried and told."""

    tries = fields.List(fields.Nested(TrySchema), required=True)
    receipts = fields.List(fields.Nested(ToldSchema), required=True)


class SettleSchema(Schema):
    """What became of it."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    reason = TextField(LONGEST_REASON, required=True, metadata={"description": "How that is known."})


class SettledSchema(Schema):
    """What the message is now."""

    message_id = IdField(required=True)
    state = fields.String(required=True)
    state_reason = fields.String(required=True, allow_none=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_AT = "2026-11-24T01:00:00Z"
_EXAMPLE = {
    "id": _ID,
    "borrower_no": "B-1001",
    "channel": "sms",
    "message_class": "collection",
    "template": "overdue_early",
    "state": "uncertain",
    "state_reason": "NO_RECEIPT",
    "provider": "twilio",
    "provider_reference": None,
    "attempts": 1,
    "created_at": _AT,
    "tried_at": _AT,
}
_TRY = {
    "attempt_no": 1,
    "provider": "twilio",
    "started_at": _AT,
    "finished_at": _AT,
    "outcome": "uncertain",
    "provider_reference": None,
    "error_code": "timeout",
    "raw_code": None,
}
_SETTLED = {"message_id": _ID, "state": "delivered", "state_reason": None}
_DUMP = SettledSchema()


@door.get("/uncertain-messages")
@permits("operations.read")
@door.asks(PageQuerySchema)
@answers(200, UncertainMessagesSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_uncertain_messages(query: dict[str, Any]) -> Answer:
    """List messages to your borrowers of which nobody knows whether they left. None of them is sent again by itself."""
    begin = requested_key(query)
    rows = page_uncertain(
        reads(),
        desk().lender_id,
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
    )
    tries = find_tries(reads(), [row.id for row in rows])
    views = [_view(row, tries.get(row.id, [])) for row in rows]
    return page_answer(views, [Key(row.next_attempt_at, row.id) for row in rows], query)


@door.get("/uncertain-messages/<id:message_id>")
@permits("operations.read")
@answers(200, MessageWithTriesSchema, example={**_EXAMPLE, "tries": [_TRY], "receipts": []})
def get_uncertain_message(message_id: str) -> dict[str, Any]:
    """Show one with every try and all that was told of it, also after it was settled."""
    message, tries, receipts = look_at(reads(), desk().lender_id, message_id)
    return {**_view(message, tries), "tries": tries, "receipts": receipts}


@door.post("/uncertain-messages/<id:message_id>/settle")
@permits("messages.settle")
@door.takes(SettleSchema, example={"outcome": "delivered", "reason": "In the provider's console it is delivered."})
@answers(200, SettledSchema, example=_SETTLED, problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"))
def settle_message(body: dict[str, Any], message_id: str) -> Answer:
    """Say whether it arrived. One that did not wakes its borrower: whether something else is sent is decided anew.

    It is never sent a second time. What the provider tells later still counts.
    """
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        settled = settle_by_hand(work, who.lender_id, message_id, **body, by=who.name, now=at)
        return Answer(_DUMP.dump(settled), 200, dumped=True)

    return answer_once(act)


def _view(row: Any, tries: list[Any]) -> dict[str, Any]:
    last = tries[-1] if tries else None
    return {
        **row._mapping,
        "provider": last.provider if last else None,
        "provider_reference": last.provider_reference if last else None,
        "tried_at": last.started_at if last else None,
    }
