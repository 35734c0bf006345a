"""Escalation policies: their versions, what each would do, and the way of one into force."""

from collections.abc import Callable
from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.escalations import said
from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.policies import written
from app.domain.errors import FieldError, ValidationError
from app.domain.escalation_runs import Assumptions
from app.persistence.models.escalations import EscalationPolicyRow
from app.persistence.queries.escalation_policies import list_rehearsals, list_versions
from app.persistence.unit_of_work import Work, reading
from app.services import escalation_policies as versions
from app.services.escalation_documents import find_problems, read_document, shipped, shipped_names
from app.services.escalation_rehearsals import rehearse_version
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.reads import end_reads, reads
from app.web.request_context import now

_HOME = "/escalation-policies"
_VERSION = f"{_HOME}/<number:key>/<int:version_no>"
LONGEST_TEXT = 100_000


class EscalationTextSchema(Schema):
    """The text of an escalation policy."""

    text = TextField(LONGEST_TEXT, required=True)
    do = fields.String(load_default="")


class AssumedSchema(Schema):
    """What a rehearsal takes for granted."""

    days = fields.Integer(load_default=90, validate=validate.Range(1, 400))
    delivery_days = fields.Integer(load_default=3, validate=validate.Range(0, 60))
    approval_days = fields.Integer(load_default=1, validate=validate.Range(0, 60))


class MoveSchema(Schema):
    """A form without fields: its button says it all."""


@pages.get(_HOME)
@permits("escalation_policies.read")
def escalation_policies() -> Response:
    """List the lender's versions, those in force first."""
    rows = list_versions(reads(), desk().lender_id)
    return page("escalations/policies.html", rows=rows, shipped=shipped_names())


@pages.get(f"{_HOME}/new")
@permits("escalation_policies.draft")
def new_escalation_policy() -> Response:
    """Show where a policy is written; `from` takes the text of a version, or of one that ships, to begin with."""
    source = request.args.get("from", "")
    key, _, number = source.rpartition("@")
    text = ""
    if key and number.isdigit():
        end_reads()
        with reading() as session:
            text = written(versions.get_version(session, desk().lender_id, key, int(number)).document)
    elif source in shipped_names():
        text = written(shipped(source))
    return page("escalations/new_policy.html", form=Form({"text": text}), problems=None)


@pages.post(f"{_HOME}/new")
@permits("escalation_policies.draft")
def draft_escalation_policy() -> BaseResponse:
    """Check the text, and keep it as a draft if that is what was asked and nothing is wrong."""
    who, at = desk(), now()
    document, problems = _read(request.form.get("text", "")[: LONGEST_TEXT + 1])
    if problems or request.form.get("do") == "check":
        return _again(Form(request.form), problems)

    def act(work: Work, _values: dict[str, Any]) -> str:
        row = versions.save_draft(work, who.lender_id, document, by=who.name, now=at)
        return f"{PREFIX}{_HOME}/{row.key}/{row.version_no}"

    return submit(EscalationTextSchema, act, lambda form: _again(form, problems))


def _read(text: str) -> tuple[dict[str, Any], list[FieldError]]:
    try:
        document = read_document(text)
    except ValidationError as error:
        return {}, list(error.errors) or [FieldError("", "form", error.detail)]
    return document, find_problems(document)


def _again(form: Form, problems: list[FieldError]) -> Response:
    status = 422 if problems or form.detail else 200
    return page("escalations/new_policy.html", status=status, form=form, problems=problems)


@pages.get(_VERSION)
@permits("escalation_policies.read")
def escalation_policy(key: str, version_no: int) -> Response:
    """Show a version: its steps, what was rehearsed of it, its document."""
    return _shown(key, version_no, Form())


@pages.post(f"{_VERSION}/rehearse")
@permits("escalation_policies.draft")
def rehearse_escalation_policy(key: str, version_no: int) -> BaseResponse:
    """Rehearse it over the lender's book from now on."""
    who, at = desk(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        row = versions.get_version(work.session, who.lender_id, key, version_no)
        days = values.pop("days")
        rehearse_version(work, row, by=who.name, now=at, days=days, assumed=Assumptions(**values))
        return f"{PREFIX}{_HOME}/{key}/{version_no}"

    return submit(AssumedSchema, act, lambda form: _shown(key, version_no, form, status=422))


_MOVES: dict[str, Callable[..., None]] = {
    "approve": versions.approve,
    "activate": versions.activate,
    "retire": versions.retire,
}
_BECOMES = {"approve": "approved", "activate": "active", "retire": "retired"}


@pages.post(f"{_VERSION}/approve")
@permits("escalation_policies.approve")
def approve_escalation_policy(key: str, version_no: int) -> BaseResponse:
    """Approve it; not its author, and not before it was rehearsed."""
    return _moved("approve", key, version_no)


@pages.post(f"{_VERSION}/activate")
@permits("escalation_policies.approve")
def activate_escalation_policy(key: str, version_no: int) -> BaseResponse:
    """Put it in force."""
    return _moved("activate", key, version_no)


@pages.post(f"{_VERSION}/retire")
@permits("escalation_policies.approve")
def retire_escalation_policy(key: str, version_no: int) -> BaseResponse:
    """Take it out of use."""
    return _moved("retire", key, version_no)


def _moved(move: str, key: str, version_no: int) -> BaseResponse:
    who, at = desk(), now()

    def act(work: Work, _values: dict[str, Any]) -> str:
        row = versions.get_version(work.session, who.lender_id, key, version_no)
        _MOVES[move](work, row, by=who.name, now=at)
        return f"{PREFIX}{_HOME}/{key}/{version_no}"

    return submit(MoveSchema, act, lambda form: _shown(key, version_no, form, status=422))


def _shown(key: str, version_no: int, form: Form, *, status: int = 200) -> Response:
    end_reads()
    with reading() as session:
        row = versions.get_version(session, desk().lender_id, key, version_no)
        policy = versions.as_values(row)
        rehearsals = list_rehearsals(session, row.id)
        values = {"row": row, "policy": policy, "text": written(row.document), "moves": _moves_of(row)}
    newest = next((each for each in rehearsals if each.content_hash == row.content_hash), None)
    return page("escalations/policy.html", status=status, rehearsals=rehearsals, newest=newest, form=form,
                totals=_totals(newest), **values, **said())  # fmt: skip


def _moves_of(row: EscalationPolicyRow) -> list[str]:
    good = [move for move, status in _BECOMES.items() if status in versions.MOVES[row.status]]
    return [move for move in good if move != "activate" or row.approved_at is not None]


def _totals(rehearsal: Any) -> list[tuple[str, str, int, str, str]]:
    """Return (kind, outcome, how many, first day, last day) of a rehearsal's result."""
    found: dict[tuple[str, str], tuple[int, str, str]] = {}
    for on, kind, outcome, count in rehearsal.result["by_day"] if rehearsal is not None else ():
        total, first, _ = found.get((kind, outcome), (0, on, on))
        found[kind, outcome] = (total + count, first, on)
    return [(*key, *values) for key, values in found.items()]
