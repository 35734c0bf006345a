"""Asking for another plan, for oneself or on a borrower's behalf; taking it back; what happens when its time is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.hold_terms import HoldValues
from app.domain.plan_requests import PLAN_KINDS, RequestState
from app.persistence.ids import new_id
from app.persistence.models.loans import LoanRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.queries import plan_requests as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.loans import find_loan_owners, get_loan
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services import forbearance, plan_offers
from app.services.arrangement_rules import arrangement_rules
from app.services.follow_ups import follow_up_at
from app.services.holds import Teller, put_hold
from app.services.tasks import NewTask, add_task

LONGEST_WHY = 500
QUEUE, TASK = "plans", "plan_request"
_WHY_PLACE = "plan_requests.why:"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `why`: in the borrower's words."""

    kind: str
    terms: Mapping[str, Any]
    why: str | None = None
    locale: str | None = None
    """Of the words in what is shown; None: the borrower's own."""


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request as its borrower and staff see it."""

    row: Any
    """Columns of plan_requests with loan_no, borrower_no and arrangement_id."""
    document: Any
    """What was shown, as JSON."""
    why: str | None
    approvals: Sequence[Any] = ()


def request_own(work: Work, borrower_id: str, loan_id: str, wanted: Wanted, *, now: datetime) -> str:
    """Ask for another plan of a loan of one's own; return the request's id.

    Raises NotFoundError, ValidationError, ConflictError (another one waits), PlanNotEligibleError.
    """
    lock_agenda(work.session, [borrower_id])
    loan = get_loan(work.session, loan_id)
    if loan.borrower_id != borrower_id:
        raise NotFoundError("No such loan.")
    return _request(work, loan, wanted, Teller(f"borrower:{borrower_id}", loan.lender_id), now=now)


def request_for(work: Work, loan_no: str, wanted: Wanted, *, teller: Teller, now: datetime) -> str:
    """Ask on a borrower's behalf, of a loan of the teller's lender; it is for the borrower to accept."""
    assert teller.lender_id is not None
    owner = find_loan_owners(work.session, teller.lender_id, [loan_no]).get(loan_no)
    if owner is None:
        raise NotFoundError(f"There is no loan {loan_no}.")
    lock_agenda(work.session, [owner[1]])
    return _request(work, get_loan(work.session, owner[0]), wanted, teller, now=now)


def withdraw_own(work: Work, borrower_id: str, request_id: str, *, now: datetime) -> None:
    """Take a request back, or turn an offer down. Twice changes nothing. Raises NotFoundError, ConflictError."""
    lock_agenda(work.session, [borrower_id])
    row = queries.get_request(work.session, request_id, borrower_id=borrower_id)
    if row.state == RequestState.WITHDRAWN:
        return
    loan = get_loan(work.session, row.loan_id)
    was_offered = row.state == RequestState.OFFERED
    by = f"borrower:{borrower_id}"
    plan_offers.close(work, row, loan, RequestState.WITHDRAWN, reason="by_borrower", now=now, by=by)
    if was_offered:
        forbearance.note_turned_down(work, row, loan, now=now)


def expire(work: Work, row: PlanRequestRow, *, reason: str, now: datetime) -> None:
    """End a request whose time is over, or whose loan is another one by now; the borrower is told."""
    loan = get_loan(work.session, row.loan_id)
    plan_offers.close(work, row, loan, RequestState.EXPIRED, reason=reason, now=now, by=plan_offers.SYSTEM)
    plan_offers.tell(work, row, loan, "expired", now=now)


def look_at_request(work: Work, request_id: str, *, now: datetime) -> None:
    """Follow-up: a request that nobody answered, or an offer that nobody took, expires."""
    row = queries.get_request(work.session, request_id)
    if row.state not in (RequestState.REQUESTED, RequestState.OFFERED):
        return
    if now < row.stands_until:
        follow_up_at(work, plan_offers.FOLLOW_UP, row.id, row.borrower_id, at=row.stands_until)
        return
    expire(work, row, reason="not_answered" if row.state == RequestState.REQUESTED else "not_accepted", now=now)


def show(
    reads: Connection | Session, ring: Vault, request_id: str, *, borrower_id: str | None = None,
    lender_id: str | None = None,
) -> ShownRequest:  # fmt: skip
    """Return one request. Raises NotFoundError."""
    row = queries.get_shown(reads, request_id, borrower_id=borrower_id, lender_id=lender_id)
    approvals = queries.find_approvals(reads, request_id) if lender_id is not None else ()
    return shown(ring, row, approvals)


def shown(ring: Vault, row: Any, approvals: Sequence[Any] = ()) -> ShownRequest:
    """Return a request with what is sealed of it opened."""
    document = plan_offers.document_as_kept(ring, row.id, row.document_sealed)
    why = ring.open(row.why_sealed, place=_WHY_PLACE + row.id)
    return ShownRequest(row, orjson.loads(document), why, approvals)


def _request(work: Work, loan: LoanRow, wanted: Wanted, teller: Teller, *, now: datetime) -> str:
    work.session.refresh(loan)  # it may have been read before the lock was there
    if wanted.kind not in PLAN_KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(PLAN_KINDS)}; the others are paid, and need no request.")
    waiting = queries.find_waiting(work.session, [loan.id])
    if waiting:
        raise ConflictError(
            "A request about this loan waits already; accept or withdraw it first.", {"request_id": waiting[0].id}
        )
    computed = plan_offers.compute(work, loan, wanted.kind, wanted.terms, now=now, locale=wanted.locale)
    rules = arrangement_rules().requests
    request_id = new_id()
    why = None if wanted.why is None else without_card_numbers(wanted.why)
    row = PlanRequestRow(
        id=request_id,
        borrower_id=loan.borrower_id,
        loan_id=loan.id,
        lender_id=loan.lender_id,
        kind=wanted.kind,
        terms=dict(computed.option.terms),
        why_sealed=work.vault.seal(why, place=_WHY_PLACE + request_id),
        asked_by=teller.by,
        state=RequestState.REQUESTED.value,
        requested_at=now,
        stands_until=now + rules.answer_within,
        version=1,
    )
    plan_offers.keep(work, row, computed)
    held = queries.exists_held_since(work.session, loan.id, now - rules.hold_again_after)
    queries.add_request(work.session, row)
    plan_offers.note(work, row, loan, "requested", now=now, by=teller.by)
    if not held:
        hold = HoldValues("plan_pending", until_at=now + rules.hold_stands, loan_no=loan.loan_no, form="electronic")
        row.hold_id = put_hold(work, row.borrower_id, hold, teller=teller, now=now).id
    if computed.option.approvals == 0:
        plan_offers.offer(work, row, loan, computed, now=now, by=teller.by)
    else:
        _await_staff(work, row, loan, now=now)
    work.session.flush()
    return request_id


def _await_staff(work: Work, row: PlanRequestRow, loan: LoanRow, *, now: datetime) -> None:
    facts = {"request_id": row.id, "kind": row.kind, "approvals_needed": row.approvals_needed}
    key = plan_offers.task_key(row.id)
    task = NewTask(key, row.borrower_id, TASK, QUEUE, loan_id=loan.id, due_at=row.stands_until, facts=facts)
    add_task(work, task, now=now)
    follow_up_at(work, plan_offers.FOLLOW_UP, row.id, row.borrower_id, at=row.stands_until)
    forbearance.note_request(work, row, loan, now=now)
    plan_offers.tell(work, row, loan, "received", now=now, also_push=False)
