"""Escalations as the desk's API shows them."""

from typing import Any

from marshmallow import Schema, fields

from app.domain.escalation_policies import Kind
from app.domain.escalation_reasons import Outcome
from app.web.fields import DateField, IdField, InstantField

STATES = ("open", "stopped", "ended")
KINDS = tuple(each.value for each in Kind)
OUTCOMES = tuple(each.value for each in Outcome if each is not Outcome.READY)
_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"


class EscalationStepSchema(Schema):
    """One step, with what became of it and why."""

    id = IdField(required=True)
    step = fields.String(required=True, metadata={"description": "Its key in the policy."})
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    outcome = fields.String(required=True, metadata={"enum": list(OUTCOMES)})
    reason = fields.String(required=True, metadata={"description": "A stable code; docs/escalation.md has them."})
    rule = fields.String(required=True, allow_none=True, metadata={"description": "The rule of law behind it."})
    due_on = DateField(
        required=True, allow_none=True, metadata={"description": "First day on which it may happen, if known."}
    )
    message_id = IdField(required=True, allow_none=True, metadata={"description": "Of its notice."})
    handed_over_at = InstantField(required=True, allow_none=True)
    delivered_at = InstantField(required=True, allow_none=True, metadata={"description": "Only what a receipt proves."})
    wanted_at = InstantField(required=True, allow_none=True, metadata={"description": "Since when it waits for a person."})
    approved_by = fields.String(required=True, allow_none=True)
    confirmed_by = fields.String(required=True, allow_none=True)
    declined_by = fields.String(required=True, allow_none=True)


class EscalationEventSchema(Schema):
    """One change."""

    at = InstantField(required=True)
    step = fields.String(required=True, allow_none=True, metadata={"description": "null: the escalation as a whole."})
    outcome = fields.String(required=True, metadata={"enum": list(OUTCOMES)})
    reason = fields.String(required=True)
    rule = fields.String(required=True, allow_none=True)
    by = fields.String(required=True)


class LoanEscalationSchema(Schema):
    """One spell of arrears that escalates, or did."""

    id = IdField(required=True)
    loan_no = fields.String(required=True)
    borrower_no = fields.String(required=True)
    spell_no = fields.Integer(required=True, metadata={"description": "A loan that is cured and falls late begins anew."})
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    stage = fields.String(
        required=True, allow_none=True, metadata={"enum": [*KINDS, None], "description": "The last step that happened."}
    )
    policy = fields.String(required=True)
    policy_version = fields.Integer(required=True)
    began_at = InstantField(required=True)
    late_since = DateField(required=True)
    next_look_at = InstantField(required=True, allow_none=True)
    ended_at = InstantField(required=True, allow_none=True)
    ended_reason = fields.String(required=True, allow_none=True)


class LoanEscalationsSchema(Schema):
    """A page, the newest first."""

    items = fields.List(fields.Nested(LoanEscalationSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class WholeLoanEscalationSchema(LoanEscalationSchema):
    """One escalation with its steps and all that happened."""

    steps = fields.List(fields.Nested(EscalationStepSchema), required=True)
    events = fields.List(fields.Nested(EscalationEventSchema), required=True)


class WaitingStepSchema(EscalationStepSchema):
    """A step that waits for a person."""

    loan_no = fields.String(required=True)
    borrower_no = fields.String(required=True)


class WaitingStepsSchema(Schema):
    """A page, the longest waiting first."""

    items = fields.List(fields.Nested(WaitingStepSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ApprovedSchema(Schema):
    """What became of yeses."""

    ready = fields.List(IdField(), required=True, metadata={"description": "They happen next, if nothing has come up."})
    waiting = fields.List(IdField(), required=True, metadata={"description": "They wait for a second person."})
    left = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True,
        metadata={"description": "Step -> NOT_WAITING, or SAME_PERSON: another person has to say the second yes."},
    )  # fmt: skip


class EscalationStepExplainedSchema(Schema):
    """A step as decided now, whether its turn has come or not."""

    step = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    outcome = fields.String(required=True)
    reason = fields.String(required=True)
    words = fields.String(required=True, metadata={"description": "In the language of your account."})
    rule = fields.String(required=True, allow_none=True)
    due_on = DateField(required=True, allow_none=True)


class EscalationExplainedSchema(Schema):
    """Why each step happened or did not."""

    loan_no = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["none", "open", "stopped"]})
    policy = fields.String(required=True, allow_none=True)
    policy_version = fields.Integer(required=True, allow_none=True)
    days_past_due = fields.Integer(required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why no step is looked at."})
    next_look_at = InstantField(required=True, allow_none=True)
    steps = fields.List(fields.Nested(EscalationStepExplainedSchema), required=True)


STEP_EXAMPLE = {
    "id": _ID, "step": "repayment_letter", "kind": "repayment_letter", "outcome": "needs_approval",
    "reason": "NEEDS_APPROVAL", "rule": None, "due_on": None, "message_id": None, "handed_over_at": None,
    "delivered_at": None, "wanted_at": "2026-11-24T01:00:00Z", "approved_by": None, "confirmed_by": None,
    "declined_by": None,
}  # fmt: skip
EVENT_EXAMPLE = {
    "at": "2026-11-24T01:00:00Z", "step": "repayment_letter", "outcome": "needs_approval", "reason": "NEEDS_APPROVAL",
    "rule": None, "by": "engine:escalations",
}  # fmt: skip
ESCALATION_EXAMPLE = {
    "id": _ID, "loan_no": "CN-1001", "borrower_no": "B-1001", "spell_no": 1, "state": "open", "stage": "arrears_notice",
    "policy": "cn-micro-loan", "policy_version": 1, "began_at": "2026-10-24T01:00:00Z", "late_since": "2026-10-16",
    "next_look_at": None, "ended_at": None, "ended_reason": None,
}  # fmt: skip
EXPLAINED_EXAMPLE = {
    "loan_no": "CN-1001", "state": "open", "policy": "cn-micro-loan", "policy_version": 1, "days_past_due": 39,
    "reason": None, "next_look_at": None,
    "steps": [
        {"step": "report", "kind": "report", "outcome": "stopped", "reason": "FORBEARANCE_NOT_CONSIDERED",
         "words": "nobody has considered another plan in these arrears", "rule": None, "due_on": None},
    ],
}  # fmt: skip


def step_view(row: Any) -> dict[str, Any]:
    """Return a stored step as it is shown."""
    names = ("id", "kind", "outcome", "reason", "rule", "due_on", "message_id", "handed_over_at", "delivered_at",
             "wanted_at", "approved_by", "confirmed_by", "declined_by")  # fmt: skip
    return {"step": row.step_key, **{name: getattr(row, name) for name in names}}


def event_view(row: Any) -> dict[str, Any]:
    """Return a stored event as it is shown."""
    names = ("at", "outcome", "reason", "rule", "by")
    return {"step": row.step_key, **{name: getattr(row, name) for name in names}}
