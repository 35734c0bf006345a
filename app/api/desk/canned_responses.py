"""Replies that are written beforehand: written by anyone at the desk, approved by a second person."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.conversations import KINDS
from app.persistence.queries.desk_conversations import get_thread
from app.persistence.unit_of_work import Work, reading
from app.services import canned_replies
from app.services.canned_replies import LONGEST_TEXT, STATES, VARIABLES, CannedValues
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField, MapField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.reads import end_reads, reads
from app.web.request_context import now

_KEY = "[a-z0-9][a-z0-9_-]{0,39}"


class CannedQuerySchema(Schema):
    """Which."""

    state = fields.String(validate=validate.OneOf(STATES))
    kind = fields.String(validate=validate.OneOf(KINDS), metadata={"description": "Those for it, and for any."})


class NewCannedSchema(Schema):
    """A canned reply."""

    key = PatternField(_KEY, required=True, metadata={"description": "What people call it by."})
    title = TextField(120, required=True)
    texts = MapField(
        keys=fields.String(),
        values=TextField(LONGEST_TEXT),
        required=True,
        metadata={"description": f"Locale -> text, in each of en and zh-CN; may put in {', '.join(VARIABLES)}."},
    )
    kind = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(KINDS))
    sets_status = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(("open", "pending", "resolved")),
        metadata={"description": "Where the thread goes with it; null: it stays."},
    )


class ChangedCannedSchema(NewCannedSchema):
    """A canned reply, written anew."""

    version = fields.Integer(strict=True, required=True, validate=validate.Range(1, 10**9))


class CannedVersionSchema(Schema):
    """The version you have read."""

    version = fields.Integer(strict=True, required=True, validate=validate.Range(1, 10**9))


class CannedSchema(Schema):
    """One canned reply."""

    id = IdField(required=True)
    key = fields.String(required=True)
    title = fields.String(required=True)
    texts = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    kind = fields.String(required=True, allow_none=True)
    sets_status = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    written_by = fields.String(required=True)
    written_at = InstantField(required=True)
    approved_by = fields.String(required=True, allow_none=True)
    approved_at = InstantField(required=True, allow_none=True)
    version = fields.Integer(required=True)


class CannedListSchema(Schema):
    """All of them, by key."""

    items = fields.List(fields.Nested(CannedSchema), required=True)


class CannedPreviewQuerySchema(Schema):
    """For which thread."""

    conversation_id = IdField(required=True)


class CannedPreviewSchema(Schema):
    """A canned reply with one borrower's values."""

    text = fields.String(required=True)
    locale = fields.String(required=True)
    sets_status = fields.String(required=True, allow_none=True)
    missing = fields.List(fields.String(), required=True, metadata={"description": "Nothing is known here for these."})


_VALUES = {
    "key": "friday",
    "title": "Friday is fine",
    "texts": {"en": "Friday is fine for {{ loan }}.", "zh-CN": "{{ loan }} 周五还款没有问题。"},
    "kind": "question",
    "sets_status": "pending",
}
_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    **_VALUES,
    "state": "draft",
    "written_by": "staff:Wang Fang",
    "written_at": "2026-11-23T09:00:00Z",
    "approved_by": None,
    "approved_at": None,
    "version": 1,
}
_PREVIEW = {"text": "Friday is fine for CN-1001.", "locale": "en", "sets_status": "pending", "missing": []}
_ONCE = ("conflict", "stale-version", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = CannedSchema()


@door.get("/canned-responses")
@permits("conversations.read")
@door.asks(CannedQuerySchema)
@answers(200, CannedListSchema, example={"items": [_EXAMPLE]})
def list_canned_responses(query: dict[str, Any]) -> dict[str, Any]:
    """List the canned replies of your lender by key."""
    return {"items": canned_replies.list_replies(reads(), desk().lender_id, **query)}


@door.post("/canned-responses")
@permits("canned_replies.write")
@door.takes(NewCannedSchema, example=_VALUES)
@answers(201, CannedSchema, example=_EXAMPLE, problems=_ONCE)
def post_canned_response(body: dict[str, Any]) -> Answer:
    """Write one, in every language. It is used once somebody else has approved it."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = canned_replies.add_reply(work, who.lender_id, CannedValues(**body), by=who.name, now=at)
        return Answer(_DUMP.dump(row), 201, dumped=True)

    return answer_once(act)


@door.post("/canned-responses/<id:canned_response_id>/change")
@permits("canned_replies.write")
@door.takes(ChangedCannedSchema, example={**_VALUES, "version": 1})
@answers(200, CannedSchema, example=_EXAMPLE, problems=_ONCE)
def change_canned_response(body: dict[str, Any], canned_response_id: str) -> Answer:
    """Write it anew; it waits for approval again."""
    at, who, version = now(), desk(), body.pop("version")

    def act(work: Work) -> Answer:
        row = canned_replies.change_reply(
            work, who.lender_id, canned_response_id, CannedValues(**body), version=version, by=who.name, now=at
        )
        return Answer(_DUMP.dump(row), 200, dumped=True)

    return answer_once(act)


@door.post("/canned-responses/<id:canned_response_id>/approve")
@permits("canned_replies.approve")
@door.takes(CannedVersionSchema, example={"version": 1})
@answers(200, CannedSchema, example={**_EXAMPLE, "state": "approved"}, problems=_ONCE)
def approve_canned_response(body: dict[str, Any], canned_response_id: str) -> Answer:
    """Let it be used. Nobody approves their own."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = canned_replies.approve_reply(
            work, who.lender_id, canned_response_id, **body, by=who.name, role=who.role, now=at
        )  # fmt: skip
        return Answer(_DUMP.dump(row), 200, dumped=True)

    return answer_once(act)


@door.post("/canned-responses/<id:canned_response_id>/retire")
@permits("canned_replies.write")
@door.takes(CannedVersionSchema, example={"version": 1})
@answers(200, CannedSchema, example={**_EXAMPLE, "state": "retired"}, problems=_ONCE)
def retire_canned_response(body: dict[str, Any], canned_response_id: str) -> Answer:
    """Take it out of use. It is never deleted: that it was sent is part of the record."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = canned_replies.retire_reply(work, who.lender_id, canned_response_id, **body, by=who.name, now=at)
        return Answer(_DUMP.dump(row), 200, dumped=True)

    return answer_once(act)


@door.get("/canned-responses/<id:canned_response_id>/preview")
@permits("conversations.read")
@door.asks(CannedPreviewQuerySchema)
@answers(200, CannedPreviewSchema, example=_PREVIEW, problems=("conflict",))
def preview_canned_response(query: dict[str, Any], canned_response_id: str) -> Any:
    """Show it as the borrower of a conversation would read it."""
    end_reads()
    with reading() as session:
        thread = get_thread(session, desk().lender_id, query["conversation_id"])
        return canned_replies.written_reply(session, desk().lender_id, canned_response_id, thread, now=now())
