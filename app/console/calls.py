"""The worklist of calls in a browser: what is next, the card of a call, dialling, how it went."""

from typing import Any

from flask import Response, request
from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import Opened, opened
from app.console.call_forms import LANGUAGES, CallOutcomeFormSchema, told_by_form
from app.console.forms import Form, submit
from app.console.frame import PREFIX, fragment, page, pages
from app.domain.calls import OUTCOMES, RESULTS
from app.domain.disputes import GROUNDS
from app.domain.hardship import CHANGES
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import call_cards, call_outcomes, call_tasks, dials
from app.services.call_cards import CallCard
from app.services.call_outcomes import CallTeller
from app.services.contact_gates import LONGEST_REASON
from app.services.dials import TOLD_WITHIN, Caller
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.languages import request_locale
from app.web.reads import end_reads
from app.web.request_context import now

_SHOWN = 50


class CallActSchema(Schema):
    """Nothing is said besides doing it."""


class DialFormSchema(Schema):
    """A call that is about to be made."""

    override_reason = TextField(LONGEST_REASON, load_default=None)


class NewDialFormSchema(DialFormSchema):
    """The same for no task, about one loan or all of them."""

    loan_no = PatternField(NUMBER_PATTERN, load_default=None)


# -- the list --------------------------------------------------------------------------------------------------------------


@pages.get("/calls")
@permits("call_tasks.read")
def call_worklist() -> Response:
    """Show the calls to be made, the most gainful that may be made now first."""
    return page("calls/worklist.html", form=Form(), **_listed())


@pages.get("/calls/list")
@permits("call_tasks.read")
def call_worklist_part() -> BaseResponse:
    """Show the part of the page that is asked for again and again."""
    return fragment("calls/worklist_part.html", **_listed())


def _listed() -> dict[str, Any]:
    who, at, queue = desk(), now(), request.args.get("queue") or None
    end_reads()
    with reading() as session:
        found = call_tasks.read_worklist(session, who.lender_id, by=who.name, now=at, queue=queue, limit=_SHOWN)
    late = [each for each in found.dials if at - each.called_at >= TOLD_WITHIN]
    return {"found": found, "queue": queue, "late": late, "mine": who.name}


@pages.post("/calls/next")
@permits("call_tasks.make")
def take_next_call() -> BaseResponse:
    """Take the call on top and show its card; where none may be made now, the list."""

    def act(work: Work, _values: dict[str, Any]) -> str:
        who = desk()
        row = call_tasks.claim_next(work, lender_id=who.lender_id, by=who.name, now=now())
        return f"{PREFIX}/calls" if row is None else f"{PREFIX}/calls/{row.id}"

    return submit(CallActSchema, act, lambda form: page("calls/worklist.html", status=422, form=form, **_listed()))


# -- one call --------------------------------------------------------------------------------------------------------------


@pages.get("/calls/<id:task_id>")
@permits("call_tasks.read")
def call_task(task_id: str) -> Response:
    """Show the card of a call. That it was read is written down."""
    return _task_page(task_id, Form(), Form())


@pages.post("/calls/<id:task_id>/<any(claim, release):act_name>")
@permits("call_tasks.make")
def change_call_task(task_id: str, act_name: str) -> BaseResponse:
    """Take the task, or give it back."""

    def act(work: Work, _values: dict[str, Any]) -> str:
        who = desk()
        if act_name == "claim":
            call_tasks.claim(work, task_id, lender_id=who.lender_id, by=who.name, now=now())
            return f"{PREFIX}/calls/{task_id}"
        call_tasks.release(work, task_id, lender_id=who.lender_id, by=who.name, role=who.role, now=now())
        return f"{PREFIX}/calls"

    return submit(CallActSchema, act, lambda form: _task_page(task_id, form, Form(), status=422))


@pages.post("/calls/<id:task_id>/dial")
@permits("call_tasks.make")
def dial_call(task_id: str) -> BaseResponse:
    """Dial: it counts from now on, and the card shows the number until it is said how the call went."""

    def act(work: Work, values: dict[str, Any]) -> str:
        who = desk()
        caller = Caller(who.name, who.role, who.staff_id)
        call_tasks.dial_task(
            work, task_id, lender_id=who.lender_id, caller=caller, now=now(), override_reason=values["override_reason"],
            locale=request_locale(),
        )  # fmt: skip
        return f"{PREFIX}/calls/{task_id}"

    return submit(DialFormSchema, act, lambda form: _task_page(task_id, form, Form(), status=422))


@pages.post("/calls/<id:task_id>/outcome")
@permits("call_tasks.make")
def tell_outcome_of_call(task_id: str) -> BaseResponse:
    """Say how it went, have done what follows, and go back to the list."""

    def act(work: Work, values: dict[str, Any]) -> str:
        who, at = desk(), now()
        card = call_cards.open_task_card(
            work, task_id, lender_id=who.lender_id, by=who.name, now=at, locale=request_locale()
        )
        _tell(work, card, values, task_id)
        return f"{PREFIX}/calls"

    return submit(CallOutcomeFormSchema, act, lambda form: _task_page(task_id, Form(), form, status=422))


def _task_page(task_id: str, dial_form: Form, outcome_form: Form, *, status: int = 200) -> Response:
    who = desk()
    end_reads()
    with unit_of_work() as work:
        card = call_cards.open_task_card(
            work, task_id, lender_id=who.lender_id, by=who.name, now=now(), locale=request_locale()
        )
    return page(
        "calls/card.html", status=status, card=card, dial_form=dial_form, outcome_form=outcome_form,
        action=f"/calls/{task_id}",
        **_choices(card),
    )  # fmt: skip


# -- a call of no task -----------------------------------------------------------------------------------------------------


@pages.get("/borrowers/<number:borrower_no>/calls/new")
@permits("calls.record")
@opened
def new_call(borrower: Opened) -> BaseResponse:
    """Show what is to be known before a call, and the form to tell of one that was made or taken."""
    return _borrower_page(borrower.id, Form())


@pages.post("/borrowers/<number:borrower_no>/calls/new")
@permits("calls.record")
@opened
def log_new_call(borrower: Opened) -> BaseResponse:
    """Tell of a call that was made or taken, and have done what follows."""

    def act(work: Work, values: dict[str, Any]) -> str:
        who, at = desk(), now()
        card = call_cards.open_call_card(
            work, borrower.id, lender_id=who.lender_id, by=who.name, now=at, locale=request_locale()
        )
        _tell(work, card, values, None)
        return borrower.path

    return submit(CallOutcomeFormSchema, act, lambda form: _borrower_page(borrower.id, form, status=422))


@pages.post("/borrowers/<number:borrower_no>/calls/dial")
@permits("calls.dial")
@opened
def dial_new_call(borrower: Opened) -> BaseResponse:
    """Dial for no task: it counts from now on, and the page shows the number until it is said how the call went."""

    def act(work: Work, values: dict[str, Any]) -> str:
        who = desk()
        dials.dial_borrower(
            work, borrower.id, values["loan_no"], lender_id=who.lender_id,
            caller=Caller(who.name, who.role, who.staff_id), now=now(), override_reason=values["override_reason"],
            locale=request_locale(),
        )  # fmt: skip
        return f"{borrower.path}/calls/new"

    return submit(NewDialFormSchema, act, lambda form: _borrower_page(borrower.id, Form(), dial_form=form, status=422))


def _borrower_page(borrower_id: str, form: Form, *, dial_form: Form | None = None, status: int = 200) -> Response:
    who = desk()
    end_reads()
    with unit_of_work() as work:
        card = call_cards.open_call_card(
            work, borrower_id, lender_id=who.lender_id, by=who.name, now=now(), locale=request_locale()
        )
    return page(
        "calls/new.html", status=status, card=card, outcome_form=form, dial_form=dial_form or Form(),
        action=f"/borrowers/{card.borrower_no}/calls/new",
        **_choices(card),
    )  # fmt: skip


# -- shared ----------------------------------------------------------------------------------------------------------------


def _tell(work: Work, card: CallCard, values: dict[str, Any], task_id: str | None) -> None:
    who = desk()
    call_outcomes.tell_outcome(
        work, card.borrower_id, told_by_form(values, card, _zone(card)),
        teller=CallTeller(who.name, who.role, who.lender_id), now=now(), task_id=task_id,
    )  # fmt: skip


def _zone(card: CallCard) -> str:
    return card.answer.zones[0] if card.answer.zones else "UTC"


def _choices(card: CallCard) -> dict[str, Any]:
    return {
        "outcomes": OUTCOMES,
        "results": RESULTS,
        "grounds": list(GROUNDS),
        "changes": CHANGES,
        "languages": LANGUAGES,
        "zone": _zone(card),
        "is_mine": card.dial is not None and card.dial.by == desk().name,
    }
