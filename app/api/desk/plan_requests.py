"""Staff see requests for another plan, ask on a borrower's behalf, and decide; accepting stays with the borrower."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.api.plan_request_forms import (
    ARRANGEMENT_EXAMPLE,
    ASKED_EXAMPLE,
    REQUEST_EXAMPLE,
    ArrangementSchema,
    NewPlanRequestSchema,
    PlanRequestSchema,
    arrangement_view,
    request_view,
)
from app.domain.plan_requests import RequestState
from app.persistence.db import vault
from app.persistence.queries.plan_requests import page_shown
from app.persistence.unit_of_work import Work
from app.services import arrangements, plan_approvals, plan_requests
from app.services.arrangements import LONGEST_REASON
from app.services.holds import Teller
from app.services.plan_requests import ShownRequest, Wanted
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import InstantField, PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class PlanRequestQuerySchema(PageQuerySchema):
    """Which requests."""

    state = fields.String(
        load_default=None,
        validate=validate.OneOf([state.value for state in RequestState]),
        metadata={"description": "Only these."},
    )


class ApprovalSchema(Schema):
    """One person's decision."""

    staff = fields.String(required=True)
    role = fields.String(required=True)
    decision = fields.String(required=True, metadata={"enum": ["approve", "decline"]})
    reason = fields.String(required=True, allow_none=True)
    document_sha256 = fields.String(required=True, metadata={"description": "What they had before them."})
    at = InstantField(required=True)


class DeskPlanRequestSchema(PlanRequestSchema):
    """A request as staff see it."""

    borrower_no = fields.String(required=True)
    asked_by = fields.String(required=True, metadata={"description": "borrower:ID, or staff:NAME on their behalf."})
    approvals = fields.List(fields.Nested(ApprovalSchema), required=True)


class DeskPlanRequestsSchema(Schema):
    """A page, newest first; approvals only where one request is asked for."""

    items = fields.List(fields.Nested(DeskPlanRequestSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ApproveSchema(Schema):
    """Why it is approved, where that is worth saying."""

    reason = TextField(plan_approvals.LONGEST_REASON, load_default=None, allow_none=True)


class DeclineSchema(Schema):
    """Why it is declined; the law asks for the reasons to be recorded."""

    reason = TextField(plan_approvals.LONGEST_REASON, required=True)


class CancelSchema(Schema):
    """Why an arrangement is cancelled."""

    reason = TextField(LONGEST_REASON, required=True, metadata={"description": "For the audit trail."})


DESK_REQUEST_EXAMPLE: dict[str, Any] = {
    **REQUEST_EXAMPLE,
    "state": "requested",
    "approvals_needed": 2,
    "offered_at": None,
    "borrower_no": "B1",
    "asked_by": "borrower:01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "approvals": [
        {
            "staff": "staff:Wang Fang",
            "role": "supervisor",
            "decision": "approve",
            "reason": None,
            "document_sha256": REQUEST_EXAMPLE["document_sha256"],
            "at": "2026-11-23T10:00:00Z",
        }
    ],
}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP, _DUMP_ARRANGEMENT = DeskPlanRequestSchema(), ArrangementSchema()


@door.get("/plan-requests")
@permits("plans.read")
@door.asks(PlanRequestQuerySchema)
@answers(200, DeskPlanRequestsSchema, example={"items": [DESK_REQUEST_EXAMPLE], "next_cursor": None})
def list_desk_plan_requests(query: dict[str, Any]) -> Answer:
    """List requests for another plan of your lender's loans, newest first."""
    found = page_shown(
        reads(),
        lender_id=desk().lender_id,
        state=query["state"],
        before=requested_key(query),
        limit=query["limit"] + 1,
    )
    items = [_view(plan_requests.shown(vault(), row)) for row in found]
    return page_answer(items, [Key(row.requested_at, row.id) for row in found], query)


@door.get("/plan-requests/<id:request_id>")
@permits("plans.read")
@answers(200, DeskPlanRequestSchema, example=DESK_REQUEST_EXAMPLE)
def get_desk_plan_request(request_id: str) -> dict[str, Any]:
    """Show a request with what would be offered, and who has decided about it."""
    return _view(plan_requests.show(reads(), vault(), request_id, lender_id=desk().lender_id))


@door.post("/loans/<number:loan_no>/plan-requests")
@permits("plans.offer")
@door.takes(NewPlanRequestSchema, example=ASKED_EXAMPLE)
@answers(201, DeskPlanRequestSchema, example=DESK_REQUEST_EXAMPLE, problems=(*_ONCE, "plan-not-eligible"))
def post_desk_plan_request(body: dict[str, Any], loan_no: str) -> Answer:
    """Ask for another plan on a borrower's behalf. Whoever asks does not approve it; only the borrower accepts."""
    at, teller = now(), desk_teller()

    def act(work: Work) -> Answer:
        request_id = plan_requests.request_for(work, loan_no, Wanted(**body), teller=teller, now=at)
        return request_answer(work, request_id, 201)

    return answer_once(act)


@door.post("/plan-requests/<id:request_id>/approve")
@permits("plans.decide")
@door.takes(ApproveSchema, example={"reason": "Income checked by phone."})
@answers(200, DeskPlanRequestSchema, example=DESK_REQUEST_EXAMPLE, problems=(*_ONCE, "plan-not-eligible"))
def approve_plan_request(body: dict[str, Any], request_id: str) -> Answer:
    """Approve a request. With enough of them (`approvals_needed`, by different people) it is offered, on today's figures."""
    at, teller = now(), desk_teller()

    def act(work: Work) -> Answer:
        plan_approvals.approve(work, request_id, reason=body["reason"], teller=teller, now=at)
        return request_answer(work, request_id, 200)

    return answer_once(act)


@door.post("/plan-requests/<id:request_id>/decline")
@permits("plans.decide")
@door.takes(DeclineSchema, example={"reason": "A payment break was agreed on the phone instead."})
@answers(200, DeskPlanRequestSchema, example=DESK_REQUEST_EXAMPLE, problems=_ONCE)
def decline_plan_request(body: dict[str, Any], request_id: str) -> Answer:
    """Decline a request, or take back an offer that nobody has accepted yet. The borrower is told."""
    at, teller = now(), desk_teller()

    def act(work: Work) -> Answer:
        plan_approvals.decline(work, request_id, reason=body["reason"], teller=teller, now=at)
        return request_answer(work, request_id, 200)

    return answer_once(act)


@door.post("/arrangements/<id:arrangement_id>/cancel")
@permits("plans.cancel")
@door.takes(CancelSchema, example={"reason": "The loan is refinanced."})
@answers(200, ArrangementSchema, example=ARRANGEMENT_EXAMPLE, problems=_ONCE)
def cancel_arrangement(body: dict[str, Any], arrangement_id: str) -> Answer:
    """End an active arrangement. The plan stays as it is until your core sends another; the borrower is told."""
    at, teller = now(), desk_teller()

    def act(work: Work) -> Answer:
        row = arrangements.cancel(work, arrangement_id, reason=body["reason"], teller=teller, now=at)
        return Answer(_DUMP_ARRANGEMENT.dump(arrangement_view(row)), 200, dumped=True)

    return answer_once(act)


def desk_teller() -> Teller:
    """Return who acts at the desk in this request."""
    who = desk()
    return Teller(who.name, who.lender_id, who.role)


def _view(shown: ShownRequest) -> dict[str, Any]:
    return {**request_view(shown), "approvals": shown.approvals}


def request_answer(work: Work, request_id: str, status: int) -> Answer:
    """Return the answer that shows a request as staff see it."""
    shown = plan_requests.show(work.session, work.vault, request_id, lender_id=desk().lender_id)
    return Answer(_DUMP.dump(_view(shown)), status, dumped=True)
