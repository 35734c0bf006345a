"""Staff send a borrower a message by hand, ask beforehand what stands in its way, and see what was sent."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.contact_forms import ANSWER_EXAMPLE, ContactAnswerSchema
from app.api.desk.staff import door
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.unit_of_work import Work, reading
from app.services import manual_messages
from app.services.contact_gates import LONGEST_REASON
from app.services.manual_message_words import CHANNELS, FREE_CLASSES, LONGEST_TEXT, LONGEST_TITLE, NewMessage, choices
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, InstantField, PageQuerySchema, PatternField, TextField
from app.web.idempotency import answer_once, required_key
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now


class DraftMessageSchema(Schema):
    """What would be said: by a template, or in one's own words."""

    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    template = PatternField(
        "[a-z][a-z0-9_]{0,59}", load_default=None, allow_none=True, metadata={"description": "One to send by hand."}
    )
    title = TextField(LONGEST_TITLE, load_default=None, allow_none=True, metadata={"description": "Of an e-mail."})
    text = TextField(
        LONGEST_TEXT,
        load_default=None,
        allow_none=True,
        metadata={"description": "Free text, on in_app, email and sms. No card numbers; checked as templates are."},
    )
    message_class = fields.String(
        load_default="servicing",
        validate=validate.OneOf(FREE_CLASSES),
        metadata={"description": "Of free text. What asks for money is collection, whatever it is called."},
    )
    locale = PatternField("[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2}", load_default=None, allow_none=True)
    loan_no = PatternField(NUMBER_PATTERN, load_default=None, allow_none=True, metadata={"description": "null: all loans."})


class NewMessageSchema(DraftMessageSchema):
    """A message to send."""

    override_reason = TextField(
        LONGEST_REASON,
        load_default=None,
        allow_none=True,
        metadata={"description": "Why a limit of the policy is set aside; kept. Nothing sets the law aside."},
    )


class PreviewSchema(Schema):
    """What the borrower would read, and what stands in its way."""

    title = fields.String(required=True)
    body = fields.String(required=True)
    locale = fields.String(required=True)
    answer = fields.Nested(ContactAnswerSchema, required=True)


class SentMessageSchema(Schema):
    """One message that a person sent."""

    id = IdField(required=True)
    channel = fields.String(required=True, metadata={"enum": list(CHANNELS)})
    message_class = fields.String(required=True)
    template = fields.String(required=True, allow_none=True, metadata={"description": "null: free text."})
    title = fields.String(required=True)
    body = fields.String(required=True)
    made_at = InstantField(required=True)
    by = fields.String(required=True)
    outcome = fields.String(required=True, metadata={"enum": ["SENT", "SUPPRESSED"]})
    reason = fields.String(required=True)
    rule = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, allow_none=True, metadata={"description": "Of the delivery."})
    state_reason = fields.String(required=True, allow_none=True)
    sent_at = InstantField(required=True, allow_none=True)
    not_after = InstantField(
        required=True, allow_none=True, metadata={"description": "Exclusive: it leaves before, or never."}
    )
    takes_place = fields.Boolean(required=True)
    override_reason = fields.String(required=True, allow_none=True)


class SentMessagesSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(SentMessageSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class TemplateByHandSchema(Schema):
    """A template that may be sent by hand on a channel."""

    template = fields.String(required=True)
    channel = fields.String(required=True)


class TemplatesByHandSchema(Schema):
    """All that may be sent by hand."""

    items = fields.List(fields.Nested(TemplateByHandSchema), required=True)


_ASKED = {"channel": "push", "template": "overdue_help", "loan_no": "CN-1001"}
_PREVIEW = {"title": "Your lender", "body": "You have a new message in the app.", "locale": "en", "answer": ANSWER_EXAMPLE}
_SENT: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "channel": "push",
    "message_class": "collection",
    "template": "overdue_help",
    "title": "Your lender",
    "body": "You have a new message in the app.",
    "made_at": "2026-11-26T03:00:00Z",
    "by": "staff:Wang Fang",
    "outcome": "SENT",
    "reason": "ON_SCHEDULE",
    "rule": None,
    "state": "queued",
    "state_reason": None,
    "sent_at": None,
    "not_after": "2026-11-26T14:00:00Z",
    "takes_place": True,
    "override_reason": None,
}
_DUMP = SentMessageSchema()


@door.get("/message-templates")
@permits("contacts.send")
@answers(200, TemplatesByHandSchema, example={"items": [{"template": "overdue_help", "channel": "push"}]})
def list_templates_by_hand() -> dict[str, Any]:
    """List the templates that a person may send, with their channels, that have approved words in the asked language."""
    found = choices(request_locale())
    return {"items": [{"template": template, "channel": channel} for template, channel in found]}


@door.post("/borrowers/<number:borrower_no>/messages/check")
@permits("contacts.send")
@door.takes(DraftMessageSchema, example=_ASKED)
@answers(200, PreviewSchema, example=_PREVIEW)
def check_message(body: dict[str, Any], borrower_no: str) -> dict[str, Any]:
    """Show what a message would say and what stands in its way now. Nothing is sent and nothing changes."""
    at, who, locale = now(), desk(), request_locale()
    end_reads()
    with reading() as session:
        borrower_id = get_borrower_of_lender(session, who.lender_id, borrower_no)
        seen = manual_messages.check_message(
            session, borrower_id, NewMessage(**body), lender_id=who.lender_id, now=at, locale=locale
        )
    return {"title": seen.title, "body": seen.body, "locale": seen.locale, "answer": seen.answer}


@door.post("/borrowers/<number:borrower_no>/messages")
@permits("contacts.send")
@door.takes(NewMessageSchema, example=_ASKED)
@answers(
    201,
    SentMessageSchema,
    example=_SENT,
    problems=(
        "law-refused", "contact-refused", "quiet-hours", "contact-cap-reached", "consent-missing", "idempotency-mismatch",
        "idempotency-in-flight",
    ),
)  # fmt: skip
def post_message(body: dict[str, Any], borrower_no: str) -> Answer:
    """Send a message by hand. An Idempotency-Key is needed.

    It is asked about again whenever something changes before it leaves, and is taken back with the reason where something
    stands in its way by then.
    """
    at, who, locale, key = now(), desk(), request_locale(), required_key()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, who.lender_id, borrower_no)
        sent = manual_messages.send_message(
            work, borrower_id, NewMessage(**body), by=who.name, role=who.role, lender_id=who.lender_id, now=at, locale=locale
        )
        return Answer(_DUMP.dump(sent), 201, dumped=True)

    return answer_once(act, key=key)


@door.get("/borrowers/<number:borrower_no>/messages")
@permits("contacts.send")
@door.asks(PageQuerySchema)
@answers(200, SentMessagesSchema, example={"items": [_SENT], "next_cursor": None})
def list_sent_messages(query: dict[str, Any], borrower_no: str) -> Answer:
    """List what people of this lender sent a borrower by hand, newest first, with what became of it."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    begin = requested_key(query)
    rows = manual_messages.page_messages(
        reads(), borrower_id, lender_id, before=(begin.at, begin.row_id) if begin else None, limit=query["limit"] + 1
    )
    return page_answer(rows, [Key(row.made_at, row.id) for row in rows], query)
