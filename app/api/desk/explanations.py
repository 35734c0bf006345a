"""Staff ask why somebody was contacted or not, and whom a reason has touched."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.manual_contacts import KINDS
from app.domain.reasons import Outcome, Reason
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.unit_of_work import reading_one_state
from app.services.explanations import explain, page_touched
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, PageQuerySchema
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now


class RuleSchema(Schema):
    """A rule of law. A recalled one was not verified and is not to be told as law."""

    id = fields.String(required=True)
    jurisdiction = fields.String(required=True)
    title = fields.String(required=True)
    paragraph = fields.String(required=True)
    evidence = fields.String(required=True, metadata={"enum": ["primary", "partly", "rendering", "recalled"]})
    is_recalled = fields.Boolean(required=True)


class DecisionEventSchema(Schema):
    """One change of a decision."""

    at = InstantField(required=True)
    outcome = fields.String(required=True, metadata={"enum": [each.value for each in Outcome]})
    reason = fields.String(required=True, metadata={"description": "docs/reasons.md lists them."})
    sentence = fields.String(required=True)
    owner = fields.String(required=True, metadata={"description": "Who can change it, in words."})
    rule = fields.String(required=True, allow_none=True, metadata={"description": "Check, cap or rule that decided."})
    law = fields.Nested(RuleSchema, required=True, allow_none=True)
    channels = fields.List(fields.String(), required=True)
    not_before = InstantField(required=True, allow_none=True)
    facts = fields.Dict(required=True)


class AttemptSchema(Schema):
    """One try to hand a message over."""

    at = InstantField(required=True)
    provider = fields.String(required=True)
    outcome = fields.String(required=True)
    error_code = fields.String(required=True, allow_none=True)


class ExplainedMessageSchema(Schema):
    """One message; its text is not repeated."""

    id = IdField(required=True)
    channel = fields.String(required=True)
    template = fields.String(required=True)
    template_version = fields.Integer(required=True)
    locale = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, allow_none=True)
    sent_at = InstantField(required=True, allow_none=True)
    seen_at = InstantField(required=True, allow_none=True)
    attempts = fields.List(fields.Nested(AttemptSchema), required=True)


class ExplainedTaskSchema(Schema):
    """Work that was made for a person."""

    id = IdField(required=True)
    kind = fields.String(required=True)
    queue = fields.String(required=True)
    state = fields.String(required=True)
    due_at = InstantField(required=True, allow_none=True)


class ExplainedStepSchema(Schema):
    """One step for one instalment."""

    step = fields.String(required=True)
    local_date = DateField(required=True)
    occurs_at = InstantField(required=True)
    timezone = fields.String(required=True)
    status = fields.String(
        required=True,
        metadata={
            "enum": ["decided", "to_come", "none"],
            "description": "none: there was no candidate, and code says why.",
        },
    )
    code = fields.String(required=True)
    sentence = fields.String(required=True)
    policy = fields.String(required=True, allow_none=True)
    events = fields.List(fields.Nested(DecisionEventSchema), required=True)
    messages = fields.List(fields.Nested(ExplainedMessageSchema), required=True)
    tasks = fields.List(fields.Nested(ExplainedTaskSchema), required=True)
    expected = fields.Nested(
        DecisionEventSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Of a step to come: what would be decided if nothing changed until then."},
    )


class ExplainedSubjectSchema(Schema):
    """One instalment, or one promise to pay."""

    kind = fields.String(required=True, metadata={"enum": ["instalment", "promise"]})

    row_no = fields.Integer(required=True, metadata={"description": "0 of a promise."})
    plan_version = fields.Integer(required=True, metadata={"description": "Of a promise: its number on the loan."})
    due_on = DateField(required=True)
    steps = fields.List(fields.Nested(ExplainedStepSchema), required=True)


class ExplainedLoanSchema(Schema):
    """One loan of this lender."""

    loan_no = fields.String(required=True)
    subjects = fields.List(fields.Nested(ExplainedSubjectSchema), required=True)
    code = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, allow_none=True)


class ExplainedNoticeSchema(Schema):
    """A notice of what became of something of the borrower's: servicing, of no contact and under no cap."""

    at = InstantField(required=True)
    template = fields.String(required=True)
    loan_no = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, metadata={"enum": ["told", "withheld", "withdrawn"]})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it was withheld."})
    push = fields.String(
        required=True, allow_none=True, metadata={"description": "State of the push beside it; null: there is none."}
    )


class ManualContactSchema(Schema):
    """A contact that a person of this lender made that day."""

    at = InstantField(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    message_class = fields.String(required=True)
    channels = fields.List(fields.String(), required=True)
    by = fields.String(required=True)
    outcome = fields.String(required=True, metadata={"enum": ["SENT", "SUPPRESSED"]})
    reason = fields.String(required=True)
    rule = fields.String(required=True, allow_none=True)
    overridden = fields.List(
        fields.String(), required=True, metadata={"description": "Reasons of the policy that were set aside for it."}
    )
    overridden_by = fields.String(required=True, allow_none=True, metadata={"description": "Who set the policy aside."})
    override_reason = fields.String(required=True, allow_none=True, metadata={"description": "Why, as it was written."})
    came_to = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "How a call or a visit went; `dialled` or `started` until somebody tells."},
    )
    sentence = fields.String(required=True)


class ExplanationSchema(Schema):
    """Every step near a date: what happened, will happen, or why there was nothing."""

    borrower_no = fields.String(required=True)
    on = DateField(required=True)
    as_of = InstantField(required=True)
    was_contacted = fields.Boolean(required=True, metadata={"description": "That day, about loans of this lender."})
    loans = fields.List(fields.Nested(ExplainedLoanSchema), required=True)
    manual = fields.List(fields.Nested(ManualContactSchema), required=True)
    notices = fields.List(
        fields.Nested(ExplainedNoticeSchema),
        required=True,
        metadata={"description": "That day, about loans of this lender."},
    )
    code = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, allow_none=True)


class ExplainQuerySchema(Schema):
    """Which day."""

    date = DateField(required=True, metadata={"description": "A date where the borrower is."})


class TouchedQuerySchema(PageQuerySchema):
    """Which reason, since when."""

    reason = fields.String(required=True, validate=validate.OneOf([each.value for each in Reason]))
    since = InstantField(required=True)


class TouchedSchema(Schema):
    """A decision that the reason touched."""

    decision_id = IdField(required=True)
    at = InstantField(required=True, metadata={"description": "When it last did."})
    borrower_no = fields.String(required=True)
    loan_no = fields.String(required=True)
    row_no = fields.Integer(required=True)
    step = fields.String(required=True)
    local_date = DateField(required=True)
    outcome = fields.String(required=True, metadata={"description": "As the decision stands now."})
    reason = fields.String(required=True)


class TouchedPageSchema(Schema):
    """A page, the newest first."""

    items = fields.List(fields.Nested(TouchedSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_EVENT: dict[str, Any] = {
    "at": "2026-12-17T14:00:00Z",
    "outcome": "DEFERRED",
    "reason": "QUIET_HOURS",
    "sentence": "Put off until Dec 18, 2026 08:00: quiet hours where the borrower is",
    "owner": "nobody; it passes by itself, within the hours the policy sets",
    "rule": "quiet_hours",
    "law": None,
    "channels": [],
    "not_before": "2026-12-18T00:00:00Z",
    "facts": {},
}
_STEP: dict[str, Any] = {
    "step": "d-3",
    "local_date": "2026-12-17",
    "occurs_at": "2026-12-17T14:00:00Z",
    "timezone": "Asia/Shanghai",
    "status": "decided",
    "code": "DEFERRED",
    "sentence": _EVENT["sentence"],
    "policy": "default v1",
    "events": [_EVENT],
    "messages": [],
    "tasks": [],
    "expected": None,
}
_EXAMPLE = {
    "borrower_no": "B-1001",
    "on": "2026-12-17",
    "as_of": "2026-12-17T15:00:00Z",
    "was_contacted": False,
    "loans": [
        {
            "loan_no": "CN-1001",
            "subjects": [{"kind": "instalment", "row_no": 7, "plan_version": 1, "due_on": "2026-12-20", "steps": [_STEP]}],
            "code": None,
            "sentence": None,
        }
    ],
    "manual": [],
    "notices": [],
    "code": None,
    "sentence": None,
}
_TOUCHED = {
    "decision_id": _ID,
    "at": "2026-12-17T14:00:00Z",
    "borrower_no": "B-1001",
    "loan_no": "CN-1001",
    "row_no": 7,
    "step": "d-3",
    "local_date": "2026-12-17",
    "outcome": "SENT",
    "reason": "ON_SCHEDULE",
}


@door.get("/borrowers/<number:borrower_no>/explain")
@permits("decisions.explain")
@door.asks(ExplainQuerySchema)
@answers(200, ExplanationSchema, example=_EXAMPLE)
def explain_borrower(query: dict[str, Any], borrower_no: str) -> Any:
    """Say why a borrower was contacted around a day or not: also for those who never were, with rule and paragraph."""
    lender_id, locale = desk().lender_id, request_locale()
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    end_reads()
    with reading_one_state() as session:
        return explain(session, borrower_id, query["date"], now=now(), locale=locale, lender_id=lender_id)


@door.get("/decisions")
@permits("decisions.read")
@door.asks(TouchedQuerySchema)
@answers(200, TouchedPageSchema, example={"items": [_TOUCHED], "next_cursor": None})
def list_touched(query: dict[str, Any]) -> Answer:
    """List the decisions that a reason has touched since an instant, also those that got over it, newest first."""
    lender_id, before = desk().lender_id, requested_key(query)
    end_reads()
    with reading_one_state() as session:
        found = page_touched(
            session, query["reason"], since=query["since"], lender_id=lender_id, before=before, limit=query["limit"] + 1
        )
    return page_answer(found, [Key(each.at, each.decision_id) for each in found], query)
