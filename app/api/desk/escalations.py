"""Staff see how far arrears have escalated and why a step did not happen; say yes or no; stop, and let go on."""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.escalation_forms import (
    ESCALATION_EXAMPLE,
    EVENT_EXAMPLE,
    EXPLAINED_EXAMPLE,
    KINDS,
    OUTCOMES,
    STATES,
    STEP_EXAMPLE,
    ApprovedSchema,
    EscalationExplainedSchema,
    LoanEscalationsSchema,
    WaitingStepsSchema,
    WholeLoanEscalationSchema,
    event_view,
    step_view,
)
from app.api.desk.staff import door
from app.domain.errors import NotFoundError
from app.domain.escalation_reasons import STOP_REASONS
from app.persistence.queries import escalation_pages as pages
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work, reading
from app.services import escalation_approvals
from app.services.escalation_approvals import ASSESSMENTS, MOST_AT_ONCE
from app.services.escalation_explanations import explain_loan
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, PageQuerySchema, PatternField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now
from app.wording.escalation_words import why_words

_CODE = "[A-Z][A-Z0-9_]{0,39}"
_STEP = "[a-z][a-z0-9_-]{0,38}"
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


class EscalationQuerySchema(PageQuerySchema):
    """Which escalations."""

    state = fields.String(validate=validate.OneOf(STATES))
    stage = fields.String(validate=validate.OneOf(KINDS), metadata={"description": "The last step that happened."})
    kind = fields.String(validate=validate.OneOf(KINDS), metadata={"description": "With a step of this kind ..."})
    outcome = fields.String(validate=validate.OneOf(OUTCOMES), metadata={"description": "... that stands so ..."})
    reason = PatternField(_CODE, metadata={"description": "... for this reason."})
    loan_no = PatternField(NUMBER_PATTERN)


class WaitingQuerySchema(PageQuerySchema):
    """Which steps that wait for a person."""

    step = PatternField(_STEP, metadata={"description": "Only of this key in the policy."})


class ApproveStepsSchema(Schema):
    """Which steps get a yes: these, or those of a key that have waited longest."""

    step_ids = fields.List(IdField(), load_default=None, allow_none=True, validate=validate.Length(1, MOST_AT_ONCE))
    step = PatternField(_STEP, load_default=None, allow_none=True)
    most = fields.Integer(load_default=MOST_AT_ONCE, strict=True, validate=validate.Range(1, MOST_AT_ONCE))


class BecauseSchema(Schema):
    """Why."""

    reason = fields.String(required=True, validate=validate.OneOf(STOP_REASONS))


class ForbearanceSchema(Schema):
    """What came of considering another plan, a pause or the like."""

    outcome = fields.String(required=True, validate=validate.OneOf(ASSESSMENTS))


_WHOLE = {**ESCALATION_EXAMPLE, "steps": [STEP_EXAMPLE], "events": [EVENT_EXAMPLE]}
_DUMP, _DUMP_APPROVED = WholeLoanEscalationSchema(), ApprovedSchema()


@door.get("/escalations")
@permits("escalations.read")
@door.asks(EscalationQuerySchema)
@answers(200, LoanEscalationsSchema, example={"items": [ESCALATION_EXAMPLE], "next_cursor": None})
def list_escalations(query: dict[str, Any]) -> Answer:
    """List your lender's escalations, the newest first."""
    begin = requested_key(query)
    filters = {name: query.get(name) for name in ("state", "stage", "kind", "outcome", "reason", "loan_no")}
    before = begin.row_id if begin else None
    rows = pages.page_escalations(reads(), desk().lender_id, limit=query["limit"] + 1, before=before, **filters)
    return page_answer(list(rows), [Key(row.began_at, row.id) for row in rows], query)


@door.get("/escalations/<id:escalation_id>")
@permits("escalations.read")
@answers(200, WholeLoanEscalationSchema, example=_WHOLE)
def get_escalation(escalation_id: str) -> dict[str, Any]:
    """Show one escalation: every step with its reason, and all that happened."""
    return _whole(reads(), escalation_id)


@door.get("/escalations/waiting")
@permits("escalations.read")
@door.asks(WaitingQuerySchema)
@answers(200, WaitingStepsSchema, example={
    "items": [{**STEP_EXAMPLE, "loan_no": "CN-1001", "borrower_no": "B-1001"}], "next_cursor": None})  # fmt: skip
def list_waiting_steps(query: dict[str, Any]) -> Answer:
    """List the steps that wait for a person, the longest waiting first."""
    begin = requested_key(query)
    after = (begin.at, begin.row_id) if begin else None
    rows = pages.page_waiting(reads(), desk().lender_id, limit=query["limit"] + 1, after=after, step_key=query.get("step"))
    items = [{**step_view(row), "loan_no": row.loan_no, "borrower_no": row.borrower_no} for row in rows]
    return page_answer(items, [Key(row.wanted_at, row.id) for row in rows], query)


@door.post("/escalations/approve")
@permits("escalations.approve")
@door.takes(ApproveStepsSchema, example={"step": "repayment_letter", "most": 500})
@answers(200, ApprovedSchema, example={"ready": [STEP_EXAMPLE["id"]], "waiting": [], "left": {}}, problems=_ONCE)
def approve_escalation_steps(body: dict[str, Any]) -> Answer:
    """Say yes to steps, at most 500 at once. The engine makes them happen if nothing stands in the way by then."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        if body["step_ids"] is not None:
            found = escalation_approvals.approve_steps(work, body["step_ids"], staff=staff, now=at)
        else:
            found = escalation_approvals.approve_waiting(
                work, step_key=body["step"] or "", most=body["most"], staff=staff, now=at
            )
        return Answer(_DUMP_APPROVED.dump(found), 200, dumped=True)

    return answer_once(act)


@door.post("/escalations/steps/<id:step_id>/decline")
@permits("escalations.approve")
@door.takes(BecauseSchema, example={"reason": "agreed_with_borrower"})
@answers(200, WholeLoanEscalationSchema, example=_WHOLE, problems=_ONCE)
def decline_escalation_step(body: dict[str, Any], step_id: str) -> Answer:
    """Say no to a step, for as long as these arrears last."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        escalation_id = escalation_approvals.decline_step(work, step_id, reason=body["reason"], staff=staff, now=at)
        return Answer(_DUMP.dump(_whole(work.session, escalation_id)), 200, dumped=True)

    return answer_once(act)


@door.post("/escalations/<id:escalation_id>/stop")
@permits("escalations.stop")
@door.takes(BecauseSchema, example={"reason": "vulnerable_person"})
@answers(200, WholeLoanEscalationSchema, example={**_WHOLE, "state": "stopped"}, problems=_ONCE)
def stop_escalation(body: dict[str, Any], escalation_id: str) -> Answer:
    """Stop an escalation until its arrears are over; notices that have not left are taken back."""
    return _act(escalation_approvals.stop_escalation, escalation_id, reason=body["reason"])


@door.post("/escalations/<id:escalation_id>/resume")
@permits("escalations.stop")
@answers(200, WholeLoanEscalationSchema, example=_WHOLE, problems=_ONCE)
def resume_escalation(escalation_id: str) -> Answer:
    """Let a stopped escalation go on from where it stood."""
    return _act(escalation_approvals.resume_escalation, escalation_id)


@door.post("/escalations/<id:escalation_id>/forbearance")
@permits("escalations.assess")
@door.takes(ForbearanceSchema, example={"outcome": "not_appropriate"})
@answers(200, WholeLoanEscalationSchema, example=_WHOLE, problems=_ONCE)
def record_forbearance(body: dict[str, Any], escalation_id: str) -> Answer:
    """Record that another plan was considered. `not_appropriate` says that the reasons are on file."""
    return _act(escalation_approvals.record_forbearance, escalation_id, outcome=body["outcome"])


@door.get("/loans/<number:loan_no>/escalation")
@permits("escalations.read")
@answers(200, EscalationExplainedSchema, example=EXPLAINED_EXAMPLE)
def explain_escalation(loan_no: str) -> dict[str, Any]:
    """Say of each step of a loan whether it happened, and why not, as decided now."""
    who = desk()
    with reading() as session:
        owner = find_loan_owners(session, who.lender_id, [loan_no]).get(loan_no)
        found = None if owner is None else explain_loan(session, owner[1], owner[0], now=now())
    if found is None:
        raise NotFoundError("There is no such loan here, or it has no plan.")
    steps = [
        {"step": each.key, "kind": each.kind, "outcome": each.outcome, "reason": each.reason,
         "words": why_words(each.reason, "en"), "rule": each.rule, "due_on": each.due_on}
        for each in found.steps
    ]  # fmt: skip
    names = ("loan_no", "state", "policy", "policy_version", "days_past_due", "reason", "next_look_at")
    return {**{name: getattr(found, name) for name in names}, "steps": steps}


def _act(act: Callable[..., None], escalation_id: str, **given: Any) -> Answer:
    at, staff = now(), acting()

    def change(work: Work) -> Answer:
        act(work, escalation_id, staff=staff, now=at, **given)
        return Answer(_DUMP.dump(_whole(work.session, escalation_id)), 200, dumped=True)

    return answer_once(change)


def _whole(session: Any, escalation_id: str) -> dict[str, Any]:
    row = pages.find_escalation(session, desk().lender_id, escalation_id)
    if row is None:
        raise NotFoundError("There is no such escalation here.")
    steps = [step_view(step) for step in pages.list_steps(session, [escalation_id])]
    events = [event_view(event) for event in pages.list_events(session, escalation_id)]
    return {**row._asdict(), "steps": steps, "events": events}
