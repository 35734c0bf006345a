"""Stops of interest by hand: asked for on a loan's page, decided among what waits for a second person."""

from typing import Any

from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.domain.errors import NotFoundError
from app.domain.interest_stop_requests import StopAct, WishedStop
from app.domain.stops import SCOPES
from app.persistence.queries.interest_stop_requests import find_of_loan, get_shown
from app.persistence.queries.interest_stops import find_stops
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.unit_of_work import Work
from app.services import interest_stop_requests as requests
from app.services.interest_stop_requests import LONGEST_DECLINE, LONGEST_REASON
from app.services.law_packs import find_rule
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import DateField, TextField
from app.web.reads import reads
from app.web.request_context import now

_OF_LOAN = "/borrowers/<number:borrower_no>/loans/<number:loan_no>/interest-stops"
_OF_STOP = f"{_OF_LOAN}/<id:stop_id>"
_DECIDED = "/approvals/interest_stops/<id:stop_request_id>"


class PutStopFormSchema(Schema):
    """A stop as it is typed."""

    from_on = DateField(required=True)
    until_on = DateField(load_default=None)
    scope = fields.String(required=True, validate=validate.OneOf(SCOPES))
    rule = TextField(40, required=True)
    reason = TextField(LONGEST_REASON, required=True)


class EndStopFormSchema(Schema):
    """From when interest runs again; without a day the stop never was."""

    until_on = DateField(load_default=None)
    reason = TextField(LONGEST_REASON, required=True)


class ApproveStopFormSchema(Schema):
    """Yes."""


class DeclineStopFormSchema(Schema):
    """No, and why."""

    reason = TextField(LONGEST_DECLINE, required=True)


@pages.get(_OF_LOAN)
@permits("borrowers.open")
@opened
def loan_interest_stops(borrower: Opened, loan_no: str) -> BaseResponse:
    """Show what was ever known of a loan's stops, what was asked for, and the form for another."""
    return _shown(borrower, loan_no, Form())


@pages.post(_OF_LOAN)
@permits("interest_stops.ask")
@opened
def ask_interest_stop(borrower: Opened, loan_no: str) -> BaseResponse:
    """Ask for a stop."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        wished = WishedStop(loan_no, StopAct.PUT, **values)
        requests.ask(work, borrower.id, wished, staff=staff, now=at)
        return _home(borrower, loan_no)

    return submit(PutStopFormSchema, act, lambda form: _shown(borrower, loan_no, form, status=422))


@pages.get(_OF_STOP)
@permits("borrowers.open")
@opened
def loan_interest_stop(borrower: Opened, loan_no: str, stop_id: str) -> BaseResponse:
    """Show one stop with all that was known of it, and the form that ends it."""
    return _shown(borrower, loan_no, Form(), stop_id=stop_id)


@pages.post(_OF_STOP)
@permits("interest_stops.ask")
@opened
def ask_end_of_interest_stop(borrower: Opened, loan_no: str, stop_id: str) -> BaseResponse:
    """Ask that it end, or that it be taken back."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        what = StopAct.WITHDRAW if values["until_on"] is None else StopAct.END
        wished = WishedStop(loan_no, what, values["reason"], stop_id, until_on=values["until_on"])
        requests.ask(work, borrower.id, wished, staff=staff, now=at)
        return _home(borrower, loan_no)

    return submit(EndStopFormSchema, act, lambda form: _shown(borrower, loan_no, form, stop_id=stop_id, status=422))


def _home(borrower: Opened, loan_no: str) -> str:
    return f"{borrower.path}/loans/{loan_no}/interest-stops"


def _shown(borrower: Opened, loan_no: str, form: Form, *, stop_id: str | None = None, status: int = 200) -> BaseResponse:
    lender_id = desk().lender_id
    loan_id = get_own_loan_id(reads(), lender_id, borrower.id, loan_no)
    stops = [each for each in find_stops(reads(), [loan_id])[loan_id] if stop_id in (None, each.stop_id)]
    if stop_id is not None and not stops:
        raise NotFoundError("There is no such stop.")
    asked = find_of_loan(reads(), loan_id, lender_id=lender_id)
    return borrower_page(
        "interest_stops.html", borrower, status=status, loan_no=loan_no, stops=stops, asked=asked, form=form,
        stop_id=stop_id, home=_home(borrower, loan_no), scopes=SCOPES, rule_of=find_rule,
    )  # fmt: skip


# -- deciding ----------------------------------------------------------------------------------------------------------


@pages.get(_DECIDED)
@permits("approvals.read")
def interest_stop_approval(stop_request_id: str) -> BaseResponse:
    """Show a stop that somebody asked for."""
    return _request(stop_request_id, Form())


@pages.post(f"{_DECIDED}/approve")
@permits("interest_stops.approve")
def approve_interest_stop(stop_request_id: str) -> BaseResponse:
    """Do it."""
    at, staff = now(), acting()

    def act(work: Work, _: dict[str, Any]) -> str:
        requests.approve(work, stop_request_id, staff=staff, now=at)
        return f"{PREFIX}/approvals"

    return submit(ApproveStopFormSchema, act, lambda form: _request(stop_request_id, form, status=422))


@pages.post(f"{_DECIDED}/decline")
@permits("interest_stops.approve")
def decline_interest_stop(stop_request_id: str) -> BaseResponse:
    """Let it be."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        requests.decline(work, stop_request_id, staff=staff, now=at, reason=values["reason"])
        return f"{PREFIX}/approvals"

    return submit(DeclineStopFormSchema, act, lambda form: _request(stop_request_id, form, status=422))


def _request(stop_request_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    row = get_shown(reads(), stop_request_id, lender_id=desk().lender_id)
    rule = find_rule(row.rule) if row.rule else None
    return page("approvals/interest_stop.html", status=status, row=row, rule=rule, form=form)
