"""Staff tell of a call they made or took; caps of law count it, what was said is done, the task it was for is closed."""

from typing import Any

from app.api.desk.call_forms import FOLLOWED, TOLD, FollowedSchema, ToldCallSchema, told_outcome
from app.api.desk.staff import door
from app.domain.errors import refused_at
from app.persistence.queries.borrowers import find_borrowers_of_lender
from app.persistence.unit_of_work import Work
from app.services.call_outcomes import CallTeller, tell_outcome
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, PatternField
from app.web.idempotency import answer_once
from app.web.request_context import now


class NewCallSchema(ToldCallSchema):
    """A call."""

    borrower_no = PatternField(NUMBER_PATTERN, required=True)
    task_id = IdField(load_default=None, allow_none=True, metadata={"description": "The task it was for; it is closed."})


_TOLD = {
    **TOLD,
    "borrower_no": "B-1001",
    "loan_no": "CN-1001",
    "task_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "at": "2026-11-25T03:00:00Z",
}
_DUMP = FollowedSchema()


@door.post("/calls")
@permits("calls.record")
@door.takes(NewCallSchema, example=_TOLD)
@answers(
    201,
    FollowedSchema,
    example=FOLLOWED,
    also=(200,),
    problems=("conflict", "currency-mismatch", "idempotency-mismatch", "idempotency-in-flight"),
)
def post_call(body: dict[str, Any]) -> Answer:
    """Tell of a call that was made or taken, and have done what follows from it.

    The same again changes nothing (200). Without `at` it is the call that was dialled here and waits for its outcome.
    """
    at, who = now(), desk()
    teller = CallTeller(who.name, who.role, who.lender_id)

    def act(work: Work) -> Answer:
        borrower_id = _borrower_id(work, who.lender_id, body["borrower_no"])
        told = told_outcome(body)
        followed = tell_outcome(work, borrower_id, told, teller=teller, now=at, task_id=body["task_id"])
        return Answer(_DUMP.dump(followed), 201 if followed.created else 200, dumped=True)

    return answer_once(act)


def _borrower_id(work: Work, lender_id: str, borrower_no: str) -> str:
    found = find_borrowers_of_lender(work.session, lender_id, [borrower_no]).get(borrower_no)
    if found is None:
        raise refused_at("/borrower_no", f"There is no borrower {borrower_no} with a loan of this lender.")
    return found
