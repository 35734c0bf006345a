"""How a call went, as staff send it: shared by calls of the worklist and calls made outside."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.calls import TELLABLE
from app.domain.disputes import GROUNDS, DisputeValues
from app.domain.hardship import CHANGES, HardshipValues
from app.services.call_outcomes import ToldOutcome
from app.services.calls import DIRECTIONS, LONGEST_CALL_SECONDS, LONGEST_NOTE
from app.web.fields import NUMBER_PATTERN, DateField, IdField, InstantField, MoneyField, PatternField, TextField

_LONGEST_WORDS = 4000
_LANGUAGE = "[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"


class ToldPromiseSchema(Schema):
    """A promise that was given in the call."""

    amount = MoneyField(required=True)
    promised_on = DateField(required=True)


class ToldDisputeSchema(Schema):
    """What was disputed in the call."""

    ground = fields.String(required=True, validate=validate.OneOf(list(GROUNDS)))
    amount = MoneyField(load_default=None, allow_none=True, metadata={"description": "null: all that is owed."})
    words = TextField(_LONGEST_WORDS, required=True, metadata={"description": "What the borrower said."})


class ToldHardshipSchema(Schema):
    """What was said of money trouble in the call."""

    change = fields.String(required=True, validate=validate.OneOf(CHANGES))
    words = TextField(_LONGEST_WORDS, load_default=None, allow_none=True)


class CallOutcomeSchema(Schema):
    """How a call went. Beside outcome promise, dispute, hardship, callback and language_needed comes what was said."""

    outcome = fields.String(required=True, validate=validate.OneOf(TELLABLE))
    at = InstantField(
        load_default=None,
        allow_none=True,
        metadata={"description": "When it began; null: it was dialled here, and waits for its outcome."},
    )
    seconds = fields.Integer(
        load_default=0,
        strict=True,
        validate=validate.Range(0, LONGEST_CALL_SECONDS),
        metadata={"description": "Of talk; 0 where nobody talked."},
    )
    loan_no = PatternField(
        NUMBER_PATTERN, load_default=None, allow_none=True, metadata={"description": "null: the task's, or all loans."}
    )
    note = TextField(LONGEST_NOTE, load_default=None, allow_none=True, metadata={"description": "For colleagues; sealed."})
    promise = fields.Nested(ToldPromiseSchema, load_default=None, allow_none=True)
    call_back_at = InstantField(load_default=None, allow_none=True)
    dispute = fields.Nested(ToldDisputeSchema, load_default=None, allow_none=True)
    hardship = fields.Nested(ToldHardshipSchema, load_default=None, allow_none=True)
    language = PatternField(
        _LANGUAGE, load_default=None, allow_none=True, metadata={"description": "Which one is needed: es, zh-CN ..."}
    )


class ToldCallSchema(CallOutcomeSchema):
    """A call that was made or taken, of whichever task or of none."""

    direction = fields.String(
        load_default="outbound",
        validate=validate.OneOf(DIRECTIONS),
        metadata={"description": "inbound: the borrower rang."},
    )


class FollowedSchema(Schema):
    """What came of it."""

    id = IdField(required=True, attribute="call_id", metadata={"description": "Of the call."})
    promise_id = IdField(required=True, allow_none=True)
    dispute_id = IdField(required=True, allow_none=True)
    hardship_request_id = IdField(required=True, allow_none=True)
    hold_id = IdField(required=True, allow_none=True)
    task_id = IdField(required=True, allow_none=True, metadata={"description": "Of a task that was made."})
    task_state = fields.String(
        required=True, allow_none=True, metadata={"description": "Of the task it was for: open, done, cancelled."}
    )
    again_at = InstantField(required=True, allow_none=True, metadata={"description": "When that task comes up again."})


FOLLOWED = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11",
    "promise_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d12",
    "dispute_id": None,
    "hardship_request_id": None,
    "hold_id": None,
    "task_id": None,
    "task_state": "done",
    "again_at": None,
}
TOLD = {
    "outcome": "promise",
    "seconds": 140,
    "note": "Will pay on Friday.",
    "promise": {"amount": {"amount_minor": 50000, "currency": "CNY"}, "promised_on": "2026-11-27"},
}


def told_outcome(body: dict[str, Any]) -> ToldOutcome:
    """Return what a body says. Keys that are no field of an outcome are left to the view."""
    promise, dispute, hardship = body["promise"], body["dispute"], body["hardship"]
    return ToldOutcome(
        outcome=body["outcome"],
        at=body["at"],
        seconds=body["seconds"],
        loan_no=body["loan_no"],
        note=body["note"],
        direction=body.get("direction", "outbound"),
        promise=None if promise is None else (promise["amount"], promise["promised_on"]),
        call_back_at=body["call_back_at"],
        dispute=None if dispute is None else _dispute(dispute),
        hardship=None if hardship is None else HardshipValues(hardship["change"], words=hardship["words"]),
        language=body["language"],
    )


def _dispute(told: dict[str, Any]) -> DisputeValues:
    amount = told["amount"]
    return DisputeValues(
        "dispute", told["ground"], told["words"], None if amount is None else amount.minor,
        None if amount is None else amount.currency,
    )  # fmt: skip
