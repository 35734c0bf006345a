"""Staff see what was paid over, ask for it on a borrower's behalf, approve and cancel."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.borrower.money import example_money
from app.api.desk.staff import door
from app.api.refund_forms import REFUND_EXAMPLE, RefundSchema, refund_view
from app.domain.refunds import METHODS, RefundState
from app.persistence.models.refunds import RefundRow
from app.persistence.queries.refunds import page_refunds
from app.persistence.unit_of_work import Work
from app.services import refunds
from app.services.refund_words import numbers_of
from app.services.refunds import Staff
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import MoneyField, PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class RefundQuerySchema(PageQuerySchema):
    """Which refunds."""

    state = fields.String(validate=validate.OneOf([state.value for state in RefundState]))


class DeskRefundSchema(RefundSchema):
    """A refund as staff see it."""

    loan_no = fields.String(required=True)
    borrower_no = fields.String(required=True)
    reference = fields.String(required=True, metadata={"description": "The core books it under this, and it is done."})
    provider_reference = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    requested_by = fields.String(required=True, metadata={"description": "borrower, system, staff:NAME."})
    approved_by = fields.String(required=True, allow_none=True, metadata={"description": "rule: needs nobody."})


class DeskRefundsSchema(Schema):
    """A page, oldest first."""

    items = fields.List(fields.Nested(DeskRefundSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewDeskRefundSchema(Schema):
    """A refund asked for on a borrower's behalf."""

    amount = MoneyField(load_default=None, allow_none=True, metadata={"description": "All that is refundable."})
    reason = TextField(40, required=True, metadata={"description": "In a few words, without names."})


class ApproveRefundSchema(Schema):
    """How it goes."""

    method = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(METHODS),
        metadata={"description": "Another way than it was made for; null: as it is."},
    )


class CancelRefundSchema(Schema):
    """Why it does not go."""

    reason = TextField(40, required=True, metadata={"description": "In a few words, without names."})


_EXAMPLE: dict[str, Any] = {
    **REFUND_EXAMPLE,
    "loan_no": "CN-1001",
    "borrower_no": "B-1001",
    "reference": "refund-01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "provider_reference": None,
    "reason": "overpaid",
    "requested_by": "borrower",
    "approved_by": "rule",
}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


@door.get("/refunds")
@permits("refunds.read")
@door.asks(RefundQuerySchema)
@answers(200, DeskRefundsSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_lender_refunds(query: dict[str, Any]) -> Answer:
    """List refunds, oldest first."""
    begin = requested_key(query)
    rows = page_refunds(
        reads(),
        desk().lender_id,
        state=query.get("state"),
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
    )
    views = [_view(row, row.loan_no, row.borrower_no) for row in rows]
    return page_answer(views, [Key(row.requested_at, row.id) for row in rows], query)


@door.post("/loans/<number:loan_no>/refunds")
@permits("refunds.ask")
@door.takes(NewDeskRefundSchema, example={"amount": example_money(4500), "reason": "asked by letter"})
@answers(201, DeskRefundSchema, example=_EXAMPLE, problems=_ONCE)
def post_desk_refund(body: dict[str, Any], loan_no: str) -> Answer:
    """Ask for money back on behalf of a borrower. It waits for approval, whatever the amount."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = refunds.request_by_staff(
            work, who.lender_id, loan_no, body["amount"], staff=_staff(), now=at, reason=body["reason"]
        )
        return _answer(work, row, 201)

    return answer_once(act)


@door.post("/refunds/<id:refund_id>/approve")
@permits("refunds.approve")
@door.takes(ApproveRefundSchema, example={"method": None})
@answers(200, DeskRefundSchema, example=_EXAMPLE, problems=_ONCE)
def approve_refund(body: dict[str, Any], refund_id: str) -> Answer:
    """Let a refund go. Above the lender's threshold a senior person does, who is not the one that asked (403 otherwise).

    By bank or core: your core is told by `refund.approved.v1`, sends it, and books a refund under `reference`.
    """
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = refunds.approve_refund(work, who.lender_id, refund_id, staff=_staff(), now=at, method=body["method"])
        return _answer(work, row, 200)

    return answer_once(act)


@door.post("/refunds/<id:refund_id>/cancel")
@permits("refunds.cancel")
@door.takes(CancelRefundSchema, example={"reason": "pays another loan"})
@answers(200, DeskRefundSchema, example=_EXAMPLE, problems=_ONCE)
def cancel_refund(body: dict[str, Any], refund_id: str) -> Answer:
    """Let a refund be, and tell the borrower. One that was sent cannot be taken back (409)."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = refunds.cancel_refund(work, who.lender_id, refund_id, staff=_staff(), now=at, reason=body["reason"])
        return _answer(work, row, 200)

    return answer_once(act)


def _staff() -> Staff:
    return Staff(desk().name, desk().role)


def _answer(work: Work, row: RefundRow, status: int) -> Answer:
    view = _view(row, *numbers_of(work, row))
    return Answer(DeskRefundSchema().dump(view), status, dumped=True)


def _view(row: Any, loan_no: str, borrower_no: str) -> dict[str, Any]:
    return {
        **refund_view(row),
        "loan_no": loan_no,
        "borrower_no": borrower_no,
        "reference": row.reference,
        "provider_reference": row.provider_reference,
        "reason": row.reason,
        "requested_by": row.requested_by,
        "approved_by": row.approved_by,
    }
