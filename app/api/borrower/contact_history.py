"""Every contact about the debt, as the borrower may see it."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.inbox import door
from app.services import contact_history
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, PageQuerySchema
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class ContactAboutSchema(Schema):
    """An instalment."""

    loan_id = IdField(required=True)
    row_no = fields.Integer(required=True)


class ContactChannelSchema(Schema):
    """One message on one channel. Its text is in the inbox alone."""

    channel = fields.String(required=True)
    at = InstantField(required=True, allow_none=True, metadata={"description": "When it went out."})
    delivery = fields.String(required=True, metadata={"enum": list(contact_history.DELIVERIES)})
    delivery_text = fields.String(required=True)
    inbox_id = IdField(required=True, allow_none=True, metadata={"description": "The inbox message with the text."})


class ContactSchema(Schema):
    """One contact."""

    id = IdField(required=True)
    at = InstantField(required=True)
    local_date = DateField(required=True, metadata={"description": "Its day where you were."})
    timezone = fields.String(required=True, allow_none=True)
    purpose = fields.String(required=True)
    purpose_text = fields.String(required=True)
    made_by = fields.String(required=True, metadata={"enum": ["automatic", "person"]})
    category = fields.String(required=True, allow_none=True, metadata={"description": "What kind of message."})
    settled = fields.Boolean(required=True, metadata={"description": "What it was about has been paid."})
    channels = fields.List(fields.Nested(ContactChannelSchema), required=True)
    about = fields.List(fields.Nested(ContactAboutSchema), required=True)


class ContactHistorySchema(Schema):
    """A page of contacts, newest first."""

    items = fields.List(fields.Nested(ContactSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_EXAMPLE = {
    "id": _ID,
    "at": "2026-12-17T02:00:00Z",
    "local_date": "2026-12-17",
    "timezone": "Asia/Shanghai",
    "purpose": "reminder",
    "purpose_text": "A reminder before or on a due date",
    "made_by": "automatic",
    "category": "due_soon",
    "settled": False,
    "channels": [
        {
            "channel": "in_app",
            "at": "2026-12-17T02:00:00Z",
            "delivery": "seen",
            "delivery_text": "Seen by you",
            "inbox_id": _ID,
        }
    ],
    "about": [{"loan_id": _ID, "row_no": 7}],
}


@door.get("/contact-history")
@door.asks(PageQuerySchema)
@answers(200, ContactHistorySchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_contact_history(query: dict[str, Any]) -> Answer:
    """List every contact about your debt, newest first: when, how, what for, and whether it arrived."""
    found = contact_history.page_contact_history(
        reads(),
        borrower().borrower_id,
        before=requested_key(query),
        limit=query["limit"] + 1,
        now=now(),
        locale=request_locale(),
    )
    return page_answer(found, [Key(contact.at, contact.id) for contact in found], query)
