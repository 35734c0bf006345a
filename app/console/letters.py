"""Letters of a borrower: drafted by one, read as they would be posted, approved by another, taken back."""

from typing import Any

from flask import Response
from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.persistence.unit_of_work import Work, reading
from app.services import letter_drafts, manual_messages
from app.services.contact_gates import LONGEST_REASON
from app.services.tasks import LONGEST_REASON as LONGEST_CLOSE
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.languages import request_locale
from app.web.reads import end_reads, reads
from app.web.request_context import now

_PDF = "application/pdf"


class LetterFormSchema(Schema):
    """A letter to draft."""

    template = PatternField("[a-z][a-z0-9_]{0,59}", required=True)
    loan_no = PatternField(NUMBER_PATTERN, required=True)


class ApprovalFormSchema(Schema):
    """An approval."""

    override_reason = TextField(LONGEST_REASON, load_default=None)


class WithdrawalFormSchema(Schema):
    """Why a draft is taken back."""

    reason = TextField(LONGEST_CLOSE, required=True)


@pages.get("/borrowers/<number:borrower_no>/letters/new")
@permits("letters.draft")
@opened
def new_letter(borrower: Opened) -> BaseResponse:
    """Show the form, and the letters that wait."""
    return _show(borrower, Form())


@pages.post("/borrowers/<number:borrower_no>/letters/new")
@permits("letters.draft")
@opened
def draft_letter(borrower: Opened) -> BaseResponse:
    """Draft a letter."""
    who, at, locale = desk(), now(), request_locale()

    def act(work: Work, values: dict[str, Any]) -> str:
        letter_drafts.draft_letter(work, borrower.id, **values, by=who.name, lender_id=who.lender_id, now=at, locale=locale)
        return f"{borrower.path}/letters/new"

    return submit(LetterFormSchema, act, lambda form: _show(borrower, form, status=422))


@pages.get("/borrowers/<number:borrower_no>/letters/<id:letter_id>/preview")
@permits("letters.draft")
@opened
def preview_letter(borrower: Opened, letter_id: str) -> BaseResponse:
    """Show a letter as it would be posted."""
    who, at = desk(), now()
    end_reads()
    pdf = letter_drafts.look_at(letter_id, by=who.name, lender_id=who.lender_id, now=at)
    response = Response(pdf, 200, content_type=_PDF)
    response.headers["Content-Disposition"] = f'inline; filename="letter-{letter_id}.pdf"'
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.post("/borrowers/<number:borrower_no>/letters/<id:letter_id>/approve")
@permits("letters.approve")
@opened
def approve_letter(borrower: Opened, letter_id: str) -> BaseResponse:
    """Have a letter posted that somebody else drafted."""
    who, at, locale = desk(), now(), request_locale()

    def act(work: Work, values: dict[str, Any]) -> str:
        letter_drafts.approve_draft(
            work, letter_id, by=who.name, role=who.role, lender_id=who.lender_id, now=at, locale=locale, **values
        )
        return f"{borrower.path}/letters/new"

    return submit(ApprovalFormSchema, act, lambda form: _show(borrower, form, status=422))


@pages.post("/borrowers/<number:borrower_no>/letters/<id:letter_id>/withdraw")
@permits("letters.draft")
@opened
def withdraw_letter(borrower: Opened, letter_id: str) -> BaseResponse:
    """Take a draft back."""
    who, at = desk(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        letter_drafts.withdraw_draft(work, letter_id, by=who.name, lender_id=who.lender_id, now=at, **values)
        return f"{borrower.path}/letters/new"

    return submit(WithdrawalFormSchema, act, lambda form: _show(borrower, form, status=422))


def _show(borrower: Opened, form: Form, *, status: int = 200) -> BaseResponse:
    letters = letter_drafts.list_drafts(reads(), borrower.id, desk().lender_id)
    end_reads()
    with reading() as session:
        loans = manual_messages.loan_numbers(session, borrower.id, desk().lender_id, now=now())
    page = borrower_page(
        "letters.html", borrower, form=form, letters=letters, loans=loans, templates=letter_drafts.templates(), fresh=Form
    )
    page.status_code = status
    return page
