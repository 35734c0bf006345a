"""How disputes and requests for help are shown, to borrowers and at the desk alike."""

from typing import Any

from marshmallow import Schema, fields

from app.domain.disputes import ESCALATED_TO, GROUNDS, KINDS, STATES
from app.domain.hardship import CHANGES, LASTS
from app.domain.hardship import STATES as HARDSHIP_STATES
from app.domain.money import Money
from app.services.disputes import ShownDispute
from app.services.hardship import ShownRequest
from app.web.fields import DateField, IdField, InstantField, MoneyField


class RouteSchema(Schema):
    """A body outside the lender that looks at complaints."""

    name = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True)
    url = fields.String(required=True, allow_none=True)
    about = fields.String(required=True)
    source = fields.String(required=True)
    evidence = fields.String(required=True, metadata={"description": "How well the source was read, as in the law packs."})


class DisputeSchema(Schema):
    """One case."""

    id = IdField(required=True)
    reference = fields.String(required=True, metadata={"description": "What people call it by."})
    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    ground = fields.String(required=True, metadata={"enum": list(GROUNDS)})
    amount = MoneyField(
        required=True, allow_none=True, metadata={"description": "The disputed part; null: all that is owed."}
    )
    words = fields.String(required=True)
    attachments = fields.List(IdField(), required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    received_at = InstantField(required=True)
    answer_due_on = DateField(required=True, metadata={"description": "Last day in time, where the loan is."})
    answer_rule = fields.String(required=True, allow_none=True, metadata={"description": "Of a law pack, if one says it."})
    answer_source = fields.String(required=True)
    late = fields.Boolean(required=True, metadata={"description": "It was not answered in time."})
    reminders_stopped = fields.Boolean(
        required=True, metadata={"description": "By this case, while it is open; a law or a hold may stop them no less."}
    )
    answered_at = InstantField(required=True, allow_none=True)
    answer = fields.String(required=True, allow_none=True)
    upheld = MoneyField(required=True, allow_none=True, metadata={"description": "How much of it, if only a part."})
    correction_reference = fields.String(
        required=True, allow_none=True, metadata={"description": "The lender's number of the entry that puts it right."}
    )
    credit_mark = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "On the credit report: XB under investigation, XC you disagree, XH formerly disputed."},
    )
    escalated_at = InstantField(required=True, allow_none=True)
    escalated_to = fields.String(required=True, allow_none=True, metadata={"enum": [*ESCALATED_TO, None]})
    escalation = fields.String(required=True, allow_none=True)
    routes = fields.List(
        fields.Nested(RouteSchema),
        required=True,
        metadata={"description": "Where else to go: once it was rejected or no answer came in time."},
    )
    version = fields.Integer(required=True)


class DeskDisputeSchema(DisputeSchema):
    """One case as staff see it."""

    borrower_no = fields.String(required=True)
    taken_by = fields.String(required=True, allow_none=True)
    answered_by = fields.String(required=True, allow_none=True)
    breached_at = InstantField(required=True, allow_none=True)


class AdviceServiceSchema(Schema):
    """Somebody who gives free advice on debt."""

    name = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True)
    url = fields.String(required=True, allow_none=True)


class DebtAdviceSchema(Schema):
    """Free and independent advice on debt."""

    rule = fields.String(required=True, allow_none=True, metadata={"description": "The rule of law that asks to name it."})
    services = fields.List(fields.Nested(AdviceServiceSchema), required=True)
    sheet = fields.List(fields.String(), required=True, metadata={"description": "What the lender says of it itself."})


class HardshipAnswersSchema(Schema):
    """What was answered; all but the first may be missing."""

    change = fields.String(required=True, metadata={"enum": list(CHANGES)})
    lasts = fields.String(required=True, allow_none=True, metadata={"enum": [*LASTS, None]})
    monthly = MoneyField(required=True, allow_none=True, metadata={"description": "What could be paid a month."})
    wants_advice = fields.Boolean(required=True)
    words = fields.String(required=True, allow_none=True)


class HardshipRequestSchema(Schema):
    """One request for help."""

    id = IdField(required=True)
    loan_id = IdField(required=True, allow_none=True, metadata={"description": "null: about all loans."})
    loan_no = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": list(HARDSHIP_STATES)})
    answers = fields.Nested(HardshipAnswersSchema, required=True)
    attachments = fields.List(IdField(), required=True)
    opened_at = InstantField(required=True)
    review_due_on = DateField(required=True, metadata={"description": "Last day in time for the decision."})
    late = fields.Boolean(required=True, metadata={"description": "It was not decided in time."})
    decided_at = InstantField(required=True, allow_none=True)
    outcome_words = fields.String(required=True, allow_none=True)
    arrangement = fields.String(
        required=True, allow_none=True, metadata={"description": "What was agreed: of a plan request or an arrangement."}
    )
    advice = fields.Nested(DebtAdviceSchema, required=True)
    version = fields.Integer(required=True)


class DeskHardshipRequestSchema(HardshipRequestSchema):
    """One request as staff see it."""

    borrower_no = fields.String(required=True)
    taken_by = fields.String(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    breached_at = InstantField(required=True, allow_none=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
DISPUTE_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "reference": "D-1C2A5B9D10",
    "loan_id": _ID,
    "loan_no": "CN-1001",
    "kind": "dispute",
    "ground": "already_paid",
    "amount": {"amount_minor": 104500, "currency": "CNY"},
    "words": "I paid this on 20 November by bank transfer.",
    "attachments": [],
    "state": "received",
    "received_at": "2026-11-23T09:00:00Z",
    "answer_due_on": "2026-12-13",
    "answer_rule": None,
    "answer_source": "house rule",
    "late": False,
    "reminders_stopped": True,
    "answered_at": None,
    "answer": None,
    "upheld": None,
    "correction_reference": None,
    "credit_mark": "XB",
    "escalated_at": None,
    "escalated_to": None,
    "escalation": None,
    "routes": [],
    "version": 1,
}
DESK_DISPUTE_EXAMPLE = {
    **DISPUTE_EXAMPLE, "borrower_no": "B-1001", "taken_by": None, "answered_by": None, "breached_at": None
}  # fmt: skip
HARDSHIP_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "loan_id": None,
    "loan_no": None,
    "state": "open",
    "answers": {
        "change": "income_lower",
        "lasts": "3_to_12_months",
        "monthly": {"amount_minor": 40000, "currency": "CNY"},
        "wants_advice": True,
        "words": None,
    },
    "attachments": [],
    "opened_at": "2026-11-23T09:00:00Z",
    "review_due_on": "2026-12-07",
    "late": False,
    "decided_at": None,
    "outcome_words": None,
    "arrangement": None,
    "advice": {"rule": None, "services": [], "sheet": []},
    "version": 1,
}
DESK_HARDSHIP_EXAMPLE = {
    **HARDSHIP_EXAMPLE, "borrower_no": "B-1001", "taken_by": None, "decided_by": None, "breached_at": None
}  # fmt: skip


def dispute_view(found: ShownDispute) -> dict[str, Any]:
    """Return the values of `DisputeSchema` and `DeskDisputeSchema`."""
    row = found.row

    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, row.currency)

    return {
        **row._mapping,
        "amount": money(row.amount_minor),
        "upheld": money(row.upheld_minor),
        "words": found.words,
        "answer": found.answer,
        "escalation": found.escalation,
        "routes": found.routes,
        "answer_rule": row.rule,
        "answer_source": row.source,
        "late": row.breached_at is not None,
        "reminders_stopped": row.hold_id is not None and row.state in ("received", "under_review"),
    }


def hardship_view(found: ShownRequest) -> dict[str, Any]:
    """Return the values of `HardshipRequestSchema` and `DeskHardshipRequestSchema`."""
    said = found.answers
    monthly = None if "monthly_minor" not in said else Money(said["monthly_minor"], said["currency"])
    answers = {
        "change": said["change"],
        "lasts": said.get("lasts"),
        "monthly": monthly,
        "wants_advice": said["wants_advice"],
        "words": said.get("words"),
    }
    return {
        **found.row._mapping,
        "answers": answers,
        "late": found.row.breached_at is not None,
        "outcome_words": found.outcome_words,
        "advice": found.advice,
    }
