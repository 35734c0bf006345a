"""Changing a borrower's phone, e-mail or address: proposing it, having it proved, stopping it."""

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.domain.contact_changes import KINDS, PROOFS_OF
from app.persistence.db import vault
from app.persistence.queries.contact_changes import get_change
from app.persistence.unit_of_work import Work, reading
from app.services import contact_change_codes, contact_changes
from app.services.contact_change_rules import change_rules
from app.services.contact_changes import LONGEST_GROUNDS, LONGEST_REASON
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import PatternField, TextField
from app.web.reads import end_reads, reads
from app.web.request_context import now

_PATH = "/borrowers/<number:borrower_no>/contact-changes"
_ONE = f"{_PATH}/<id:change_id>"
_WRONG = ("otp-invalid", "otp-expired", "otp-locked")
"""What can be wrong with a code: it stands in the address of the page that says so, since the try itself is kept."""


class ChangeFormSchema(Schema):
    """What is to be changed."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    value = fields.String(required=True, validate=validate.Length(min=1, max=1200))


class CodeFormSchema(Schema):
    """A code as the borrower tells it."""

    code = PatternField("[0-9]{6}", "Six digits.", required=True)


class GroundsFormSchema(Schema):
    """Why, and which documents were seen."""

    grounds = TextField(LONGEST_GROUNDS, required=True)


class CancelFormSchema(Schema):
    """Why it is cancelled."""

    reason = TextField(LONGEST_REASON, required=True)


class NothingSchema(Schema):
    """A button."""


@pages.get(_PATH, endpoint="contact_changes")
@pages.get(f"{_PATH}/new")
@permits("contacts.read_changes")
@opened
def new_contact_change(borrower: Opened) -> BaseResponse:
    """Show the form, and the changes there were."""
    return _list(borrower, Form())


@pages.post(f"{_PATH}/new")
@permits("contacts.change")
@opened
def propose_contact_change(borrower: Opened) -> BaseResponse:
    """Propose it; the next page has it proved."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        change_id = contact_changes.propose_change(work, borrower.id, values["kind"], values["value"], staff=staff, now=at)
        return f"{borrower.path}/contact-changes/{change_id}"

    return submit(ChangeFormSchema, act, lambda form: _list(borrower, form, status=422))


@pages.get(_ONE)
@permits("contacts.read_changes")
@opened
def contact_change(borrower: Opened, change_id: str) -> BaseResponse:
    """Show one change with what can be done about it."""
    wrong = request.args.get("wrong", "")
    return _one(borrower, change_id, wrong=wrong if wrong in _WRONG else None)


@pages.post(f"{_ONE}/code")
@permits("contacts.change")
@opened
def send_code_of_change(borrower: Opened, change_id: str) -> BaseResponse:
    """Send a code to the new phone or e-mail."""
    at, staff = now(), acting()

    def act(work: Work, _: dict[str, Any]) -> str:
        contact_change_codes.send_code(work, change_id, staff=staff, now=at)
        return _where(borrower, change_id)

    return submit(NothingSchema, act, lambda form: _one(borrower, change_id, code_form=form, status=422))


@pages.post(f"{_ONE}/prove")
@permits("contacts.change")
@opened
def prove_change(borrower: Opened, change_id: str) -> BaseResponse:
    """Prove it by the code that was told back; a wrong one stays counted."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        wrong = contact_change_codes.try_code(work, change_id, values["code"], staff=staff, now=at)
        return _where(borrower, change_id) + (f"?wrong={wrong.code}" if wrong else "")

    return submit(CodeFormSchema, act, lambda form: _one(borrower, change_id, code_form=form, status=422))


@pages.post(f"{_ONE}/confirm")
@permits("contacts.confirm")
@opened
def confirm_change(borrower: Opened, change_id: str) -> BaseResponse:
    """Prove it by a supervisor's word, with a fresh second factor."""
    at, staff, who = now(), acting(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        contact_changes.confirm_by_supervisor(work, change_id, grounds=values["grounds"], staff=staff, proven=who, now=at)
        return _where(borrower, change_id)

    return submit(GroundsFormSchema, act, lambda form: _one(borrower, change_id, grounds_form=form, status=422))


@pages.post(f"{_ONE}/cancel")
@permits("contacts.change")
@opened
def cancel_change(borrower: Opened, change_id: str) -> BaseResponse:
    """Let it be."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        contact_changes.cancel_change(work, change_id, staff=staff, reason=values["reason"], now=at)
        return _where(borrower, change_id)

    return submit(CancelFormSchema, act, lambda form: _one(borrower, change_id, cancel_form=form, status=422))


def _where(borrower: Opened, change_id: str) -> str:
    return f"{borrower.path}/contact-changes/{change_id}"


def _list(borrower: Opened, form: Form, *, status: int = 200) -> BaseResponse:
    found = contact_changes.list_changes(reads(), vault(), borrower.id, lender_id=desk().lender_id)
    hours = {kind: int(each.total_seconds()) // 3600 for kind, each in change_rules().cool_off.items()}
    return borrower_page(
        "contact_changes_new.html", borrower, status=status, form=form, found=found, kinds=KINDS, hours=hours
    )


def _one(
    borrower: Opened, change_id: str, *, code_form: Form | None = None, grounds_form: Form | None = None,
    cancel_form: Form | None = None, wrong: str | None = None, status: int = 200,
) -> BaseResponse:  # fmt: skip
    end_reads()
    with reading() as session:
        row = get_change(session, borrower.id, change_id)
        shown = contact_changes.shown(vault(), row, lender_id=desk().lender_id)
        return borrower_page(
            "contact_change.html", borrower, status=status, shown=shown, row=row, wrong=wrong,
            proofs=PROOFS_OF[row.kind], code_form=code_form or Form(), grounds_form=grounds_form or Form(),
            cancel_form=cancel_form or Form(), fresh=Form(),
        )  # fmt: skip
