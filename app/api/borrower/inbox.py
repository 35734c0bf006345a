"""The borrower's inbox."""

from typing import Any

from marshmallow import Schema, fields

from app.services import inbox
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import Door, answers
from app.web.fields import IdField, InstantField, PageQuerySchema
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now

door = Door("inbox", "What the borrower was told.", prefix="/v1/me")


class InboxQuerySchema(PageQuerySchema):
    """Which messages."""

    archived = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "The archived ones instead."}
    )
    unread = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Only unread ones."}
    )


class SubjectSchema(Schema):
    """An instalment."""

    loan_id = IdField(required=True)
    row_no = fields.Integer(required=True)


class InboxItemSchema(Schema):
    """One message."""

    id = IdField(required=True)
    category = fields.String(required=True, metadata={"description": "What kind of message, stable for icons."})
    title = fields.String(required=True)
    body = fields.String(required=True)
    locale = fields.String(required=True, metadata={"description": "The language it was written in."})
    created_at = InstantField(required=True)
    read_at = InstantField(required=True, allow_none=True)
    archived_at = InstantField(required=True, allow_none=True)
    settled = fields.Boolean(required=True, metadata={"description": "What it reminded of has been paid."})
    settled_at = InstantField(required=True, allow_none=True)
    about = fields.List(fields.Nested(SubjectSchema), required=True)
    deep_link = fields.String(required=True, metadata={"description": "Where the app goes when it is opened."})


class InboxSchema(Schema):
    """A page of messages, newest first."""

    items = fields.List(fields.Nested(InboxItemSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class InboxCountsSchema(Schema):
    """Of what is not archived."""

    total = fields.Integer(required=True)
    unread = fields.Integer(required=True)
    open = fields.Integer(required=True, metadata={"description": "Not settled yet."})


class MarkedSchema(Schema):
    """The message and what the badge should show."""

    item = fields.Nested(InboxItemSchema, required=True)
    counts = fields.Nested(InboxCountsSchema, required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_ITEM = {
    "id": _ID,
    "category": "due_soon",
    "title": "Due in 3 days",
    "body": "1,045.00 CNY is due on 20 December.",
    "locale": "en",
    "created_at": "2026-12-17T02:00:00Z",
    "read_at": None,
    "archived_at": None,
    "settled": False,
    "settled_at": None,
    "about": [{"loan_id": _ID, "row_no": 7}],
    "deep_link": f"duecourse://loans/{_ID}/instalments/7",
}
_COUNTS = {"total": 4, "unread": 1, "open": 1}
_MARKED = {"item": _ITEM, "counts": _COUNTS}


@door.get("/inbox")
@door.asks(InboxQuerySchema)
@answers(200, InboxSchema, example={"items": [_ITEM], "next_cursor": None})
def list_inbox(query: dict[str, Any]) -> Answer:
    """List your messages, newest first."""
    found = inbox.page_inbox(
        reads(),
        borrower().borrower_id,
        archived=query["archived"],
        unread_only=query["unread"],
        before=requested_key(query),
        limit=query["limit"] + 1,
        now=now(),
    )
    return page_answer(found, [Key(item.created_at, item.id) for item in found], query)


@door.get("/inbox/counts")
@answers(200, InboxCountsSchema, example=_COUNTS)
def count_inbox() -> inbox.InboxCounts:
    """Count your messages."""
    return inbox.inbox_counts(reads(), borrower().borrower_id, now=now())


@door.post("/inbox/<id:message_id>/read")
@answers(200, MarkedSchema, example=_MARKED)
def mark_read(message_id: str) -> dict[str, Any]:
    """Mark a message as read."""
    return _mark(message_id, "read")


@door.post("/inbox/<id:message_id>/unread")
@answers(200, MarkedSchema, example=_MARKED)
def mark_unread(message_id: str) -> dict[str, Any]:
    """Mark a message as unread."""
    return _mark(message_id, "unread")


@door.post("/inbox/<id:message_id>/archive")
@answers(200, MarkedSchema, example=_MARKED)
def archive_message(message_id: str) -> dict[str, Any]:
    """Put a message away."""
    return _mark(message_id, "archive")


@door.post("/inbox/<id:message_id>/unarchive")
@answers(200, MarkedSchema, example=_MARKED)
def unarchive_message(message_id: str) -> dict[str, Any]:
    """Take a message back out."""
    return _mark(message_id, "unarchive")


def _mark(message_id: str, how: str) -> dict[str, Any]:
    item, counts = inbox.mark(borrower().borrower_id, message_id, how, now=now())
    return {"item": item, "counts": counts}
