"""What the borrower wrote to the lender, on any channel, and what was answered."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.inbox import door
from app.persistence.unit_of_work import Work
from app.services import conversations
from app.services.conversations import LONGEST_TEXT, STATUSES, Word
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, InstantField, PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class ConversationSchema(Schema):
    """One conversation."""

    id = IdField(required=True)
    status = fields.String(required=True, metadata={"enum": list(STATUSES), "description": "pending: you are asked."})
    channel = fields.String(required=True, metadata={"description": "Of your last word: an answer goes there."})
    opened_at = InstantField(required=True)
    waiting_since = InstantField(required=True, allow_none=True, metadata={"description": "Since when you wait for us."})
    last_at = InstantField(required=True)


class ConversationsSchema(Schema):
    """A page, the one with the newest word first."""

    items = fields.List(fields.Nested(ConversationSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class WordSchema(Schema):
    """One word."""

    id = IdField(required=True)
    direction = fields.String(required=True, metadata={"enum": ["inbound", "outbound"], "description": "inbound: yours."})
    channel = fields.String(required=True)
    text = fields.String(required=True)
    created_at = InstantField(required=True)
    in_reply_to = IdField(required=True, allow_none=True, metadata={"description": "The message it answers."})


class WordsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(WordSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewWordSchema(Schema):
    """What you write."""

    message_id = IdField(required=True, metadata={"description": "Made by the app: the same again is written once."})
    text = TextField(LONGEST_TEXT, required=True)


class AddedWordSchema(Schema):
    """Where it is."""

    conversation_id = IdField(required=True)
    word_id = IdField(required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_CONVERSATION = {
    "id": _ID,
    "status": "open",
    "channel": "sms",
    "opened_at": "2026-11-23T09:00:00Z",
    "waiting_since": "2026-11-23T09:00:00Z",
    "last_at": "2026-11-23T09:00:00Z",
}
_WORD = {
    "id": _ID,
    "direction": "inbound",
    "channel": "sms",
    "text": "Can I pay on Friday?",
    "created_at": "2026-11-23T09:00:00Z",
    "in_reply_to": None,
}
_ADDED = {"conversation_id": _ID, "word_id": _ID}
_DUMP = AddedWordSchema()


@door.get("/conversations")
@door.asks(PageQuerySchema)
@answers(200, ConversationsSchema, example={"items": [_CONVERSATION], "next_cursor": None})
def list_conversations(query: dict[str, Any]) -> Answer:
    """List your conversations with us, the one with the newest word first."""
    found = conversations.list_conversations(
        reads(), borrower().borrower_id, before=requested_key(query), limit=query["limit"] + 1
    )
    return page_answer(list(found), [Key(each.last_at, each.id) for each in found], query)


@door.get("/conversations/<id:conversation_id>/messages")
@door.asks(PageQuerySchema)
@answers(200, WordsSchema, example={"items": [_WORD], "next_cursor": None})
def list_words(query: dict[str, Any], conversation_id: str) -> Answer:
    """List what was said in a conversation, newest first, whatever channel it came on."""
    found = conversations.list_words(
        reads(), borrower().borrower_id, conversation_id, before=requested_key(query), limit=query["limit"] + 1
    )
    return page_answer(found, [Key(each.created_at, each.id) for each in found], query)


@door.post("/conversations")
@door.takes(NewWordSchema, example={"message_id": _ID, "text": "Can I pay on Friday?"})
@answers(
    201,
    AddedWordSchema,
    example=_ADDED,
    also=(200,),
    problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"),
)
def post_word(body: dict[str, Any]) -> Answer:
    """Write to us. It joins the conversation that is open, or opens one; the same `message_id` again changes nothing (200).

    Card numbers are taken out before anything is kept.
    """
    at, borrower_id = now(), borrower().borrower_id
    word = Word(f"app/{borrower_id}/{body['message_id']}", "in_app", body["text"], at=at)

    def act(work: Work) -> Answer:
        added = conversations.add_word(work, borrower_id, word, now=at)
        return Answer(_DUMP.dump(added), 201 if added.created else 200, dumped=True)

    return answer_once(act)
