"""What a borrower does with messages. All of it is idempotent, and every instant is the server's."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.borrower.inbox import door
from app.api.borrower.inbox_items import (
    COUNTS_EXAMPLE,
    EXAMPLE_ID,
    ITEM_EXAMPLE,
    STATE,
    InboxCountsSchema,
    InboxItemSchema,
    counts_form,
    item_form,
)
from app.domain.inbox import BULK_MARKS, Mark
from app.services import inbox_marks
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, InstantField, StateField
from app.web.languages import request_locale
from app.web.request_context import now

_MOST_IDS = 100


class MarkedSchema(Schema):
    """The message, what the badge should show, and the state of both."""

    item = fields.Nested(InboxItemSchema, required=True)
    state = StateField(required=True, metadata=STATE)
    counts = fields.Nested(InboxCountsSchema, required=True)


class SnoozeSchema(Schema):
    """Until when a message is set aside."""

    until = InstantField(required=True, metadata={"description": "At most 90 days from now. It comes back unread."})


class MarkSchema(Schema):
    """Which messages, and as what. Either `ids` or `all_before`."""

    ids = fields.List(IdField(), validate=validate.Length(1, _MOST_IDS))
    all_before = StateField(
        metadata={
            "description": "All in the list that had come by this state, itself included. What came later stays as it is."
        }
    )
    as_ = fields.String(data_key="as", required=True, validate=validate.OneOf(list(BULK_MARKS)))

    @validates_schema
    def _one_of_both(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if ("ids" in data) == ("all_before" in data):
            raise ValidationError("Send either `ids` or `all_before`.", "ids")


class ManyMarkedSchema(Schema):
    """What has changed."""

    changed = fields.List(IdField(), required=True)
    missing = fields.List(
        IdField(), required=True, metadata={"description": "Of your ids: not in the inbox, or not any more."}
    )
    state = StateField(required=True, metadata=STATE)
    counts = fields.Nested(InboxCountsSchema, required=True)


_STAMP = {"state": 42, "counts": COUNTS_EXAMPLE}
_MARKED = {"item": {**ITEM_EXAMPLE, "state": 42, "read_at": "2026-12-17T08:11:00Z"}, **_STAMP}


@door.post("/inbox/mark")
@door.takes(MarkSchema, example={"all_before": 41, "as": "read"})
@answers(200, ManyMarkedSchema, example={"changed": [EXAMPLE_ID], "missing": [], **_STAMP}, problems=("state-too-old",))
def mark_inbox(given: dict[str, Any]) -> Answer:
    """Mark many messages as seen, read or archived: some, or all that had come by a state."""
    found = inbox_marks.mark_many(
        borrower().borrower_id,
        BULK_MARKS[given["as_"]],
        ids=given.get("ids"),
        come_by=given.get("all_before"),
        now=now(),
    )
    answer = {
        "changed": found.changed,
        "missing": found.missing,
        "state": found.state,
        "counts": counts_form(found.counts),
    }
    return Answer(answer, dumped=True)


@door.post("/inbox/<id:message_id>/seen")
@answers(200, MarkedSchema, example=_MARKED)
def mark_seen(message_id: str) -> Answer:
    """Say that a message was on the screen."""
    return _mark(message_id, "seen")


@door.post("/inbox/<id:message_id>/read")
@answers(200, MarkedSchema, example=_MARKED)
def mark_read(message_id: str) -> Answer:
    """Mark a message as read."""
    return _mark(message_id, "read")


@door.post("/inbox/<id:message_id>/unread")
@answers(200, MarkedSchema, example=_MARKED)
def mark_unread(message_id: str) -> Answer:
    """Mark a message as unread."""
    return _mark(message_id, "unread")


@door.post("/inbox/<id:message_id>/archive")
@answers(200, MarkedSchema, example=_MARKED)
def archive_message(message_id: str) -> Answer:
    """Put a message away."""
    return _mark(message_id, "archive")


@door.post("/inbox/<id:message_id>/unarchive")
@answers(200, MarkedSchema, example=_MARKED)
def unarchive_message(message_id: str) -> Answer:
    """Take a message back out."""
    return _mark(message_id, "unarchive")


@door.post("/inbox/<id:message_id>/snooze")
@door.takes(SnoozeSchema, example={"until": "2026-12-18T01:00:00Z"})
@answers(200, MarkedSchema, example=_MARKED)
def snooze_message(given: dict[str, Any], message_id: str) -> Answer:
    """Set a message aside until later; then it is back in the list, unread."""
    return _mark(message_id, "snooze", until=given["until"])


@door.post("/inbox/<id:message_id>/unsnooze")
@answers(200, MarkedSchema, example=_MARKED)
def unsnooze_message(message_id: str) -> Answer:
    """Take a message back that was set aside."""
    return _mark(message_id, "unsnooze")


@door.post("/inbox/<id:message_id>/actions/<number:key>")
@answers(200, MarkedSchema, example=_MARKED)
def take_action(message_id: str, key: str) -> Answer:
    """Say that the borrower chose one of a message's actions; the first time is kept as the click."""
    return _mark(message_id, "click", action=key)


def _mark(message_id: str, how: Mark, **more: Any) -> Answer:
    found = inbox_marks.mark(borrower().borrower_id, message_id, how, now=now(), **more)
    answer = {
        "item": item_form(found.item, request_locale()),
        "state": found.state,
        "counts": counts_form(found.counts),
    }
    return Answer(answer, dumped=True)
