"""Staff decide about a request for another plan: one of them, or two where the option asks for four eyes."""

from datetime import datetime

from app.domain.errors import ConflictError
from app.domain.free_text import without_card_numbers
from app.domain.plan_requests import RequestState, check_may_decide, check_move, is_approved
from app.persistence.ids import new_id
from app.persistence.models.plan_requests import PlanApprovalRow, PlanRequestRow
from app.persistence.queries import plan_requests as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work
from app.services import forbearance, plan_offers
from app.services.holds import Teller

LONGEST_REASON = 400


def approve(work: Work, request_id: str, *, teller: Teller, now: datetime, reason: str | None = None) -> None:
    """Approve a request; with enough approvals it is offered, on the figures as they come out then.

    What is approved is the kind and its terms. Where the figures then ask for more approvals than there are, it waits on.
    Raises NotFoundError, ForbiddenError, ConflictError, PlanNotEligibleError (decline it, or let it expire).
    """
    row = _decide(work, request_id, "approve", reason, teller=teller, now=now)
    loan = get_loan(work.session, row.loan_id)
    work.session.refresh(loan)
    computed = plan_offers.compute(work, loan, row.kind, row.terms, now=now)
    plan_offers.keep(work, row, computed)
    given = queries.approvals_of(work.session, row.id)
    plan_offers.note(work, row, loan, "approved", now=now, by=teller.by, given=len(given))
    if is_approved(max(computed.option.approvals, 1), given):
        plan_offers.offer(work, row, loan, computed, now=now, by=teller.by)


def decline(work: Work, request_id: str, *, teller: Teller, now: datetime, reason: str) -> None:
    """Decline a request, or take an offer back that nobody has accepted yet; `reason` stays with the decision.

    Declining twice changes nothing. Raises NotFoundError, ForbiddenError, ConflictError.
    """
    assert teller.lender_id is not None
    lock_agenda(work.session, [queries.get_owner(work.session, request_id, teller.lender_id)])
    if queries.get_request(work.session, request_id, lender_id=teller.lender_id).state == RequestState.DECLINED:
        return
    row = _decide(work, request_id, "decline", reason, teller=teller, now=now)
    loan = get_loan(work.session, row.loan_id)
    plan_offers.close(work, row, loan, RequestState.DECLINED, reason="by_lender", now=now, by=teller.by)
    forbearance.note_refused(work, row, loan, now=now)
    plan_offers.tell(work, row, loan, "declined", now=now)


def _decide(
    work: Work, request_id: str, decision: str, reason: str | None, *, teller: Teller, now: datetime
) -> PlanRequestRow:
    assert teller.lender_id is not None
    assert teller.role is not None
    lock_agenda(work.session, [queries.get_owner(work.session, request_id, teller.lender_id)])
    row = queries.get_request(work.session, request_id, lender_id=teller.lender_id)
    to = RequestState.OFFERED if decision == "approve" else RequestState.DECLINED
    check_move(RequestState(row.state), to)
    if now >= row.stands_until:
        raise ConflictError("The request's time is over; the borrower may ask anew.")
    given = queries.approvals_of(work.session, row.id)
    if decision == "decline" and row.state == RequestState.OFFERED:
        given = []  # who approved it may well take the offer back
    check_may_decide(teller.by, teller.role, asked_by=row.asked_by, given=given)
    if not any(each.staff == teller.by for each in queries.approvals_of(work.session, row.id)):
        queries.add_approval(
            work.session,
            PlanApprovalRow(
                id=new_id(),
                request_id=row.id,
                borrower_id=row.borrower_id,
                staff=teller.by,
                role=teller.role,
                decision=decision,
                reason=None if reason is None else without_card_numbers(reason),
                document_sha256=row.document_sha256,
                at=now,
            ),
        )
    return row
