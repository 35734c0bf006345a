"""Canned replies in the browser: written in every language, looked at with sample values, approved by somebody else."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from marshmallow import EXCLUDE, Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, refused, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import one_of
from app.domain.conversations import KINDS
from app.domain.errors import DomainError
from app.persistence.unit_of_work import Work, reading
from app.services import canned_replies
from app.services.canned_replies import LONGEST_TEXT, STATES, VARIABLES, CannedValues
from app.web.auth import desk, permits
from app.web.fields import PatternField, TextField
from app.web.reads import end_reads, reads
from app.web.request_context import now
from app.wording.catalogue import locales

_PATH = "/canned-replies"
_ONE = f"{_PATH}/<id:canned_reply_id>"
_MOVES = ("open", "pending", "resolved")
_KEY = "[a-z0-9][a-z0-9_-]{0,39}"


class _CannedBaseSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    key = PatternField(_KEY, required=True)
    title = TextField(120, required=True)
    kind = fields.String(load_default=None, validate=validate.OneOf(KINDS))
    sets_status = fields.String(load_default=None, validate=validate.OneOf(_MOVES))


CannedFormSchema = _CannedBaseSchema.from_dict(
    {f"texts/{locale}": TextField(LONGEST_TEXT, required=True) for locale in locales()}, name="CannedFormSchema"
)
"""A canned reply; the fields of its texts are called as refusals point at them."""


class ChangedCannedFormSchema(CannedFormSchema):  # type: ignore[valid-type, misc]
    """A canned reply, written anew."""

    version = fields.Integer(required=True, validate=validate.Range(1, 10**9))


class CannedActSchema(Schema):
    """The version that was looked at."""

    version = fields.Integer(required=True, validate=validate.Range(1, 10**9))


@pages.get(_PATH)
@permits("conversations.read")
def canned_reply_list() -> Response:
    """List the lender's canned replies by key."""
    state = one_of("state", STATES)
    found = canned_replies.list_replies(reads(), desk().lender_id, state=state)
    return page("canned_replies/list.html", found=found, state=state, states=STATES)


@pages.get(f"{_PATH}/new")
@permits("canned_replies.write")
def new_canned_reply() -> Response:
    """Show the form of a new one."""
    return _written_page(Form())


@pages.post(f"{_PATH}/new")
@permits("canned_replies.write")
def write_canned_reply() -> BaseResponse:
    """Write one, which waits for approval then; or look at it first."""
    at, who = now(), desk()
    if request.form.get("do") == "preview":
        return _previewed(lambda form, shown, status: _written_page(form, shown, status=status))

    def act(work: Work, values: dict[str, Any]) -> str:
        row = canned_replies.add_reply(work, who.lender_id, _values(values), by=who.name, now=at)
        return f"{PREFIX}{_PATH}/{row.id}"

    return submit(CannedFormSchema, act, lambda form: _written_page(form, status=422))


def _written_page(form: Form, shown: Mapping[str, str] | None = None, *, status: int = 200) -> Response:
    return page("canned_replies/new.html", status=status, form=form, shown=shown, **_choices())


@pages.get(_ONE)
@permits("conversations.read")
def canned_reply(canned_reply_id: str) -> Response:
    """Show one, as a borrower would read it, with what may be done to it."""
    return _reply_page(canned_reply_id, Form())


@pages.post(f"{_ONE}/change")
@permits("canned_replies.write")
def change_canned_reply(canned_reply_id: str) -> BaseResponse:
    """Write it anew; it waits for approval again. Or look at it first."""
    at, who = now(), desk()
    if request.form.get("do") == "preview":
        return _previewed(lambda form, shown, status: _reply_page(canned_reply_id, form, shown, status=status))

    def act(work: Work, values: dict[str, Any]) -> str:
        canned_replies.change_reply(
            work, who.lender_id, canned_reply_id, _values(values), version=values["version"], by=who.name, now=at
        )
        return f"{PREFIX}{_PATH}/{canned_reply_id}"

    return submit(ChangedCannedFormSchema, act, lambda form: _reply_page(canned_reply_id, form, status=422))


@pages.post(f"{_ONE}/approve")
@permits("canned_replies.approve")
def approve_canned_reply(canned_reply_id: str) -> BaseResponse:
    """Let it be used. Nobody approves their own."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        canned_replies.approve_reply(
            work, who.lender_id, canned_reply_id, version=values["version"], by=who.name, role=who.role, now=at
        )
        return f"{PREFIX}{_PATH}/{canned_reply_id}"

    return submit(CannedActSchema, act, lambda form: _reply_page(canned_reply_id, Form(), act_form=form, status=422))


@pages.post(f"{_ONE}/retire")
@permits("canned_replies.write")
def retire_canned_reply(canned_reply_id: str) -> BaseResponse:
    """Take it out of use."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        canned_replies.retire_reply(work, who.lender_id, canned_reply_id, version=values["version"], by=who.name, now=at)
        return f"{PREFIX}{_PATH}/{canned_reply_id}"

    return submit(CannedActSchema, act, lambda form: _reply_page(canned_reply_id, Form(), act_form=form, status=422))


def _reply_page(
    canned_reply_id: str, form: Form, shown: Mapping[str, str] | None = None, *, act_form: Form | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    end_reads()
    with reading() as session:
        row = canned_replies.get_reply(session, desk().lender_id, canned_reply_id)
        values = {
            "key": row.key, "title": row.title, "kind": row.kind or "", "sets_status": row.sets_status or "",
            **{f"texts/{locale}": text for locale, text in row.texts.items()},
        }  # fmt: skip
        return page(
            "canned_replies/reply.html", status=status, reply=row, form=form, act_form=act_form or Form(), values=values,
            shown=shown, samples=canned_replies.sampled(row.texts), mine=row.written_by == desk().name, **_choices(),
        )  # fmt: skip


def _previewed(again: Any) -> BaseResponse:
    """Show the form as it was sent with its texts filled in, or what is wrong with them; nothing is kept."""
    texts = {locale: request.form.get(f"texts/{locale}", "").strip() for locale in locales()}
    try:
        canned_replies.check_texts(texts)
        shown, form = canned_replies.sampled(texts), Form(request.form)
    except DomainError as error:
        response: BaseResponse = again(refused(error), None, 422)
        return response
    response = again(form, shown, 200)
    return response


def _values(values: dict[str, Any]) -> CannedValues:
    texts = {locale: values[f"texts/{locale}"] for locale in locales()}
    return CannedValues(values["key"], values["title"], texts, values["kind"], values["sets_status"])


def _choices() -> dict[str, Any]:
    return {
        "kinds": KINDS, "moves": _MOVES, "languages": locales(), "variables": VARIABLES, "longest": LONGEST_TEXT,
    }  # fmt: skip
