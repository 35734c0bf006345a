"""Staff see which plans a borrower could have, and offer one: it waits in the app until the borrower accepts it."""

from typing import Any

from app.api.borrower.plan_options import OPTIONS_EXAMPLE, PlanOptionsSchema, options_view
from app.api.desk.plan_requests import DESK_REQUEST_EXAMPLE, DeskPlanRequestSchema, desk_teller, request_answer
from app.api.desk.staff import door
from app.api.plan_request_forms import ASKED_EXAMPLE, NewPlanRequestSchema
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.unit_of_work import Work
from app.services import plan_options, plan_requests
from app.services.plan_requests import Wanted
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, PatternField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class NewPlanOfferSchema(NewPlanRequestSchema):
    """Which option of which loan; kind and terms as the list of options shows them."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)


@door.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/plan-options")
@permits("plans.offer")
@answers(200, PlanOptionsSchema, example=OPTIONS_EXAMPLE, problems=("conflict",))
def list_plan_options_at_desk(borrower_no: str, loan_no: str) -> dict[str, Any]:
    """Show what a borrower can choose now about a loan, exactly as their app shows it."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    loan_id = get_own_loan_id(reads(), lender_id, borrower_id, loan_no)
    return options_view(plan_options.own_options(reads(), borrower_id, loan_id, now=now()), loan_id)


@door.post("/borrowers/<number:borrower_no>/plan-offers")
@permits("plans.offer")
@door.takes(NewPlanOfferSchema, example={**ASKED_EXAMPLE, "loan_no": "CN-1001"})
@answers(
    201, DeskPlanRequestSchema, example=DESK_REQUEST_EXAMPLE,
    problems=("conflict", "idempotency-mismatch", "idempotency-in-flight", "plan-not-eligible"),
)  # fmt: skip
def post_plan_offer(body: dict[str, Any], borrower_no: str) -> Answer:
    """Offer a plan to a borrower, as on the phone: it waits in their app, where they accept it with a fresh code.

    Where the option needs approvals, others give them first (`state` requested). Nobody here can accept it for them.
    """
    at, teller, lender_id = now(), desk_teller(), desk().lender_id

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, lender_id, borrower_no)
        get_own_loan_id(work.session, lender_id, borrower_id, body["loan_no"])
        wanted = Wanted(body["kind"], body["terms"], body["why"])
        return request_answer(work, plan_requests.request_for(work, body["loan_no"], wanted, teller=teller, now=at), 201)

    return answer_once(act)
