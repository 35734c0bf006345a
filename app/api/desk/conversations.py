"""Staff see what borrowers write, and answer it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app.api.conversation_forms import UnreadSchema
from app.api.desk.conversation_forms import (
    COPY_EXAMPLE,
    ENTRY_EXAMPLE,
    EXAMPLE_ID,
    THREAD_EXAMPLE,
    AssignConversationSchema,
    ChangeConversationSchema,
    DeskConversationSchema,
    DeskConversationsSchema,
    DeskReadSchema,
    DeskThreadSchema,
    MacroSchema,
    MoveConversationSchema,
    NewConversationNoteSchema,
    NewReplySchema,
    NotedSchema,
    PageOfWordsQuerySchema,
    QueueQuerySchema,
    RepliedSchema,
    entry_view,
    replied_view,
    thread_view,
)
from app.api.desk.staff import door
from app.persistence.models.conversations import ConversationRow
from app.persistence.queries.desk_conversations import QueueFilter
from app.persistence.unit_of_work import Work, in_unit_of_work, reading
from app.services import desk_conversations, desk_replies
from app.services.desk_conversations import Actor, ThreadShown, read_thread, soon_of
from app.services.desk_replies import NewReply
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now

_ONCE = ("conflict", "stale-version", "idempotency-mismatch", "idempotency-in-flight")
_REPLIED = {
    "conversation_id": EXAMPLE_ID, "word_id": EXAMPLE_ID, "version": 2, "status": "open", "copy": COPY_EXAMPLE,
}  # fmt: skip
_THREAD, _DUMP_REPLIED, _NOTED, _UNREAD = DeskConversationSchema(), RepliedSchema(), NotedSchema(), UnreadSchema()
_READ = "conversations.read"
_ACT = "conversations.act"


@door.get("/conversations")
@permits(_READ)
@door.asks(QueueQuerySchema)
@answers(200, DeskConversationsSchema, example={"items": [THREAD_EXAMPLE], "next_cursor": None})
def list_desk_conversations(query: dict[str, Any]) -> Answer:
    """List what borrowers write, the most urgent due first: without a filter what is open."""
    who, begin, soon = _actor(), requested_key(query), _soon()
    assignee = query.get("assignee")
    wanted = QueueFilter(
        None if query["status"] == "any" else (query["status"],),
        who.name if assignee == "me" else assignee,
        query.get("team"),
        query.get("kind"),
        query.get("borrower_no"),
    )
    found = desk_conversations.page_queue(
        reads(), who.lender_id, wanted, sla=query.get("sla"), after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1, soon=soon, now=now(),
    )  # fmt: skip
    keys = [Key(each.row.urgent_at, each.row.id) for each in found]
    return page_answer([thread_view(each) for each in found], keys, query)


@door.get("/conversations/<id:conversation_id>")
@permits(_READ)
@door.asks(PageOfWordsQuerySchema)
@answers(200, DeskThreadSchema, example={**THREAD_EXAMPLE, "items": [ENTRY_EXAMPLE]})
def get_desk_conversation(query: dict[str, Any], conversation_id: str) -> dict[str, Any]:
    """Show one conversation with its newest words and the notes of staff. Each opening is written down."""
    at, who = now(), _actor()
    end_reads()

    def act(work: Work) -> dict[str, Any]:
        desk_conversations.note_reading(work, who, conversation_id, now=at)
        found, entries = read_thread(
            work.session, who.lender_id, conversation_id, soon=soon_of(work.session, who.lender_id), now=at,
            limit=query["limit"],
        )  # fmt: skip
        return {**thread_view(found), "items": [entry_view(each) for each in entries]}

    return in_unit_of_work(act)


@door.post("/conversations/<id:conversation_id>/messages")
@permits(_ACT)
@door.takes(NewReplySchema, example={"message_id": EXAMPLE_ID, "text": "Yes, Friday is fine.", "status": "pending"})
@answers(201, RepliedSchema, example=_REPLIED, also=(200,), problems=_ONCE)
def post_desk_reply(body: dict[str, Any], conversation_id: str) -> Answer:
    """Answer a borrower: in the app at once, and on the channel of their last word where nothing stands in the way.

    `copy` says what becomes of the latter: it waits for the hours to open, or was refused and why. Replies are free of caps
    on how often, never of the law. The same `message_id` again changes nothing (200).
    """
    at, who = now(), _actor()
    new = NewReply(**{**body, "attachments": tuple(body["attachments"])})
    return answer_once(lambda work: _replied(desk_replies.reply(work, who, conversation_id, new, now=at)))


@door.post("/conversations/<id:conversation_id>/macro")
@permits(_ACT)
@door.takes(MacroSchema, example={"message_id": EXAMPLE_ID, "canned_response_id": EXAMPLE_ID})
@answers(201, RepliedSchema, example=_REPLIED, also=(200,), problems=_ONCE)
def post_desk_macro(body: dict[str, Any], conversation_id: str) -> Answer:
    """Answer with a canned reply in the borrower's language, and move the thread as it says, in one."""
    at, who = now(), _actor()

    def act(work: Work) -> Answer:
        done = desk_replies.run_macro(
            work, who, conversation_id, body["canned_response_id"], message_id=body["message_id"],
            version=body["version"], now=at,
        )  # fmt: skip
        return _replied(done)

    return answer_once(act)


@door.post("/conversations/<id:conversation_id>/notes")
@permits(_ACT)
@door.takes(NewConversationNoteSchema, example={"message_id": EXAMPLE_ID, "text": "Rang twice, no answer."})
@answers(201, NotedSchema, example={"note_id": EXAMPLE_ID}, also=(200,), problems=_ONCE)
def post_desk_note(body: dict[str, Any], conversation_id: str) -> Answer:
    """Keep a note among staff; no borrower ever sees it. The same `message_id` again changes nothing (200)."""
    at, who = now(), _actor()

    def act(work: Work) -> Answer:
        note_id, created = desk_conversations.add_note(work, who, conversation_id, **body, now=at)
        return Answer(_NOTED.dump({"note_id": note_id}), 201 if created else 200, dumped=True)

    return answer_once(act)


@door.post("/conversations/<id:conversation_id>/assign")
@permits(_ACT)
@door.takes(AssignConversationSchema, example={"assignee": "me", "version": 1})
@answers(200, DeskConversationSchema, example=THREAD_EXAMPLE, problems=_ONCE)
def assign_conversation(body: dict[str, Any], conversation_id: str) -> Answer:
    """Give it to yourself, to a colleague, to whoever has the least open, or back to the queue."""
    at, who = now(), _actor()
    return _acted(
        lambda work: desk_conversations.assign(work, who, conversation_id, body["assignee"], version=body["version"], now=at)
    )


@door.post("/conversations/<id:conversation_id>/status")
@permits(_ACT)
@door.takes(MoveConversationSchema, example={"status": "snoozed", "until": "2026-11-24T09:00:00Z", "version": 1})
@answers(200, DeskConversationSchema, example=THREAD_EXAMPLE, problems=_ONCE)
def move_conversation(body: dict[str, Any], conversation_id: str) -> Answer:
    """Open it, wait for the borrower (pending), put it away until an instant (snoozed), or resolve it.

    A word of the borrower opens it again from anywhere; what is snoozed also opens at its instant.
    """
    at, who = now(), _actor()
    return _acted(lambda work: desk_conversations.set_status(work, who, conversation_id, **body, now=at))


@door.post("/conversations/<id:conversation_id>/change")
@permits(_ACT)
@door.takes(ChangeConversationSchema, example={"priority": "high", "version": 1})
@answers(200, DeskConversationSchema, example=THREAD_EXAMPLE, problems=_ONCE)
def change_conversation(body: dict[str, Any], conversation_id: str) -> Answer:
    """Say what it is: its kind, priority, team, language, and the dispute, request or promise it is about."""
    at, who, version = now(), _actor(), body.pop("version")
    if "about_id" in body:
        body["subject_id"] = body.pop("about_id")
    return _acted(lambda work: desk_conversations.change(work, who, conversation_id, body, version=version, now=at))


@door.post("/conversations/<id:conversation_id>/read")
@permits(_ACT)
@door.takes(DeskReadSchema, example={"word_id": EXAMPLE_ID})
@answers(200, UnreadSchema, example={"unread_count": 0})
def read_desk_conversation(body: dict[str, Any], conversation_id: str) -> Answer:
    """Say up to which word the desk has read. It never goes back."""
    who = _actor()

    def act(work: Work) -> Answer:
        left = desk_conversations.mark_read(work, who, conversation_id, body["word_id"])
        return Answer(_UNREAD.dump({"unread_count": left}), 200, dumped=True)

    return answer_once(act)


def _actor() -> Actor:
    who = desk()
    return Actor(who.name, who.lender_id, who.role)


def _soon() -> timedelta:
    end_reads()
    with reading() as session:
        return soon_of(session, desk().lender_id)


def _replied(done: desk_replies.Replied) -> Answer:
    return Answer(_DUMP_REPLIED.dump(replied_view(done)), 201 if done.created else 200, dumped=True)


def _acted(act: Callable[[Work], ConversationRow]) -> Answer:
    """Do it once, and answer with the thread as it is then."""
    at, lender_id = now(), desk().lender_id

    def once(work: Work) -> Answer:
        row = act(work)
        work.session.flush()
        found, _ = read_thread(
            work.session, lender_id, row.id, soon=soon_of(work.session, lender_id), now=at, limit=1
        )  # fmt: skip
        return Answer(_THREAD.dump(thread_view(ThreadShown(found.row, found.sla))), 200, dumped=True)

    return answer_once(once)
