"""Stops of interest put, ended or taken back by people: one with the permission asks, another decides.

What is asked is checked when it is asked and again when it is approved, by `interest_stops`, which does it. Each act takes
the borrower's agenda row first.
"""

from datetime import datetime

from app.domain.book import check_text
from app.domain.errors import ConflictError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.interest_stop_requests import RequestState, StopAct, WishedStop, check_move, check_second
from app.domain.permissions import check_may
from app.persistence.ids import new_id
from app.persistence.models.interest_stop_requests import InterestStopRequestRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries import interest_stop_requests as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.loans import get_loan, get_own_loan_id
from app.persistence.unit_of_work import Work
from app.services import interest_stops
from app.services.desk_payments import DeskStaff
from app.services.law_packs import find_rule

LONGEST_REASON, LONGEST_DECLINE = 400, 200
_S = RequestState


def ask(work: Work, borrower_id: str, wished: WishedStop, *, staff: DeskStaff, now: datetime) -> str:
    """Have a stop wait for a second person; return the request's id.

    Raises ForbiddenError, NotFoundError (loan or stop), ValidationError, ConflictError (one of the loan waits already).
    """
    check_may(staff.role, "interest_stops.ask")
    loan_id = get_own_loan_id(work.session, staff.lender_id, borrower_id, wished.loan_no)
    lock_agenda(work.session, [borrower_id])
    loan = get_loan(work.session, loan_id)
    check_text("reason", wished.reason, LONGEST_REASON)
    wished = wished._replace(reason=without_card_numbers(wished.reason))
    _check(work, loan, wished, now)
    if queries.exists_waiting(work.session, loan_id):
        raise ConflictError("A stop of interest on this loan waits for approval already; have it decided first.")
    row = InterestStopRequestRow(
        id=new_id(), lender_id=staff.lender_id, borrower_id=borrower_id, loan_id=loan_id, act=wished.act.value,
        stop_id=wished.stop_id, from_on=wished.from_on, until_on=wished.until_on, scope=wished.scope, rule=wished.rule,
        reason=wished.reason, state=_S.WAITING.value, asked_by=staff.by, asked_at=now, version=1,
    )  # fmt: skip
    queries.add_request(work.session, row)
    _audit(work, row, "asked", staff.by, now)
    return row.id


def approve(work: Work, request_id: str, *, staff: DeskStaff, now: datetime) -> None:
    """Do what was asked for, as somebody else than who asked. Twice changes nothing.

    Raises NotFoundError, ForbiddenError, ConflictError, ValidationError (it cannot be done any more).
    """
    check_may(staff.role, "interest_stops.approve")
    row = _locked(work, request_id, staff)
    if row.state == _S.DONE:
        return
    check_move(row.state, _S.DONE)
    check_second(row.asked_by, staff.by)
    _do(work, row, get_loan(work.session, row.loan_id), now)
    _decide(work, queries.get_request(work.session, request_id), _S.DONE, staff.by, now)


def decline(work: Work, request_id: str, *, staff: DeskStaff, now: datetime, reason: str) -> None:
    """Let it be; who asked may do so too. Twice changes nothing. Raises as `approve` does."""
    check_text("reason", reason, LONGEST_DECLINE)
    check_may(staff.role, "interest_stops.approve")
    row = _locked(work, request_id, staff)
    if row.state == _S.DECLINED:
        return
    check_move(row.state, _S.DECLINED)
    row.declined_reason = without_card_numbers(reason)
    _decide(work, row, _S.DECLINED, staff.by, now)


def _check(work: Work, loan: LoanRow, wished: WishedStop, now: datetime) -> None:
    wished.check()
    if wished.act is StopAct.PUT:
        assert wished.from_on is not None
        assert wished.scope is not None
        assert wished.rule is not None
        if find_rule(wished.rule) is None:
            raise refused_at("/rule", "No law pack has a rule of that id.")
        interest_stops.check_stop(
            from_on=wished.from_on, until_on=wished.until_on, scope=wished.scope, rule=wished.rule, reason=wished.reason
        )
        return
    assert wished.stop_id is not None
    interest_stops.check_standing(work, loan, wished.stop_id, until_on=wished.until_on, now=now)


def _do(work: Work, row: InterestStopRequestRow, loan: LoanRow, now: datetime) -> None:
    by = row.asked_by
    if row.act == StopAct.PUT:
        assert row.from_on is not None
        assert row.scope is not None
        assert row.rule is not None
        stop_id = interest_stops.put_stop(
            work, loan, from_on=row.from_on, until_on=row.until_on, scope=row.scope, rule=row.rule, reason=row.reason,
            by=by, now=now,
        )  # fmt: skip
        queries.get_request(work.session, row.id).stop_id = stop_id
        return
    assert row.stop_id is not None
    if row.act == StopAct.END:
        assert row.until_on is not None
        interest_stops.end_stop(work, loan, row.stop_id, until_on=row.until_on, by=by, now=now)
    else:
        interest_stops.withdraw_stop(work, loan, row.stop_id, by=by, now=now)


def _locked(work: Work, request_id: str, staff: DeskStaff) -> InterestStopRequestRow:
    lock_agenda(work.session, [queries.get_owner(work.session, request_id, staff.lender_id)])
    return queries.get_request(work.session, request_id)


def _decide(work: Work, row: InterestStopRequestRow, state: RequestState, by: str, now: datetime) -> None:
    row.state, row.decided_by, row.decided_at = state.value, by, now
    row.version += 1
    work.session.flush()
    _audit(work, row, "approved" if state is _S.DONE else "declined", by, now)


def _audit(work: Work, row: InterestStopRequestRow, verb: str, by: str, now: datetime) -> None:
    facts = {"request_id": row.id, "loan_id": row.loan_id, "act": row.act, "stop_id": row.stop_id, "rule": row.rule}
    action = f"interest_stop_request.{verb}"
    add_audit(work.session, at=now, actor=by, action=action, borrower_id=row.borrower_id, facts=facts)
