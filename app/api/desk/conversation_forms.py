"""How conversations are shown and acted on at the desk."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.conversations import KINDS, PRIORITIES, STATUSES
from app.services.conversations import MOST_ATTACHMENTS
from app.services.desk_conversations import LONGEST_NOTE, SLA_STATES, Entry, ThreadShown
from app.services.desk_replies import LONGEST_REPLY, Replied
from app.web.fields import NUMBER_PATTERN, CountField, IdField, InstantField, PageQuerySchema, PatternField, TextField

TEAM_PATTERN = "[a-z0-9][a-z0-9_-]{0,39}"
LANGUAGE_PATTERN = "[a-z]{2,3}(-[A-Za-z0-9]{2,8})?"
STAFF_PATTERN = "staff:.{1,64}"
EXAMPLE_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"


class QueueQuerySchema(PageQuerySchema):
    """Which threads."""

    status = fields.String(
        load_default="open",
        validate=validate.OneOf((*STATUSES, "any")),
        metadata={"description": "open unless said otherwise."},
    )
    assignee = TextField(80, metadata={"description": "me, none (nobody has it), or staff:NAME."})
    team = PatternField(TEAM_PATTERN)
    kind = fields.String(validate=validate.OneOf(KINDS))
    sla = fields.String(
        validate=validate.OneOf(SLA_STATES),
        metadata={"description": "breached: a target was missed; soon: it is near; none: nothing is to be done."},
    )
    borrower_no = PatternField(NUMBER_PATTERN)


class DeskConversationSchema(Schema):
    """One thread at the desk."""

    id = IdField(required=True)
    borrower_no = fields.String(required=True)
    loan_no = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    about_id = IdField(required=True, allow_none=True, metadata={"description": "The dispute, request or promise."})
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    snoozed_until = InstantField(required=True, allow_none=True)
    channel = fields.String(
        required=True, metadata={"description": "Of the borrower's last word: an answer goes there too."}
    )
    language = fields.String(required=True)
    priority = fields.String(required=True, metadata={"enum": list(PRIORITIES)})
    team = fields.String(required=True, allow_none=True)
    assignee = fields.String(required=True, allow_none=True, metadata={"description": "staff:NAME; null: in the queue."})
    opened_at = InstantField(required=True)
    last_at = InstantField(required=True)
    resolved_at = InstantField(required=True, allow_none=True)
    waiting_since = InstantField(required=True, allow_none=True, metadata={"description": "Since when the borrower waits."})
    first_due_at = InstantField(required=True, allow_none=True, metadata={"description": "For the first answer."})
    next_due_at = InstantField(required=True, allow_none=True, metadata={"description": "For the answer to a later word."})
    resolution_due_at = InstantField(
        required=True, allow_none=True, metadata={"description": "To settle it; null while we wait for the borrower."}
    )
    due_at = InstantField(required=True, allow_none=True, metadata={"description": "The first of these."})
    sla = fields.String(required=True, metadata={"enum": list(SLA_STATES)})
    unread_count = fields.Integer(required=True, metadata={"description": "Words of the borrower nobody here has read."})
    version = fields.Integer(required=True, metadata={"description": "Say it with an act: another act since is refused."})


class DeskConversationsSchema(Schema):
    """A page, the most urgent first."""

    items = fields.List(fields.Nested(DeskConversationSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ReplyCopySchema(Schema):
    """The copy of an answer on the channel of the borrower's word."""

    channel = fields.String(required=True)
    state = fields.String(
        required=True,
        metadata={"description": "waiting (for the hours), refused, needless (it was read), else as its message is."},
    )
    reason = fields.String(required=True, allow_none=True, metadata={"description": "A code of docs/reasons.md."})
    rule = fields.String(required=True, allow_none=True)
    until = InstantField(required=True, allow_none=True, metadata={"description": "When it is looked at again."})


class ThreadEntrySchema(Schema):
    """One word or note."""

    id = IdField(required=True)
    is_note = fields.Boolean(required=True, metadata={"description": "Only staff see it."})
    direction = fields.String(required=True, metadata={"enum": ["inbound", "outbound", "note"]})
    channel = fields.String(required=True)
    author = fields.String(required=True)
    text = fields.String(required=True)
    created_at = InstantField(required=True)
    quotes_id = IdField(required=True, allow_none=True)
    attachments = fields.List(IdField(), required=True)
    copy = fields.Nested(ReplyCopySchema, required=True, allow_none=True)


class DeskThreadSchema(DeskConversationSchema):
    """One thread with its newest words and notes."""

    items = fields.List(fields.Nested(ThreadEntrySchema), required=True, metadata={"description": "Newest first."})


class NewConversationNoteSchema(Schema):
    """A note among staff."""

    message_id = IdField(required=True, metadata={"description": "Made by the client: the same again is kept once."})
    text = TextField(LONGEST_NOTE, required=True)


class NewReplySchema(Schema):
    """An answer."""

    message_id = IdField(required=True, metadata={"description": "Made by the client: the same again is sent once."})
    text = TextField(LONGEST_REPLY, required=True)
    quotes_id = IdField(load_default=None, allow_none=True)
    attachments = fields.List(IdField(), load_default=list, validate=validate.Length(max=MOST_ATTACHMENTS))
    version = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(1, 10**9),
        metadata={"description": "Of the thread as you saw it: refused (412) if it has changed since."},
    )  # fmt: skip
    status = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf(STATUSES), metadata={"description": "null: it stays."}
    )
    until = InstantField(load_default=None, allow_none=True, metadata={"description": "Of snoozed."})


class RepliedSchema(Schema):
    """Where an answer is, and what becomes of its copy."""

    conversation_id = IdField(required=True)
    word_id = IdField(required=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    copy = fields.Nested(ReplyCopySchema, required=True, allow_none=True, metadata={"description": "null: none."})


class NotedSchema(Schema):
    """Where a note is."""

    note_id = IdField(required=True)


class AssignConversationSchema(Schema):
    """Who is to have it."""

    assignee = TextField(
        80, required=True, allow_none=True,
        metadata={"description": "me, auto (by load and language), staff:NAME; null: back to the queue."},
    )  # fmt: skip
    version = fields.Integer(strict=True, required=True, validate=validate.Range(1, 10**9))


class MoveConversationSchema(Schema):
    """Where it goes."""

    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    until = InstantField(load_default=None, allow_none=True, metadata={"description": "Of snoozed: until when."})
    version = fields.Integer(strict=True, required=True, validate=validate.Range(1, 10**9))


class ChangeConversationSchema(Schema):
    """What it is; what is left out stays."""

    kind = fields.String(validate=validate.OneOf(KINDS))
    priority = fields.String(validate=validate.OneOf(PRIORITIES))
    team = PatternField(TEAM_PATTERN, allow_none=True)
    language = PatternField(LANGUAGE_PATTERN)
    about_id = IdField(allow_none=True, metadata={"description": "A dispute, request or promise of the borrower."})
    version = fields.Integer(strict=True, required=True, validate=validate.Range(1, 10**9))


class MacroSchema(Schema):
    """A canned reply to be sent, and to move the thread as it says."""

    message_id = IdField(required=True)
    canned_response_id = IdField(required=True)
    version = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(1, 10**9))


class DeskReadSchema(Schema):
    """Up to where it was read."""

    word_id = IdField(required=True)


class PageOfWordsQuerySchema(Schema):
    """How much of the thread."""

    limit = CountField(load_default=100, validate=validate.Range(1, 200))


THREAD_EXAMPLE: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "borrower_no": "B-1001",
    "loan_no": None,
    "kind": "question",
    "about_id": None,
    "status": "open",
    "snoozed_until": None,
    "channel": "sms",
    "language": "en",
    "priority": "normal",
    "team": None,
    "assignee": "staff:Wang Fang",
    "opened_at": "2026-11-23T09:00:00Z",
    "last_at": "2026-11-23T09:00:00Z",
    "resolved_at": None,
    "waiting_since": "2026-11-23T09:00:00Z",
    "first_due_at": "2026-11-23T13:00:00Z",
    "next_due_at": None,
    "resolution_due_at": "2026-11-25T18:00:00Z",
    "due_at": "2026-11-23T13:00:00Z",
    "sla": "running",
    "unread_count": 1,
    "version": 1,
}
ENTRY_EXAMPLE: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "is_note": False,
    "direction": "inbound",
    "channel": "sms",
    "author": "borrower",
    "text": "Can I pay on Friday?",
    "created_at": "2026-11-23T09:00:00Z",
    "quotes_id": None,
    "attachments": [],
    "copy": None,
}
COPY_EXAMPLE = {
    "channel": "sms",
    "state": "waiting",
    "reason": "LEGAL_QUIET_HOURS",
    "rule": "UK-CONTACT-TIMES",
    "until": "2026-11-24T08:00:00Z",
}


def thread_view(found: ThreadShown) -> dict[str, Any]:
    """Return a thread as it is shown."""
    row = found.row
    return {**row._asdict(), "about_id": row.subject_id, "sla": found.sla, "unread_count": row.unread}


def entry_view(entry: Entry) -> dict[str, Any]:
    """Return a word or note as it is shown."""
    return {name: getattr(entry, name) for name in ThreadEntrySchema().fields}


def replied_view(replied: Replied) -> dict[str, Any]:
    """Return what became of an answer."""
    row = replied.row
    return {
        "conversation_id": row.id, "word_id": replied.word_id, "version": row.version, "status": row.status,
        "copy": replied.copy,
    }  # fmt: skip
