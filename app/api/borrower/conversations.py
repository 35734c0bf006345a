"""What the borrower wrote to the lender, on any channel, and what was answered."""

from datetime import datetime
from typing import Any

from app.api.borrower.inbox import door
from app.api.conversation_forms import (
    CONVERSATION_EXAMPLE,
    EXAMPLE_ID,
    WORD_EXAMPLE,
    AddedWordSchema,
    ConversationsSchema,
    NewConversationSchema,
    ReadUpToSchema,
    ReplySchema,
    UnreadSchema,
    WordsSchema,
    opening_of,
)
from app.persistence.unit_of_work import Work
from app.services import conversations
from app.services.conversation_openings import open_conversation
from app.services.conversations import AddedWord, Thread, Word
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import PageQuerySchema
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now

_ADDED = {"conversation_id": EXAMPLE_ID, "word_id": EXAMPLE_ID}
_DUMP, _UNREAD = AddedWordSchema(), UnreadSchema()
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


@door.get("/conversations")
@door.asks(PageQuerySchema)
@answers(200, ConversationsSchema, example={"items": [CONVERSATION_EXAMPLE], "next_cursor": None})
def list_conversations(query: dict[str, Any]) -> Answer:
    """List your conversations with us, the one with the newest word first."""
    found = conversations.list_conversations(
        reads(), borrower().borrower_id, before=requested_key(query), limit=query["limit"] + 1
    )
    return page_answer(found, [Key(each["last_at"], each["id"]) for each in found], query)


@door.get("/conversations/<id:conversation_id>/messages")
@door.asks(PageQuerySchema)
@answers(200, WordsSchema, example={"items": [WORD_EXAMPLE], "next_cursor": None})
def list_words(query: dict[str, Any], conversation_id: str) -> Answer:
    """List what was said in a conversation, newest first, whatever channel it came on."""
    found = conversations.list_words(
        reads(), borrower().borrower_id, conversation_id, before=requested_key(query), limit=query["limit"] + 1
    )
    return page_answer(found, [Key(each.created_at, each.id) for each in found], query)


@door.post("/conversations")
@door.takes(NewConversationSchema, example={"message_id": EXAMPLE_ID, "text": "Can I pay on Friday?"})
@answers(201, AddedWordSchema, example=_ADDED, also=(200,), problems=(*_ONCE, "currency-mismatch", "forbidden"))
def post_word(body: dict[str, Any]) -> Answer:
    """Write to us. Without a `kind` it joins the conversation that is open, or opens one; with one it begins one of it.

    A `dispute`, `hardship` or `promise` does what its own path does, at once: reminders stop as they would. The same
    `message_id` again changes nothing (200). Card numbers are taken out before anything is kept.
    """
    at, borrower_id = now(), borrower().borrower_id
    word = _word(body, borrower_id, at)
    joins = body["kind"] is None and body["loan_id"] is None and body["about_id"] is None

    def act(work: Work) -> Answer:
        if joins:
            return _answer(conversations.add_word(work, borrower_id, word, now=at))
        return _answer(open_conversation(work, borrower_id, opening_of(body), word, now=at))

    return answer_once(act)


@door.post("/conversations/<id:conversation_id>/messages")
@door.takes(ReplySchema, example={"message_id": EXAMPLE_ID, "text": "Thank you."})
@answers(201, AddedWordSchema, example=_ADDED, also=(200,), problems=_ONCE)
def post_reply(body: dict[str, Any], conversation_id: str) -> Answer:
    """Write in a conversation; one that was resolved is open again. The same `message_id` again changes nothing (200)."""
    at, borrower_id = now(), borrower().borrower_id
    word = _word(body, borrower_id, at)

    def act(work: Work) -> Answer:
        return _answer(conversations.add_word(work, borrower_id, word, now=at, thread=Thread(conversation_id)))

    return answer_once(act)


@door.post("/conversations/<id:conversation_id>/read")
@door.takes(ReadUpToSchema, example={"word_id": EXAMPLE_ID})
@answers(200, UnreadSchema, example={"unread_count": 0})
def read_conversation(body: dict[str, Any], conversation_id: str) -> Answer:
    """Say up to which word you have read. It never goes back, whichever device says it last."""
    borrower_id = borrower().borrower_id

    def act(work: Work) -> Answer:
        left = conversations.mark_read(work, borrower_id, conversation_id, body["word_id"])
        return Answer(_UNREAD.dump({"unread_count": left}), 200, dumped=True)

    return answer_once(act)


def _word(body: dict[str, Any], borrower_id: str, at: datetime) -> Word:
    key = f"app/{borrower_id}/{body['message_id']}"
    return Word(
        key, "in_app", body["text"], at=at, quotes_id=body.get("quotes_id"), attachments=tuple(body["attachments"])
    )  # fmt: skip


def _answer(added: AddedWord) -> Answer:
    return Answer(_DUMP.dump(added), 201 if added.created else 200, dumped=True)
