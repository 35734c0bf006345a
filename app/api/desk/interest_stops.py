"""Stops of interest by hand: staff with the permission ask for one, or for the end of one; somebody else decides."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.interest_stop_requests import RequestState, StopAct, WishedStop
from app.domain.stops import SCOPES
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.interest_stop_requests import find_of_loan, get_shown
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.unit_of_work import Work
from app.services import interest_stop_requests as requests
from app.services.interest_stop_requests import LONGEST_DECLINE, LONGEST_REASON
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, IdField, InstantField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now

_ACTS = [each.value for each in StopAct]


class NewStopRequestSchema(Schema):
    """What is asked for: `put` with days, scope and rule; `end` with the stop and its day; `withdraw` with the stop."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    act = fields.String(required=True, validate=validate.OneOf(_ACTS))
    stop_id = IdField(load_default=None, allow_none=True)
    from_on = DateField(load_default=None, allow_none=True, metadata={"description": "First day without interest."})
    until_on = DateField(
        load_default=None, allow_none=True, metadata={"description": "First day that bears interest again."}
    )
    scope = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(SCOPES))
    rule = TextField(40, load_default=None, allow_none=True, metadata={"description": "Of the law packs."})
    reason = TextField(LONGEST_REASON, required=True, metadata={"description": "Why, for whoever examines it."})


class DeclineStopRequestSchema(Schema):
    """Why it is not done."""

    reason = TextField(LONGEST_DECLINE, required=True)


class StopRequestSchema(Schema):
    """A request and what became of it."""

    id = IdField(required=True)
    loan_no = fields.String(required=True)
    borrower_no = fields.String(required=True)
    act = fields.String(required=True, metadata={"enum": _ACTS})
    stop_id = IdField(required=True, allow_none=True)
    from_on = DateField(required=True, allow_none=True)
    until_on = DateField(required=True, allow_none=True)
    scope = fields.String(required=True, allow_none=True, metadata={"enum": list(SCOPES)})
    rule = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": [each.value for each in RequestState]})
    asked_by = fields.String(required=True)
    asked_at = InstantField(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = InstantField(required=True, allow_none=True)
    declined_reason = fields.String(required=True, allow_none=True)


class StopRequestsSchema(Schema):
    """Those about a loan, newest first, at most 50."""

    items = fields.List(fields.Nested(StopRequestSchema), required=True)


_EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "loan_no": "UK-1001",
    "borrower_no": "B-1001",
    "act": "put",
    "stop_id": None,
    "from_on": "2026-03-12",
    "until_on": None,
    "scope": "interest",
    "rule": "UK-BREATHING",
    "reason": "The debt adviser told us by telephone.",
    "state": "waiting",
    "asked_by": "staff:Ann",
    "asked_at": "2026-03-12T09:00:00Z",
    "decided_by": None,
    "decided_at": None,
    "declined_reason": None,
}
_NEW = {name: _EXAMPLE[name] for name in ("loan_no", "act", "from_on", "scope", "rule", "reason")}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = StopRequestSchema()


@door.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/interest-stop-requests")
@permits("duties.read")
@answers(200, StopRequestsSchema, example={"items": [_EXAMPLE]})
def list_interest_stop_requests(borrower_no: str, loan_no: str) -> dict[str, Any]:
    """List what people asked for about stops of interest on a loan."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    loan_id = get_own_loan_id(reads(), lender_id, borrower_id, loan_no)
    return {"items": find_of_loan(reads(), loan_id, lender_id=lender_id)}


@door.post("/borrowers/<number:borrower_no>/interest-stop-requests")
@permits("interest_stops.ask")
@door.takes(NewStopRequestSchema, example=_NEW)
@answers(201, StopRequestSchema, example=_EXAMPLE, problems=_ONCE)
def post_interest_stop_request(body: dict[str, Any], borrower_no: str) -> Answer:
    """Ask that interest be stopped on a loan, or that a stop end or be taken back. It waits for a second person."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, staff.lender_id, borrower_no)
        wished = WishedStop(**{**body, "act": StopAct(body["act"])})
        return _answer(work, requests.ask(work, borrower_id, wished, staff=staff, now=at), 201)

    return answer_once(act)


@door.post("/interest-stop-requests/<id:stop_request_id>/approve")
@permits("interest_stops.approve")
@answers(200, StopRequestSchema, example={**_EXAMPLE, "state": "done"}, problems=_ONCE)
def approve_interest_stop_request(stop_request_id: str) -> Answer:
    """Do what was asked for. Not for who asked (403)."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        requests.approve(work, stop_request_id, staff=staff, now=at)
        return _answer(work, stop_request_id, 200)

    return answer_once(act)


@door.post("/interest-stop-requests/<id:stop_request_id>/decline")
@permits("interest_stops.approve")
@door.takes(DeclineStopRequestSchema, example={"reason": "the moratorium was never registered"})
@answers(200, StopRequestSchema, example={**_EXAMPLE, "state": "declined"}, problems=_ONCE)
def decline_interest_stop_request(body: dict[str, Any], stop_request_id: str) -> Answer:
    """Let it be; who asked may do so too."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        requests.decline(work, stop_request_id, staff=staff, now=at, reason=body["reason"])
        return _answer(work, stop_request_id, 200)

    return answer_once(act)


def _answer(work: Work, request_id: str, status: int) -> Answer:
    row = get_shown(work.session, request_id, lender_id=desk().lender_id)
    return Answer(_DUMP.dump(row), status, dumped=True)
