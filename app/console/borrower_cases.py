"""A borrower's disputes and requests for help: listed, taken, answered."""

from typing import Any

from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import amount_field, loans_of, money_typed
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.domain import disputes as dispute_words
from app.domain import hardship as hardship_words
from app.domain.errors import NotFoundError
from app.persistence.queries.hardship import find_of_borrower
from app.persistence.unit_of_work import Work
from app.services import dispute_answers, disputes, hardship
from app.services.dispute_answers import AnswerValues
from app.services.hardship import LONGEST_TEXT
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.languages import request_locale
from app.web.reads import reads
from app.web.request_context import now

_BORROWER = "/borrowers/<number:borrower_no>"
_DISPUTE = f"{_BORROWER}/disputes/<id:dispute_id>"
_HELP = f"{_BORROWER}/hardship/<id:request_id>"
_MOST = 50


class DisputeAnswerFormSchema(Schema):
    """An answer as it is typed."""

    outcome = fields.String(required=True, validate=validate.OneOf(dispute_words.OUTCOMES))
    words = TextField(LONGEST_TEXT, required=True)
    upheld = amount_field(load_default=None)
    correction_reference = PatternField(NUMBER_PATTERN, load_default=None)


class HelpDecisionFormSchema(Schema):
    """A decision as it is typed."""

    outcome = fields.String(required=True, validate=validate.OneOf(hardship_words.OUTCOMES))
    words = TextField(LONGEST_TEXT, required=True)
    arrangement = PatternField(NUMBER_PATTERN, load_default=None)


class NoFieldsSchema(Schema):
    """A button."""


@pages.get(f"{_BORROWER}/disputes")
@permits("disputes.read")
@opened
def borrower_disputes(borrower: Opened) -> BaseResponse:
    """List the borrower's disputes, objections and complaints with this lender, newest first."""
    locale = request_locale()
    found = [
        each
        for loan in loans_of(borrower)
        for each in disputes.page_own(reads(), borrower.id, loan.id, before=None, limit=_MOST, locale=locale)
    ]
    found.sort(key=lambda each: each.row.received_at, reverse=True)
    return borrower_page("disputes.html", borrower, found=found)


@pages.get(_DISPUTE)
@permits("disputes.read")
@opened
def borrower_dispute(borrower: Opened, dispute_id: str) -> BaseResponse:
    """Show one with the borrower's words, and the form for the answer."""
    return _dispute(borrower, dispute_id, Form())


@pages.post(f"{_DISPUTE}/take")
@permits("disputes.take")
@opened
def take_dispute(borrower: Opened, dispute_id: str) -> BaseResponse:
    """Say that you look at it."""
    at, who = now(), desk()

    def act(work: Work, _: dict[str, Any]) -> str:
        dispute_answers.take(work, who.lender_id, dispute_id, staff=who.name, now=at)
        return f"{borrower.path}/disputes/{dispute_id}"

    return submit(NoFieldsSchema, act, lambda form: _dispute(borrower, dispute_id, form, status=422))


@pages.post(_DISPUTE)
@permits("disputes.answer")
@opened
def answer_dispute(borrower: Opened, dispute_id: str) -> BaseResponse:
    """Answer it; its hold ends."""
    at, who = now(), desk()
    currency = _own_dispute(borrower, dispute_id).row.currency

    def act(work: Work, values: dict[str, Any]) -> str:
        typed = values.pop("upheld")
        upheld = None if typed is None else money_typed(typed, currency, "upheld")
        answer = AnswerValues(
            **values, upheld_minor=None if upheld is None else upheld.minor, currency=None if upheld is None else currency
        )
        dispute_answers.answer(work, who.lender_id, dispute_id, answer, staff=who.name, role=who.role, now=at)
        return f"{borrower.path}/disputes"

    return submit(DisputeAnswerFormSchema, act, lambda form: _dispute(borrower, dispute_id, form, status=422))


@pages.get(f"{_BORROWER}/hardship")
@permits("hardship.read")
@opened
def borrower_hardship(borrower: Opened) -> BaseResponse:
    """List the borrower's requests for help, newest first."""
    return borrower_page("hardship.html", borrower, found=_requests(borrower))


@pages.get(_HELP)
@permits("hardship.read")
@opened
def borrower_hardship_request(borrower: Opened, request_id: str) -> BaseResponse:
    """Show one with the answers given, and the form for the decision."""
    return _help(borrower, request_id, Form())


@pages.post(f"{_HELP}/take")
@permits("hardship.take")
@opened
def take_hardship_request(borrower: Opened, request_id: str) -> BaseResponse:
    """Say that you look at it."""
    at, who = now(), desk()

    def act(work: Work, _: dict[str, Any]) -> str:
        hardship.take(work, who.lender_id, request_id, staff=who.name, now=at)
        return f"{borrower.path}/hardship/{request_id}"

    return submit(NoFieldsSchema, act, lambda form: _help(borrower, request_id, form, status=422))


@pages.post(_HELP)
@permits("hardship.decide")
@opened
def decide_hardship_request(borrower: Opened, request_id: str) -> BaseResponse:
    """Agree or decline; its hold ends."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        hardship.decide(work, who.lender_id, request_id, **values, staff=who.name, role=who.role, now=at)
        return f"{borrower.path}/hardship"

    return submit(HelpDecisionFormSchema, act, lambda form: _help(borrower, request_id, form, status=422))


def _own_dispute(borrower: Opened, dispute_id: str) -> Any:
    found = dispute_answers.get_of_lender(reads(), desk().lender_id, dispute_id, locale=request_locale())
    if found.row.borrower_id != borrower.id:
        raise NotFoundError("There is no such dispute.")
    return found


def _dispute(borrower: Opened, dispute_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    found = _own_dispute(borrower, dispute_id)
    return borrower_page(
        "dispute.html", borrower, status=status, found=found, form=form, outcomes=dispute_words.OUTCOMES,
        is_open=found.row.state in dispute_words.OPEN, fresh=Form(),
    )  # fmt: skip


def _requests(borrower: Opened) -> list[Any]:
    rows = find_of_borrower(reads(), desk().lender_id, borrower.id, limit=_MOST)
    return hardship.shown_all(rows, request_locale())


def _help(borrower: Opened, request_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    found = hardship.get_shown(reads(), request_id, lender_id=desk().lender_id, locale=request_locale())
    if found.row.borrower_id != borrower.id:
        raise NotFoundError("There is no such request.")
    return borrower_page(
        "hardship_request.html", borrower, status=status, found=found, form=form, outcomes=hardship_words.OUTCOMES,
        is_open=found.row.state in hardship_words.OPEN, fresh=Form(),
    )  # fmt: skip
