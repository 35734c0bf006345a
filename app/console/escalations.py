"""How far arrears have escalated: lists by stage and reason, one loan's steps with why and why not, yes and no, stop."""

from collections.abc import Callable
from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.domain.errors import NotFoundError
from app.domain.escalation_policies import Kind
from app.domain.escalation_reasons import STOP_REASONS, Outcome, all_codes
from app.persistence.queries import escalation_pages as queries
from app.persistence.unit_of_work import Work, reading
from app.services import escalation_approvals
from app.services.escalation_approvals import ASSESSMENTS, MOST_AT_ONCE
from app.services.escalation_explanations import explain_loan
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import PatternField
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now
from app.wording.escalation_words import because_words, kind_words, outcome_words, why_words

_HOME = f"{PREFIX}/escalations"
_ONE = "/escalations/<id:escalation_id>"
STATES = ("open", "stopped", "ended")
KINDS = tuple(each.value for each in Kind)
OUTCOMES = tuple(each.value for each in Outcome if each is not Outcome.READY)


class YesSchema(Schema):
    """Yes."""


class YesToManySchema(Schema):
    """Yes to the steps of a key that have waited longest."""

    step = PatternField("[a-z][a-z0-9_-]{0,38}", required=True)


class BecauseFormSchema(Schema):
    """Why not."""

    reason = fields.String(required=True, validate=validate.OneOf(STOP_REASONS))


class ForbearanceFormSchema(Schema):
    """What came of considering another plan."""

    outcome = fields.String(required=True, validate=validate.OneOf(ASSESSMENTS))


@pages.get("/escalations")
@permits("escalations.read")
def escalations() -> Response:
    """List them, the newest first, with what waits for a person and how many steps stand where."""
    return _list(Form())


def _list(form: Form, *, status: int = 200) -> Response:
    lender_id = desk().lender_id
    filters: dict[str, Any] = {
        "state": one_of("state", STATES), "stage": one_of("stage", KINDS), "kind": one_of("kind", KINDS),
        "outcome": one_of("outcome", OUTCOMES), "reason": _code(),
    }  # fmt: skip
    begin = after(**filters)
    rows = queries.page_escalations(
        reads(), lender_id, limit=SIZE + 1, before=None if begin is None else begin[1], **filters
    )
    steps: dict[str, list[Any]] = {}
    for step in queries.list_steps(reads(), [row.id for row in rows]):
        steps.setdefault(step.escalation_id, []).append(step)
    found = listed(rows, [Key(row.began_at, row.id) for row in rows], **filters)
    return page(
        "escalations/list.html", status=status, found=found, steps=steps, filters=filters, states=STATES, kinds=KINDS,
        outcomes=OUTCOMES, waiting=queries.count_waiting(reads(), lender_id), counts=queries.count_steps(reads(), lender_id),
        most=MOST_AT_ONCE, form=form, **said(),
    )  # fmt: skip


def _code() -> str | None:
    """Return the reason that the address asks for, if it may be one: those of other registers are not listed here."""
    given = request.args.get("reason", "")
    is_code = given.isupper() and given.isascii() and given.isprintable() and len(given) <= 40
    return given if given in all_codes() or is_code else None


@pages.post("/escalations/approve")
@permits("escalations.approve")
def approve_waiting_steps() -> BaseResponse:
    """Say yes to the steps of a key that have waited longest, at most 500."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        escalation_approvals.approve_waiting(work, step_key=values["step"], most=MOST_AT_ONCE, staff=staff, now=at)
        return _HOME

    return submit(YesToManySchema, act, lambda form: _list(form, status=422))


@pages.get(_ONE)
@permits("escalations.read")
def escalation(escalation_id: str) -> Response:
    """Show one: every step with why or why not, as recorded and as it would be decided now; all that happened."""
    return _shown(escalation_id, Form())


@pages.post("/escalations/<id:escalation_id>/steps/<id:step_id>/approve")
@permits("escalations.approve")
def approve_step(escalation_id: str, step_id: str) -> BaseResponse:
    """Say yes to a step."""

    def act(work: Work, staff: Any, at: Any, _: dict[str, Any]) -> None:
        escalation_approvals.approve_steps(work, [step_id], staff=staff, now=at)

    return _acted(escalation_id, YesSchema, act)


@pages.post("/escalations/<id:escalation_id>/steps/<id:step_id>/decline")
@permits("escalations.approve")
def decline_step(escalation_id: str, step_id: str) -> BaseResponse:
    """Say no to a step."""

    def act(work: Work, staff: Any, at: Any, values: dict[str, Any]) -> None:
        escalation_approvals.decline_step(work, step_id, reason=values["reason"], staff=staff, now=at)

    return _acted(escalation_id, BecauseFormSchema, act)


@pages.post(f"{_ONE}/stop")
@permits("escalations.stop")
def stop_escalation(escalation_id: str) -> BaseResponse:
    """Stop it until the arrears are over."""

    def act(work: Work, staff: Any, at: Any, values: dict[str, Any]) -> None:
        escalation_approvals.stop_escalation(work, escalation_id, reason=values["reason"], staff=staff, now=at)

    return _acted(escalation_id, BecauseFormSchema, act)


@pages.post(f"{_ONE}/resume")
@permits("escalations.stop")
def resume_escalation(escalation_id: str) -> BaseResponse:
    """Let it go on."""

    def act(work: Work, staff: Any, at: Any, _: dict[str, Any]) -> None:
        escalation_approvals.resume_escalation(work, escalation_id, staff=staff, now=at)

    return _acted(escalation_id, YesSchema, act)


@pages.post(f"{_ONE}/forbearance")
@permits("escalations.assess")
def assess_forbearance(escalation_id: str) -> BaseResponse:
    """Record that another plan was considered."""

    def act(work: Work, staff: Any, at: Any, values: dict[str, Any]) -> None:
        escalation_approvals.record_forbearance(work, escalation_id, outcome=values["outcome"], staff=staff, now=at)

    return _acted(escalation_id, ForbearanceFormSchema, act)


def said() -> dict[str, Any]:
    """Return what pages say of kinds, outcomes and reasons in the reader's language."""
    locale = request_locale()
    return {
        "kind_of": lambda code: kind_words(code, locale),
        "outcome_of": lambda code: outcome_words(code, locale),
        "why_of": lambda code: why_words(code, locale),
        "because_of": lambda code: because_words(code, locale),
        "stop_reasons": STOP_REASONS,
        "assessments": ASSESSMENTS,
    }


def _acted(escalation_id: str, schema: type[Schema], act: Callable[[Work, Any, Any, dict[str, Any]], None]) -> BaseResponse:
    at, staff = now(), acting()

    def change(work: Work, values: dict[str, Any]) -> str:
        act(work, staff, at, values)
        return f"{_HOME}/{escalation_id}"

    return submit(schema, change, lambda form: _shown(escalation_id, form, status=422))


def _shown(escalation_id: str, form: Form, *, status: int = 200) -> Response:
    end_reads()
    with reading() as session:
        row = queries.find_escalation(session, desk().lender_id, escalation_id)
        if row is None:
            raise NotFoundError("There is no such escalation here.")
        steps = queries.list_steps(session, [escalation_id])
        events = queries.list_events(session, escalation_id)
        live = None if row.ended_at else explain_loan(session, row.borrower_id, row.loan_id, now=now())
    return page(
        "escalations/escalation.html", status=status, row=row, steps=steps, events=events, live=live, form=form, **said()
    )
