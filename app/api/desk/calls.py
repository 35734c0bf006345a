"""Staff tell of a call they made or took; caps of law count it, what was said is done, the task it was for is closed."""

from typing import Any

from app.api.desk.call_forms import FOLLOWED, TOLD, FollowedSchema, ToldCallSchema, told_outcome
from app.api.desk.call_task_forms import DIALLED_EXAMPLE, DialledSchema, DialSchema
from app.api.desk.staff import door
from app.domain.errors import refused_at
from app.persistence.queries.borrowers import find_borrowers_of_lender, get_borrower_of_lender
from app.persistence.unit_of_work import Work
from app.services import dials
from app.services.call_outcomes import CallTeller, tell_outcome
from app.services.dials import Caller
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, PatternField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.request_context import now


class NewDialSchema(DialSchema):
    """A call of no task that is about to be made."""

    loan_no = PatternField(
        NUMBER_PATTERN, load_default=None, allow_none=True, metadata={"description": "null: about all loans with you."}
    )


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
_DUMP, _DUMP_DIALLED = FollowedSchema(), DialledSchema()
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_GATE = ("law-refused", "quiet-hours", "contact-cap-reached", "consent-missing", "contact-refused")


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


@door.post("/borrowers/<number:borrower_no>/dials")
@permits("calls.dial")
@door.takes(NewDialSchema, example={"loan_no": "CN-1001", "override_reason": None})
@answers(201, DialledSchema, example=DIALLED_EXAMPLE, problems=(*_GATE, *_ONCE))
def dial_borrower(body: dict[str, Any], borrower_no: str) -> Answer:
    """Dial a borrower for no task: the law, the person and the policy are asked at this moment; from it on the call counts.

    The number is in this answer alone. How the call went is then told at /calls, without `at`.
    """
    at, who, locale = now(), desk(), request_locale()
    caller = Caller(who.name, who.role, who.staff_id)

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, who.lender_id, borrower_no)
        dialled = dials.dial_borrower(
            work, borrower_id, **body, lender_id=who.lender_id, caller=caller, now=at, locale=locale
        )
        return Answer(_DUMP_DIALLED.dump(dialled), 201, dumped=True)

    return answer_once(act)


def _borrower_id(work: Work, lender_id: str, borrower_no: str) -> str:
    found = find_borrowers_of_lender(work.session, lender_id, [borrower_no]).get(borrower_no)
    if found is None:
        raise refused_at("/borrower_no", f"There is no borrower {borrower_no} with a loan of this lender.")
    return found
