"""Sending a borrower a message by hand: what may be said, what stands in the way now, how it would read, what was sent."""

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate
from marshmallow import ValidationError as SchemaError
from werkzeug.wrappers import Response as BaseResponse

from app.console.asked import asked
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import fragment, pages
from app.console.lists import after, listed
from app.domain.contact_gates import ContactAnswer
from app.domain.errors import DomainError
from app.persistence.unit_of_work import Work, reading
from app.services import manual_messages
from app.services.contact_gates import LONGEST_REASON
from app.services.manual_message_words import (
    FREE_CLASSES,
    FREE_TEXT_CHANNELS,
    LONGEST_TEXT,
    LONGEST_TITLE,
    NewMessage,
    choices,
)
from app.services.manual_messages import Preview
from app.web.auth import desk, permits
from app.web.errors import field_errors
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now
from app.wording.refusal_words import fields_in_words, refused_in_words

_OWN_WORDS = "text"
_WHAT = "[a-z_]{2,10}:[a-z][a-z0-9_]{0,59}"
_SIZE = 20


class MessageFormSchema(Schema):
    """The form: `what` is channel and template, or channel and `text` for one's own words."""

    what = PatternField(_WHAT, required=True)
    loan_no = PatternField(NUMBER_PATTERN, load_default=None)
    title = TextField(LONGEST_TITLE, load_default=None)
    text = TextField(LONGEST_TEXT, load_default=None)
    message_class = fields.String(load_default="servicing", validate=validate.OneOf(FREE_CLASSES))
    override_reason = TextField(LONGEST_REASON, load_default=None)
    do = fields.String(load_default="send", validate=validate.OneOf(("send", "look")))


class GateSchema(Schema):
    """Which contact is asked about; never what it says."""

    what = PatternField(_WHAT, load_default=None)
    loan_no = PatternField(NUMBER_PATTERN, load_default=None)


@pages.get("/borrowers/<number:borrower_no>/messages/new")
@permits("contacts.send")
@opened
def new_message(borrower: Opened) -> BaseResponse:
    """Show the form."""
    return _form(borrower, Form())


@pages.get("/borrowers/<number:borrower_no>/messages/gate")
@permits("contacts.send")
@opened
def message_gate(borrower: Opened) -> BaseResponse:
    """Show what stands in the way of the chosen channel now; asked for again and again."""
    query = asked(GateSchema)
    return fragment("gate.html", answer=_answer(borrower, query["what"], query["loan_no"]))


@pages.post("/borrowers/<number:borrower_no>/messages/new")
@permits("contacts.send")
@opened
def send_message(borrower: Opened) -> BaseResponse:
    """Send it, or (`do` = look) show how it would read and what stands in its way."""
    who, at, locale = desk(), now(), request_locale()
    if request.form.get("do") == "look":
        return _look(borrower)

    def act(work: Work, values: dict[str, Any]) -> str:
        manual_messages.send_message(
            work, borrower.id, _new(values), by=who.name, role=who.role, lender_id=who.lender_id, now=at, locale=locale
        )
        return f"{borrower.path}/messages"

    return submit(MessageFormSchema, act, lambda form: _form(borrower, form, status=422))


@pages.get("/borrowers/<number:borrower_no>/messages")
@permits("contacts.send")
@opened
def sent_messages(borrower: Opened) -> BaseResponse:
    """Show what people sent this borrower by hand, and what became of it."""
    rows = manual_messages.page_messages(reads(), borrower.id, desk().lender_id, before=after(), limit=_SIZE + 1)
    found = listed(rows, [Key(row.made_at, row.id) for row in rows], size=_SIZE)
    return borrower_page("messages.html", borrower, found=found)


def _look(borrower: Opened) -> BaseResponse:
    sent = {name: text for name, text in request.form.items() if name not in ("csrf", "once") and text.strip()}
    form = Form(request.form, once=request.form.get("once") or Form().once)
    who, at, locale = desk(), now(), request_locale()
    end_reads()
    try:
        new = _new(MessageFormSchema().load(sent))
        with reading() as session:
            seen = manual_messages.check_message(session, borrower.id, new, lender_id=who.lender_id, now=at, locale=locale)
    except SchemaError as error:
        found = fields_in_words(field_errors({"json": error.messages}), locale)
        return _form(borrower, _wrong(form, found, None), status=422)
    except DomainError as error:
        detail, found = refused_in_words(error, locale)
        return _form(borrower, _wrong(form, found, detail or error.detail), status=422)
    return _form(borrower, form, seen=seen)


def _wrong(form: Form, found: Any, detail: str | None) -> Form:
    return Form(form.values, {each.pointer.strip("/"): each.detail for each in found}, detail, form.once)


def _new(values: dict[str, Any]) -> NewMessage:
    channel, _, name = values["what"].partition(":")
    is_text = name == _OWN_WORDS
    return NewMessage(
        channel,
        None if is_text else name,
        values["title"] if is_text and channel != "sms" else None,
        values["text"] or "" if is_text else None,
        values["message_class"],
        loan_no=values["loan_no"],
        override_reason=values["override_reason"],
    )


def _form(borrower: Opened, form: Form, *, seen: Preview | None = None, status: int = 200) -> BaseResponse:
    end_reads()
    with reading() as session:
        loans = manual_messages.loan_numbers(session, borrower.id, desk().lender_id, now=now())
    offered = choices(request_locale())
    what = form.values.get("what")
    answer = seen.answer if seen else _answer(borrower, what, form.values.get("loan_no"))
    page = borrower_page(
        "message_new.html", borrower, form=form, offered=offered, free=FREE_TEXT_CHANNELS, loans=loans, seen=seen,
        answer=answer, classes=FREE_CLASSES, longest=LONGEST_TEXT,
    )  # fmt: skip
    page.status_code = status
    return page


def _answer(borrower: Opened, what: str | None, loan_no: str | None) -> ContactAnswer | None:
    """Return what the gate says of a channel, whatever is said on it; None where nothing was chosen or it is not there."""
    channel, _, name = (what or "").partition(":")
    end_reads()
    try:
        with reading() as session:
            return manual_messages.ask_channel(
                session, borrower.id, channel, None if name == _OWN_WORDS else name, loan_no or None,
                lender_id=desk().lender_id, now=now(), locale=request_locale(),
            )  # fmt: skip
    except DomainError:
        return None
