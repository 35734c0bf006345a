"""How conversations and their words are written and shown to borrowers."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.promise_forms import PartSchema
from app.domain.conversations import KINDS
from app.domain.disputes import GROUNDS, DisputeValues
from app.domain.disputes import KINDS as DISPUTE_KINDS
from app.domain.hardship import CHANGES, LASTS, HardshipValues
from app.services.conversation_openings import Opening
from app.services.conversations import LONGEST_TEXT, MOST_ATTACHMENTS, STATUSES
from app.web.fields import IdField, InstantField, MoneyField, TextField

EXAMPLE_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"


class ConversationSchema(Schema):
    """One conversation."""

    id = IdField(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    loan_id = IdField(required=True, allow_none=True, metadata={"description": "null: of no single loan."})
    about_id = IdField(
        required=True,
        allow_none=True,
        attribute="subject_id",
        metadata={"description": "The dispute, request for help or promise it is about, by its kind."},
    )
    status = fields.String(required=True, metadata={"enum": list(STATUSES), "description": "pending: you are asked."})
    channel = fields.String(required=True, metadata={"description": "Of your last word: an answer goes there."})
    opened_at = InstantField(required=True)
    waiting_since = InstantField(required=True, allow_none=True, metadata={"description": "Since when you wait for us."})
    last_at = InstantField(required=True)
    unread_count = fields.Integer(required=True, metadata={"description": "Answers you have not read."})


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
    quotes_id = IdField(required=True, allow_none=True, metadata={"description": "The word of this talk that it quotes."})
    attachments = fields.List(IdField(), required=True)


class WordsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(WordSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewWordSchema(Schema):
    """What you write."""

    message_id = IdField(required=True, metadata={"description": "Made by the app: the same again is written once."})
    text = TextField(LONGEST_TEXT, required=True)
    attachments = fields.List(IdField(), load_default=list, validate=validate.Length(max=MOST_ATTACHMENTS))


class ReplySchema(NewWordSchema):
    """What you write in a conversation."""

    quotes_id = IdField(load_default=None, allow_none=True, metadata={"description": "A word of this conversation."})


class OpenedDisputeSchema(Schema):
    """What is wrong; your words are the text."""

    kind = fields.String(load_default="dispute", validate=validate.OneOf(DISPUTE_KINDS))
    ground = fields.String(required=True, validate=validate.OneOf(tuple(GROUNDS)))
    amount = MoneyField(load_default=None, allow_none=True, metadata={"description": "null: all that is owed."})


class OpenedHardshipSchema(Schema):
    """What has changed for you; your words are the text."""

    change = fields.String(required=True, validate=validate.OneOf(CHANGES))
    lasts = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(LASTS))
    monthly = MoneyField(load_default=None, allow_none=True)
    wants_advice = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class OpenedPromiseSchema(Schema):
    """What you promise."""

    parts = fields.List(fields.Nested(PartSchema), required=True, validate=validate.Length(min=1, max=24))
    replaces = fields.List(IdField(), load_default=list, validate=validate.Length(max=24))


class NewConversationSchema(NewWordSchema):
    """What you write, and what it is about."""

    kind = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(KINDS),
        metadata={"description": "null: it joins the conversation that is open. Else it begins one of that kind."},
    )
    loan_id = IdField(load_default=None, allow_none=True, metadata={"description": "The loan it is about."})
    about_id = IdField(
        load_default=None,
        allow_none=True,
        metadata={"description": "A dispute, request for help or promise there is: it joins the conversation about that."},
    )
    dispute = fields.Nested(OpenedDisputeSchema, load_default=None, allow_none=True)
    hardship = fields.Nested(OpenedHardshipSchema, load_default=None, allow_none=True)
    promise = fields.Nested(OpenedPromiseSchema, load_default=None, allow_none=True)


class AddedWordSchema(Schema):
    """Where it is."""

    conversation_id = IdField(required=True)
    word_id = IdField(required=True)


class ReadUpToSchema(Schema):
    """Up to where it was read."""

    word_id = IdField(required=True, metadata={"description": "The newest word that was shown. It never goes back."})


class UnreadSchema(Schema):
    """What is left to read."""

    unread_count = fields.Integer(required=True)


CONVERSATION_EXAMPLE = {
    "id": EXAMPLE_ID,
    "kind": "question",
    "loan_id": None,
    "about_id": None,
    "status": "open",
    "channel": "sms",
    "opened_at": "2026-11-23T09:00:00Z",
    "waiting_since": "2026-11-23T09:00:00Z",
    "last_at": "2026-11-23T09:00:00Z",
    "unread_count": 0,
}
WORD_EXAMPLE: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "direction": "inbound",
    "channel": "sms",
    "text": "Can I pay on Friday?",
    "created_at": "2026-11-23T09:00:00Z",
    "in_reply_to": None,
    "quotes_id": None,
    "attachments": [],
}


def opening_of(body: dict[str, Any]) -> Opening:
    """Return what a body begins a conversation with."""
    said, helped, promised = body["dispute"], body["hardship"], body["promise"]
    files = tuple(dict.fromkeys(body["attachments"]))
    dispute = hardship = None
    if said is not None:
        amount = said["amount"]
        dispute = DisputeValues(
            said["kind"], said["ground"], body["text"], None if amount is None else amount.minor,
            None if amount is None else amount.currency, files,
        )  # fmt: skip
    if helped is not None:
        monthly = helped["monthly"]
        hardship = HardshipValues(
            helped["change"], body["loan_id"], helped["lasts"], None if monthly is None else monthly.minor,
            None if monthly is None else monthly.currency, helped["wants_advice"], body["text"], files,
        )  # fmt: skip
    parts = [] if promised is None else [(part["amount"], part["promised_on"]) for part in promised["parts"]]
    replaces = () if promised is None else promised["replaces"]
    return Opening(body["kind"] or "question", body["loan_id"], body["about_id"], dispute, hardship, parts, replaces)
