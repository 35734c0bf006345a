"""What the borrower paid over on a loan, asked back."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import example_money
from app.api.refund_forms import REFUND_EXAMPLE, RefundSchema, refund_view
from app.domain.refunds import BORROWER
from app.persistence.unit_of_work import Work
from app.services import refunds
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import MoneyField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class RefundsSchema(Schema):
    """What was paid over, and what became of it."""

    overpaid = MoneyField(required=True, metadata={"description": "Paid beyond everything owed on a paid-off loan."})
    refundable = MoneyField(required=True, metadata={"description": "What of it may be asked for now."})
    items = fields.List(fields.Nested(RefundSchema), required=True, metadata={"description": "Newest first."})


class NewRefundSchema(Schema):
    """How much is asked back."""

    amount = MoneyField(load_default=None, allow_none=True, metadata={"description": "All that is refundable."})


_EXAMPLE = {"overpaid": example_money(4500), "refundable": example_money(0), "items": [REFUND_EXAMPLE]}


@door.get("/loans/<id:loan_id>/refunds")
@answers(200, RefundsSchema, example=_EXAMPLE)
def list_refunds(loan_id: str) -> dict[str, Any]:
    """Show what you paid over on a loan, and your refunds of it."""
    shown, rows = refunds.list_refunds(reads(), borrower().borrower_id, loan_id)
    return {"overpaid": shown.overpaid, "refundable": shown.refundable, "items": [refund_view(row) for row in rows]}


@door.post("/loans/<id:loan_id>/refunds")
@door.takes(NewRefundSchema, example={"amount": example_money(4500)})
@answers(201, RefundSchema, example=REFUND_EXAMPLE, problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"))
def post_refund(body: dict[str, Any], loan_id: str) -> Answer:
    """Ask for what you paid over. It goes back the way it came; small sums at once, others after a person looked."""
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        row = refunds.request_refund(work, borrower_id, loan_id, body["amount"], by=BORROWER, now=at)
        return Answer(RefundSchema().dump(refund_view(row)), 201, dumped=True)

    return answer_once(act)
