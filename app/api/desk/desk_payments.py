"""Staff record money that was handed to them, approve what is above a limit, and take back a mistake."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.api.desk_act_forms import PAYMENT_EXAMPLE, DeskPaymentSchema, DeskPaymentsSchema, payment_view
from app.domain.desk_payments import METHODS
from app.persistence.db import vault
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.desk_payments import get_shown
from app.persistence.unit_of_work import Work
from app.services import desk_payments
from app.services.desk_payments import LONGEST_NOTE, LONGEST_REASON, TakenPayment
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, MoneyField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class NewDeskPaymentSchema(Schema):
    """Money that was taken in."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    amount = MoneyField(required=True)
    effective_on = DateField(required=True, metadata={"description": "The day it came, where the loan is."})
    method = fields.String(required=True, validate=validate.OneOf(tuple(METHODS)))
    receipt = TextField(
        64, required=True, metadata={"description": "Number of the receipt given, or the bank's reference of a transfer."}
    )
    note = TextField(LONGEST_NOTE, load_default=None, allow_none=True)
    is_another = fields.Boolean(
        load_default=False, metadata={"description": "Another payment than one of this day and amount that is known."}
    )


class DeskReasonSchema(Schema):
    """Why."""

    reason = TextField(LONGEST_REASON, required=True, metadata={"description": "In a few words, without names."})


_NEW = {
    "loan_no": "CN-1001",
    "amount": {"amount_minor": 50000, "currency": "CNY"},
    "effective_on": "2026-11-23",
    "method": "cash",
    "receipt": "R-2026-0117",
}
_ONCE = ("conflict", "currency-mismatch", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = DeskPaymentSchema()


@door.get("/borrowers/<number:borrower_no>/payments")
@permits("payments.read")
@answers(200, DeskPaymentsSchema, example={"items": [PAYMENT_EXAMPLE]})
def list_payments_at_desk(borrower_no: str) -> dict[str, Any]:
    """List what this desk took in from a borrower, and what waits for approval."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    rows = desk_payments.list_payments(reads(), borrower_id, lender_id=lender_id)
    return {"items": [payment_view(vault(), row) for row in rows]}


@door.post("/borrowers/<number:borrower_no>/payments")
@permits("payments.record")
@door.takes(NewDeskPaymentSchema, example=_NEW)
@answers(201, DeskPaymentSchema, example=PAYMENT_EXAMPLE, problems=_ONCE)
def post_payment_at_desk(body: dict[str, Any], borrower_no: str) -> Answer:
    """Record money that was handed to you. Above your limit it waits for a second person (`state` waiting).

    A payment of the same loan, day and amount that is known is not recorded again (409, with its `reference`), unless
    `is_another` says so. Your core is told by `desk_payment.recorded.v1`.
    """
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, staff.lender_id, borrower_no)
        payment_id = desk_payments.take_payment(work, borrower_id, TakenPayment(**body), staff=staff, now=at)
        return _answer(work, payment_id, 201)

    return answer_once(act)


@door.post("/payments/<id:payment_id>/approve")
@permits("payments.approve")
@answers(200, DeskPaymentSchema, example=PAYMENT_EXAMPLE, problems=_ONCE)
def approve_payment_at_desk(payment_id: str) -> Answer:
    """Book a payment that waits. Not for who recorded it, and up to what your role may approve (403)."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        desk_payments.approve_payment(work, payment_id, staff=staff, now=at)
        return _answer(work, payment_id, 200)

    return answer_once(act)


@door.post("/payments/<id:payment_id>/decline")
@permits("payments.record")
@door.takes(DeskReasonSchema, example={"reason": "no such receipt"})
@answers(200, DeskPaymentSchema, example={**PAYMENT_EXAMPLE, "state": "declined"}, problems=_ONCE)
def decline_payment_at_desk(body: dict[str, Any], payment_id: str) -> Answer:
    """Leave a payment that waits out of the ledger: who may approve, and who recorded it."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        desk_payments.decline_payment(work, payment_id, staff=staff, now=at, reason=body["reason"])
        return _answer(work, payment_id, 200)

    return answer_once(act)


@door.post("/payments/<id:payment_id>/reverse")
@permits("payments.reverse")
@door.takes(DeskReasonSchema, example={"reason": "the wrong loan"})
@answers(200, DeskPaymentSchema, example={**PAYMENT_EXAMPLE, "state": "reversed"}, problems=_ONCE)
def reverse_payment_at_desk(body: dict[str, Any], payment_id: str) -> Answer:
    """Take back a payment that was booked by mistake; the borrower is told. What your core told of it takes back (409)."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        desk_payments.reverse_payment(work, payment_id, staff=staff, now=at, reason=body["reason"])
        return _answer(work, payment_id, 200)

    return answer_once(act)


def _answer(work: Work, payment_id: str, status: int) -> Answer:
    row = get_shown(work.session, payment_id, lender_id=desk().lender_id)
    return Answer(_DUMP.dump(payment_view(work.vault, row)), status, dumped=True)
