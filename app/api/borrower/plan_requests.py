"""The borrower asks for another plan, accepts what is offered, and sees what was agreed."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
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
from app.persistence.db import vault
from app.persistence.queries.arrangements import list_arrangements as find_arrangements
from app.persistence.queries.plan_requests import page_shown
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.services import arrangements, plan_requests
from app.services.accounts import get_position_account
from app.services.arrangements import OfferOverError
from app.services.plan_requests import Wanted
from app.services.step_up import require_fresh_proof
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import PageQuerySchema, PatternField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class PlanRequestsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(PlanRequestSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AcceptSchema(Schema):
    """What is agreed to."""

    document_sha256 = PatternField(
        "[0-9a-f]{64}", required=True, metadata={"description": "Of the document that was read, as the request shows it."}
    )


class ArrangementsSchema(Schema):
    """All of a loan, newest first."""

    items = fields.List(fields.Nested(ArrangementSchema), required=True)


_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP, _DUMP_ARRANGEMENT = PlanRequestSchema(), ArrangementSchema()


@door.post("/loans/<id:loan_id>/plan-requests")
@door.takes(NewPlanRequestSchema, example=ASKED_EXAMPLE)
@answers(201, PlanRequestSchema, example=REQUEST_EXAMPLE, problems=(*_ONCE, "plan-not-eligible"))
def post_plan_request(body: dict[str, Any], loan_id: str) -> Answer:
    """Ask for another plan. Within the lender's limits it is offered at once; else somebody there decides, and you are told.

    Reminders that the policy stops for this rest meanwhile. One request about a loan waits at a time (409).
    """
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        request_id = plan_requests.request_own(work, borrower_id, loan_id, Wanted(**body, locale=request_locale()), now=at)
        return _answer(work, borrower_id, request_id, 201)

    return answer_once(act)


@door.get("/plan-requests")
@door.asks(PageQuerySchema)
@answers(200, PlanRequestsSchema, example={"items": [REQUEST_EXAMPLE], "next_cursor": None})
def list_plan_requests(query: dict[str, Any]) -> Answer:
    """List what you asked for, and what came of it, newest first."""
    found = page_shown(reads(), borrower_id=borrower().borrower_id, before=requested_key(query), limit=query["limit"] + 1)
    items = [request_view(plan_requests.shown(vault(), row)) for row in found]
    return page_answer(items, [Key(row.requested_at, row.id) for row in found], query)


@door.get("/plan-requests/<id:request_id>")
@answers(200, PlanRequestSchema, example=REQUEST_EXAMPLE)
def get_plan_request(request_id: str) -> dict[str, Any]:
    """Show a request with the whole of what is offered."""
    return request_view(plan_requests.show(reads(), vault(), request_id, borrower_id=borrower().borrower_id))


@door.post("/plan-requests/<id:request_id>/accept")
@door.takes(AcceptSchema, example={"document_sha256": REQUEST_EXAMPLE["document_sha256"]})
@answers(200, ArrangementSchema, example=ARRANGEMENT_EXAMPLE, problems=(*_ONCE, "step-up-required"))
def accept_plan_request(body: dict[str, Any], request_id: str) -> Answer:
    """Accept what is offered: from this answer on the new plan holds, and reminders speak of it alone.

    It binds, so a code must have been proved in this session within the last ten minutes (401 `step-up-required` says how).
    409 when the offer's time is over or the loan has changed since: look at the options again. Accepting twice changes
    nothing.
    """
    at, who = now(), borrower()

    def act(work: Work) -> Answer:
        require_fresh_proof(work.session, who.session_id, now=at)
        row = arrangements.accept(
            work, who.borrower_id, request_id, body["document_sha256"], session_id=who.session_id, now=at
        )
        return Answer(_DUMP_ARRANGEMENT.dump(arrangement_view(row)), 200, dumped=True)

    try:
        return answer_once(act)
    except OfferOverError:
        in_unit_of_work(lambda work: arrangements.lapse(work, who.borrower_id, request_id, now=at))
        raise


@door.post("/plan-requests/<id:request_id>/withdraw")
@answers(200, PlanRequestSchema, example=REQUEST_EXAMPLE, problems=_ONCE)
def withdraw_plan_request(request_id: str) -> Answer:
    """Take a request back, or turn an offer down. Nothing changes for the loan. Twice changes nothing."""
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        plan_requests.withdraw_own(work, borrower_id, request_id, now=at)
        return _answer(work, borrower_id, request_id, 200)

    return answer_once(act)


@door.get("/loans/<id:loan_id>/arrangements")
@answers(200, ArrangementsSchema, example={"items": [ARRANGEMENT_EXAMPLE]})
def list_arrangements(loan_id: str) -> dict[str, Any]:
    """List what was agreed about a loan, and whether it is kept, newest first."""
    borrower_id = borrower().borrower_id
    get_position_account(reads(), borrower_id, loan_id)
    found = find_arrangements(reads(), loan_id, borrower_id=borrower_id)
    return {"items": [arrangement_view(row) for row in found]}


def _answer(work: Work, borrower_id: str, request_id: str, status: int) -> Answer:
    shown = plan_requests.show(work.session, work.vault, request_id, borrower_id=borrower_id)
    return Answer(_DUMP.dump(request_view(shown)), status, dumped=True)
