"""Visits in a browser: the list, planning one, where to go and what came of it, what the lender allows."""

from datetime import timedelta
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import Opened, opened
from app.console.call_forms import LOCAL, instant_of, money_in
from app.console.forms import REFUSED_ELSEWHERE, Form, refused, submit
from app.console.frame import PREFIX, go, page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.domain import visits as domain
from app.domain.contact_gates import ContactAsked
from app.domain.errors import DomainError, refused_at
from app.domain.permissions import may
from app.domain.visits import Recording, Visitor, VisitPlan, VisitRules
from app.persistence.queries.visits import find_visit_loans
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import visit_files, visit_views, visits
from app.services.contact_gates import ask_contact
from app.services.visits import Actor, VisitEnd
from app.web.auth import desk, permits
from app.web.fields import DateField, PatternField, TextField
from app.web.file_bodies import takes_files, uploads
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads
from app.web.request_context import now

_ASKED = domain.MOST_PEOPLE
"""Forms ask for that many people; who goes alone leaves the others empty."""


class VisitActSchema(Schema):
    """Nothing is said besides doing it."""


class CancelVisitFormSchema(Schema):
    """Why it does not take place."""

    reason = fields.String(required=True, validate=validate.OneOf(domain.WITHDRAWN))


class PlanVisitFormSchema(Schema):
    """A visit that is planned; local times are where the borrower is."""

    place = fields.String(required=True, validate=validate.OneOf(domain.PLACES))
    address = TextField(300, load_default=None)
    begins = PatternField(LOCAL, required=True)
    hours = fields.Integer(load_default=2, validate=validate.Range(1, 4))
    name_1 = TextField(80, required=True)
    identity_no_1 = TextField(40, required=True)
    agency_1 = TextField(80, load_default=None)
    authorisation_1 = TextField(80, load_default=None)
    name_2 = TextField(80, load_default=None)
    identity_no_2 = TextField(40, load_default=None)
    agency_2 = TextField(80, load_default=None)
    authorisation_2 = TextField(80, load_default=None)
    name_3 = TextField(80, load_default=None)
    identity_no_3 = TextField(40, load_default=None)
    agency_3 = TextField(80, load_default=None)
    authorisation_3 = TextField(80, load_default=None)
    override_reason = TextField(visits.LONGEST_OVERRIDE, load_default=None)


class EndVisitFormSchema(Schema):
    """What came of it."""

    outcome = fields.String(required=True, validate=validate.OneOf(domain.OUTCOMES))
    identity_shown = fields.Boolean(load_default=False)
    notes = TextField(domain.LONGEST_NOTES, load_default=None)
    promise_amount = TextField(20, load_default=None)
    promised_on = DateField(load_default=None)
    loan_no = TextField(64, load_default=None)
    sha256 = PatternField("[0-9a-f]{64}", load_default=None)
    seconds = fields.Integer(load_default=0, validate=validate.Range(0, 86_400))
    kept_at = TextField(120, load_default=None)


class VisitRulesFormSchema(Schema):
    """What the lender allows of visits."""

    allowed = fields.Boolean(load_default=False)
    workplace = fields.Boolean(load_default=False)
    most_people = fields.Integer(required=True, validate=validate.Range(1, domain.MOST_PEOPLE))


# -- the list --------------------------------------------------------------------------------------------------------------


@pages.get("/visits")
@permits("visits.read")
def visit_list() -> Response:
    """List visits, the latest first, without addresses and names."""
    return _list_page(Form())


def _list_page(form: Form, *, status: int = 200) -> Response:
    who, state = desk(), one_of("state", domain.STATES)
    end_reads()
    with reading() as session:
        found = visit_views.list_visits(session, who.lender_id, state=state, before=after(state=state), limit=SIZE + 1)
        rules = visit_views.read_rules(session, who.lender_id)
    keys = [Key(each.row.from_at, each.row.id) for each in found]
    return page(
        "visits/list.html", status=status, found=listed(found, keys, state=state), state=state, states=domain.STATES,
        rules=rules, form=form,
    )  # fmt: skip


@pages.post("/visits/rules")
@permits("visits.rules")
def change_visit_rules() -> BaseResponse:
    """Say what the lender allows of visits. The law stands over it."""

    def act(work: Work, values: dict[str, Any]) -> str:
        visit_views.put_rules(work, VisitRules(**values), actor=_actor(), now=now())
        return f"{PREFIX}/visits"

    return submit(VisitRulesFormSchema, act, lambda form: _list_page(form, status=422))


# -- planning --------------------------------------------------------------------------------------------------------------


@pages.get("/borrowers/<number:borrower_no>/visits/new")
@permits("visits.plan")
@opened
def new_visit(borrower: Opened) -> BaseResponse:
    """Show what stands in the way of a visit now, and the form to plan one."""
    return _plan_page(borrower, Form())


@pages.post("/borrowers/<number:borrower_no>/visits/new")
@permits("visits.plan")
@opened
def plan_new_visit(borrower: Opened) -> BaseResponse:
    """Plan it; law, person and policy are asked as of its time."""

    def act(work: Work, values: dict[str, Any]) -> str:
        answer = ask_contact(
            work.session, borrower.id, ContactAsked("visit"), lender_id=desk().lender_id, now=now(), locale=request_locale()
        )
        begins = instant_of("begins", values["begins"], answer.zones[0] if answer.zones else "UTC")
        plan = VisitPlan(
            values["place"], begins, begins + timedelta(hours=values["hours"]), _people(values), values["address"]
        )
        row = visits.plan_visit(
            work, borrower.id, plan, [], actor=_actor(), now=now(), override_reason=values["override_reason"],
            locale=request_locale(),
        )  # fmt: skip
        return f"{PREFIX}/visits/{row.id}"

    return submit(PlanVisitFormSchema, act, lambda form: _plan_page(borrower, form, status=422))


def _people(values: dict[str, Any]) -> list[Visitor]:
    people = []
    for number in range(1, _ASKED + 1):
        name, identity_no = values[f"name_{number}"], values[f"identity_no_{number}"]
        if name is None:
            continue
        if identity_no is None:
            raise refused_at(f"/identity_no_{number}", "Say the number of the card they show.")
        people.append(Visitor(name, identity_no, values[f"agency_{number}"], values[f"authorisation_{number}"]))
    return people


def _plan_page(borrower: Opened, form: Form, *, status: int = 200) -> Response:
    who = desk()
    end_reads()
    with reading() as session:
        answer = ask_contact(
            session, borrower.id, ContactAsked("visit"), lender_id=who.lender_id, now=now(), locale=request_locale()
        )
        rules = visit_views.read_rules(session, who.lender_id)
    zone = answer.zones[0] if answer.zones else "UTC"
    return page(
        "visits/new.html", status=status, borrower=borrower, form=form, answer=answer, rules=rules, zone=zone,
        places=domain.PLACES, people=range(1, _ASKED + 1), may_override=may(who.role, "contacts.override_policy"),
    )  # fmt: skip


# -- one visit -------------------------------------------------------------------------------------------------------------


@pages.get("/visits/<id:visit_id>")
@permits("visits.read")
def visit(visit_id: str) -> Response:
    """Show all of a visit. That it was read is written down."""
    return _visit_page(visit_id, Form())


@pages.post("/visits/<id:visit_id>/start")
@permits("visits.make")
def begin_visit(visit_id: str) -> BaseResponse:
    """Begin it, at the door: the gate is asked again."""

    def act(work: Work, _values: dict[str, Any]) -> str:
        visits.start_visit(work, visit_id, actor=_actor(), now=now(), locale=request_locale())
        return f"{PREFIX}/visits/{visit_id}"

    return submit(VisitActSchema, act, lambda form: _visit_page(visit_id, form, status=422))


@pages.post("/visits/<id:visit_id>/cancel")
@permits("visits.make")
def call_visit_off(visit_id: str) -> BaseResponse:
    """Cancel it."""

    def act(work: Work, values: dict[str, Any]) -> str:
        visits.cancel_visit(work, visit_id, reason=values["reason"], actor=_actor(), now=now())
        return f"{PREFIX}/visits/{visit_id}"

    return submit(CancelVisitFormSchema, act, lambda form: _visit_page(visit_id, form, status=422))


@pages.post("/visits/<id:visit_id>/evidence")
@permits("visits.make")
@takes_files
def hand_in_evidence(visit_id: str) -> BaseResponse:
    """Hand in files while it goes on. The same again changes nothing."""
    files = uploads("content")
    end_reads()
    try:
        if not files:
            raise refused_at("/content", "Choose a file.")
        for each in files:
            visit_files.hand_in(visit_id, each.name, each.content, actor=_actor(), now=now())
    except REFUSED_ELSEWHERE:
        raise
    except DomainError as error:
        return _visit_page(visit_id, Form(), files_form=refused(error), status=422)
    return go(f"{PREFIX}/visits/{visit_id}")


@pages.post("/visits/<id:visit_id>/end")
@permits("visits.make")
def tell_end_of_visit(visit_id: str) -> BaseResponse:
    """Say what came of it."""

    def act(work: Work, values: dict[str, Any]) -> str:
        visits.end_visit(work, visit_id, _end(work, visit_id, values), actor=_actor(), now=now())
        return f"{PREFIX}/visits/{visit_id}"

    return submit(EndVisitFormSchema, act, lambda form: _visit_page(visit_id, form, status=422))


def _end(work: Work, visit_id: str, values: dict[str, Any]) -> VisitEnd:
    promise = recording = None
    if values["outcome"] == "promise":
        loans = find_visit_loans(work.session, visit_id, desk().lender_id)
        chosen = {number: currency for number, currency in loans.items() if values["loan_no"] in (None, number)}
        if len(chosen) != 1:
            raise refused_at("/loan_no", "Say which loan it is about.")
        ((number, currency),) = chosen.items()
        if values["promise_amount"] is None or values["promised_on"] is None:
            raise refused_at("/promise_amount", "Say how much was promised, and for which day.")
        promise = (money_in(values["promise_amount"], currency, "promise_amount"), values["promised_on"], number)
    if values["sha256"] is not None:
        if values["kept_at"] is None:
            raise refused_at("/kept_at", "Say where the recording is kept.")
        recording = Recording(values["sha256"], values["seconds"], values["kept_at"])
    return VisitEnd(values["outcome"], values["identity_shown"], values["notes"], promise, (), recording)


def _visit_page(visit_id: str, form: Form, *, files_form: Form | None = None, status: int = 200) -> Response:
    end_reads()
    with unit_of_work() as work:
        found = visit_views.open_visit(work, visit_id, actor=_actor(), now=now())
        zone = visit_views.zone_of(work.session, found.row)
        files = visit_files.files_of(work.session, visit_id, lender_id=desk().lender_id, borrower_id=found.row.borrower_id)
    return page(
        "visits/visit.html", status=status, visit=found, form=form, outcomes=domain.OUTCOMES, reasons=domain.WITHDRAWN,
        zone=zone, files=files, files_form=files_form or Form(), most_files=domain.MOST_EVIDENCE,
    )  # fmt: skip


def _actor() -> Actor:
    who = desk()
    return Actor(who.name, who.role, who.lender_id)
