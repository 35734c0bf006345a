"""Reminder policies: their versions, what each would do and change, and the way of one into force."""

from collections.abc import Callable
from typing import Any

import yaml
from flask import Response, request
from marshmallow import Schema, fields
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.persistence.models.reminders import PolicyRow
from app.persistence.queries.policies import page_policies
from app.persistence.queries.rehearsals import page_rehearsals
from app.persistence.unit_of_work import Work, reading
from app.services import policy_versions as versions
from app.services.policy_desk import LONGEST_TEXT, CheckedText, check_text, findings_of, show_version
from app.services.rehearsals.pages import title_of
from app.services.rehearsals.settings import DELIVERIES, PAYMENTS, RehearsalSettings
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.pagination import Key
from app.web.reads import end_reads
from app.web.request_context import now

_VERSION = "/policies/<number:key>/<int:version_no>"
_MOST_REHEARSALS = 20


class DocumentSchema(Schema):
    """The text of a policy."""

    text = TextField(LONGEST_TEXT, required=True)
    do = fields.String(load_default="")


class NothingSchema(Schema):
    """A form without fields: its button says it all."""


@pages.get("/policies")
@permits("policies.read")
def policies() -> Response:
    """List versions of the lender's policies and of those that are for everyone, newest first."""
    wanted = one_of("status", versions.STATUSES)
    begin = after(status=wanted)
    end_reads()
    with reading() as session:
        rows = page_policies(session, status=wanted, for_lender=desk().lender_id, after=begin, limit=SIZE + 1)
        found = listed(rows, [Key(row.created_at, row.id) for row in rows], status=wanted)
        return page("policies/list.html", found=found, wanted=wanted, statuses=versions.STATUSES)


@pages.get("/policies/new")
@permits("policies.submit")
def new_policy() -> Response:
    """Show where a policy is handed in; `from` takes the text of a version to begin with."""
    key, _, number = request.args.get("from", "").rpartition("@")
    text = ""
    if key and number.isdigit():
        end_reads()
        with reading() as session:
            text = written(versions.get_version(session, key, int(number), for_lender=desk().lender_id).document)
    return page("policies/new.html", form=Form({"text": text}), checked=None)


@pages.post("/policies/new")
@permits("policies.submit")
def hand_in_policy() -> BaseResponse:
    """Check the text, and hand it in for approval if that is what was asked and nothing is wrong."""
    who, at = desk(), now()
    text = request.form.get("text", "")[: LONGEST_TEXT + 1]
    with reading() as session:
        checked = check_text(session, text, who.lender_id, on=at.date())
    if checked.findings or request.form.get("do") == "check":
        return _again(Form(request.form), checked)

    def act(work: Work, _values: dict[str, Any]) -> str:
        document = checked.document or {}
        row = versions.save_draft(work, document, by=who.name, now=at, of_lender=who.lender_id)
        versions.submit_policy(work, row.key, row.version_no, by=who.name, now=at, of_lender=who.lender_id)
        return f"{PREFIX}/policies/{row.key}/{row.version_no}"

    return submit(DocumentSchema, act, lambda form: _again(form, checked))


def _again(form: Form, checked: CheckedText) -> Response:
    return page("policies/new.html", status=422 if checked.findings or form.detail else 200, form=form, checked=checked)


@pages.get(_VERSION)
@permits("policies.read")
def policy(key: str, version_no: int) -> Response:
    """Show a version: its steps, what it changes, what is wrong with it, its rehearsals, its document."""
    return _shown(key, version_no, Form())


_MOVES: dict[str, tuple[str, Callable[..., PolicyRow]]] = {
    "approve": ("policies.approve", versions.approve_policy),
    "return": ("policies.approve", versions.return_policy),
    "activate": ("policies.activate", versions.activate_policy),
    "retire": ("policies.activate", versions.retire_policy),
}


@pages.post(f"{_VERSION}/approve")
@permits("policies.approve")
def approve_policy(key: str, version_no: int) -> BaseResponse:
    """Approve it; not its author."""
    return _moved("approve", key, version_no)


@pages.post(f"{_VERSION}/return")
@permits("policies.approve")
def return_policy(key: str, version_no: int) -> BaseResponse:
    """Give it back to its author."""
    return _moved("return", key, version_no)


@pages.post(f"{_VERSION}/activate")
@permits("policies.activate")
def activate_policy(key: str, version_no: int) -> BaseResponse:
    """Put it in force, or an older one again."""
    return _moved("activate", key, version_no)


@pages.post(f"{_VERSION}/retire")
@permits("policies.activate")
def retire_policy(key: str, version_no: int) -> BaseResponse:
    """Take it out of use."""
    return _moved("retire", key, version_no)


def _moved(move: str, key: str, version_no: int) -> BaseResponse:
    who, at = desk(), now()

    def act(work: Work, _values: dict[str, Any]) -> str:
        _MOVES[move][1](work, key, version_no, by=who.name, now=at, of_lender=who.lender_id)
        return f"{PREFIX}/policies/{key}/{version_no}"

    return submit(NothingSchema, act, lambda form: _shown(key, version_no, form, status=422))


def _shown(key: str, version_no: int, form: Form, *, status: int = 200) -> Response:
    lender_id, at = desk().lender_id, now()
    end_reads()
    with reading() as session:
        shown = show_version(session, key, version_no, lender_id)
        row = shown.row
        rehearsals = [
            each
            for each in page_rehearsals(session, lender_id=lender_id, limit=_MOST_REHEARSALS)
            if title_of(RehearsalSettings.of_json(each.settings)) == versions.named(row)
        ]
        moves = [
            (move, permission)
            for move, (permission, _) in _MOVES.items()
            if row.lender_id == lender_id and _BECOMES[move] in versions.MOVES[row.status] and _was_good(row, move)
        ]
        return page(
            "policies/version.html", status=status, row=row, policy=shown.policy, active=shown.active, changes=shown.changes,
            checked=findings_of(session, row, on=at.date()), rehearsals=rehearsals, form=form, moves=moves,
            text=written(row.document), payments=PAYMENTS, deliveries=DELIVERIES, today=at.date(),
        )  # fmt: skip


_BECOMES = {"approve": "approved", "return": "draft", "activate": "active", "retire": "retired"}


def _was_good(row: PolicyRow, move: str) -> bool:
    return row.status != "retired" or move != "activate" or row.approved_at is not None or row.activated_at is not None


def written(document: dict[str, Any]) -> str:
    """Return a document as text that can be handed in again."""
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return text
