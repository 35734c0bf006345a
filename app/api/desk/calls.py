"""Staff tell of a call they made or took; caps of law count it, and the task it was for is closed."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.calls import OUTCOMES
from app.domain.errors import refused_at
from app.persistence.queries.borrowers import find_borrowers_of_lender
from app.persistence.unit_of_work import Work
from app.services import calls
from app.services.calls import DIRECTIONS, LONGEST_CALL_SECONDS, LONGEST_NOTE, ToldCall
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, InstantField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.request_context import now


class NewCallSchema(Schema):
    """A call."""

    borrower_no = PatternField(NUMBER_PATTERN, required=True)
    loan_no = PatternField(
        NUMBER_PATTERN, load_default=None, allow_none=True, metadata={"description": "null: about all loans."}
    )
    task_id = IdField(load_default=None, allow_none=True, metadata={"description": "The task it was for; it is closed."})
    direction = fields.String(
        load_default="outbound",
        validate=validate.OneOf(DIRECTIONS),
        metadata={"description": "inbound: the borrower rang."},
    )
    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    at = InstantField(required=True, metadata={"description": "When it began."})
    seconds = fields.Integer(
        load_default=0,
        strict=True,
        validate=validate.Range(0, LONGEST_CALL_SECONDS),
        metadata={"description": "Of talk; 0 where nobody talked."},
    )
    note = TextField(LONGEST_NOTE, load_default=None, allow_none=True, metadata={"description": "For colleagues; sealed."})


class CallSchema(Schema):
    """A call as it is recorded."""

    id = IdField(required=True)


_TOLD = {
    "borrower_no": "B-1001",
    "loan_no": "CN-1001",
    "task_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "outcome": "answered",
    "at": "2026-11-25T03:00:00Z",
    "seconds": 140,
    "note": "Will pay on Friday.",
}
_DUMP = CallSchema()


@door.post("/calls")
@permits("calls.record")
@door.takes(NewCallSchema, example=_TOLD)
@answers(
    201,
    CallSchema,
    example={"id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11"},
    also=(200,),
    problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"),
)
def post_call(body: dict[str, Any]) -> Answer:
    """Tell of a call that was made or taken. The same again changes nothing (200). An Idempotency-Key is honoured."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        borrower_id = _borrower_id(work, who.lender_id, body["borrower_no"])
        told = ToldCall(**{name: value for name, value in body.items() if name != "borrower_no"})
        result = calls.log_call(work, borrower_id, told, by=who.name, lender_id=who.lender_id, now=at)
        return Answer(_DUMP.dump({"id": result.id}), 201 if result.created else 200, dumped=True)

    return answer_once(act)


def _borrower_id(work: Work, lender_id: str, borrower_no: str) -> str:
    found = find_borrowers_of_lender(work.session, lender_id, [borrower_no]).get(borrower_no)
    if found is None:
        raise refused_at("/borrower_no", f"There is no borrower {borrower_no} with a loan of this lender.")
    return found
