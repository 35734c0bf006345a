"""Accepting an offer, which makes the new plan in the same transaction; looking at what was agreed; ending it."""

import hmac
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from app.domain.arrangements import ArrangementRule, ArrangementState, FallBack, WatchedRow, standing_on, watched_rows
from app.domain.book import PlanValues, check_text
from app.domain.errors import ConflictError, DomainError, refused_at
from app.domain.hold_terms import HoldValues
from app.domain.plan_requests import RequestState, check_move
from app.domain.plans import PlanVersion
from app.domain.times import MICROSECOND, business_date, end_of_day
from app.persistence.ids import new_id
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.loans import AGREED, OF_CONTRACT, RETURNED, LoanRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.queries import arrangements as queries
from app.persistence.queries import plan_requests
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.loans import get_loan
from app.persistence.queries.positions import find_plan_versions, find_snapshot
from app.persistence.unit_of_work import Work
from app.services import agenda, forbearance, plan_offers, reminders
from app.services.arrangement_endings import FOLLOW_UP, SYSTEM, end, note, tell
from app.services.arrangement_rules import rule_of
from app.services.follow_ups import follow_up_at
from app.services.holds import Teller, put_hold
from app.services.loans import put_plan
from app.services.plan_requests import expire
from app.services.positions import snapshot_on
from app.services.tasks import NewTask, add_task

LONGEST_REASON = 200
REPLACED = "new_arrangement"


class OfferOverError(ConflictError):
    """The offer cannot be accepted any more; `lapse` ends it."""


def accept(work: Work, borrower_id: str, request_id: str, sha256: str, *, session_id: str, now: datetime) -> ArrangementRow:
    """Accept exactly what was shown: the new plan holds from today, and reminders follow it, when this commits.

    The same again returns the same arrangement. Raises NotFoundError, ConflictError, OfferOverError.
    """
    lock_agenda(work.session, [borrower_id])
    request = plan_requests.get_request(work.session, request_id, borrower_id=borrower_id)
    is_shown = hmac.compare_digest(request.document_sha256.encode(), sha256.encode())
    if request.state == RequestState.ACCEPTED and is_shown:
        made = queries.find_made_by(work.session, request_id)
        assert made is not None
        return made
    check_move(RequestState(request.state), RequestState.ACCEPTED)
    if not is_shown:
        raise ConflictError("That is not what is offered now; read the request again, and accept what it shows.")
    loan = get_loan(work.session, request.loan_id)
    work.session.refresh(loan)
    _check_stands(work, request, loan, now)
    return _agree(work, request, loan, session_id=session_id, now=now)


def lapse(work: Work, borrower_id: str, request_id: str, *, now: datetime) -> None:
    """End an offer that `accept` found to be over; for a unit of work after the one that was refused."""
    lock_agenda(work.session, [borrower_id])
    request = plan_requests.get_request(work.session, request_id, borrower_id=borrower_id)
    if request.state != RequestState.OFFERED:
        return
    try:
        _check_stands(work, request, get_loan(work.session, request.loan_id), now)
    except OfferOverError as over:
        expire(work, request, reason=str(over.facts["reason"]), now=now)


def cancel(work: Work, arrangement_id: str, *, reason: str, teller: Teller, now: datetime) -> ArrangementRow:
    """End an arrangement by a person's decision. The plan stays as it is; the core sends another where one is wanted.

    Cancelling twice changes nothing. Raises NotFoundError, ValidationError, ConflictError.
    """
    check_text("reason", reason, LONGEST_REASON)
    if not reason.strip():
        raise refused_at("/reason", "reason is empty; say why it is cancelled.")
    assert teller.lender_id is not None
    row = queries.get_arrangement(work.session, arrangement_id, lender_id=teller.lender_id)
    lock_agenda(work.session, [row.borrower_id])
    row = queries.get_arrangement(work.session, arrangement_id, lender_id=teller.lender_id)
    if row.state != ArrangementState.CANCELLED:
        end(work, row, ArrangementState.CANCELLED, reason="by_lender", now=now, by=teller.by, said=reason)
        _review(work, row.borrower_id, now)
    return row


def look_at_arrangement(work: Work, arrangement_id: str, *, now: datetime) -> None:
    """Follow-up at the end of a watched row's day with its grace: kept, broken, or the next row is waited for."""
    row = queries.find_arrangement(work.session, arrangement_id)
    if row is None or row.state != ArrangementState.ACTIVE:
        return
    loan = get_loan(work.session, row.loan_id)
    work.session.refresh(loan)
    if loan.status not in ("active", "closed"):
        end(work, row, ArrangementState.CANCELLED, reason=f"loan_{loan.status}", now=now)
        return
    rule, watched = rule_as_agreed(row), watched_of(row)
    yesterday = business_date(now, loan.zone) - timedelta(days=1)
    standing = standing_on(watched, yesterday, rule, lambda on: _open_on(work, loan, on))
    if standing.state is ArrangementState.KEPT:
        end(work, row, ArrangementState.KEPT, reason="all_paid", now=now)
    elif standing.state is ArrangementState.BROKEN:
        assert standing.row is not None
        _fall_back(work, row, loan, rule, standing.row, now)
    else:
        assert standing.look_after is not None
        follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=after(standing.look_after, loan.zone))


def after(on: date, zone: str) -> datetime:
    """Return the first instant after that day."""
    return end_of_day(on, zone) + MICROSECOND


def rule_as_agreed(row: ArrangementRow) -> ArrangementRule:
    """Return the rule that an arrangement is watched by."""
    return ArrangementRule(**{**row.rule, "fall_back": FallBack(row.rule["fall_back"])})


def watched_of(row: ArrangementRow) -> tuple[WatchedRow, ...]:
    """Return the rows that have to be kept."""
    return tuple(WatchedRow(number, date.fromisoformat(due_on)) for number, due_on in row.watched)


def _check_stands(work: Work, request: PlanRequestRow, loan: LoanRow, now: datetime) -> None:
    """Let pass what may be accepted: in time, and of a loan that would still come out so. Raises OfferOverError."""
    if now >= request.stands_until:
        raise OfferOverError("The offer's time is over; look at the options again and ask anew.", {"reason": "not_accepted"})
    if plan_offers.standing_of(work, loan) == (request.anchor_no, request.snapshot_version):
        return
    changed = OfferOverError(
        "The loan has changed since this was offered; look at the options again: they show it as it is now.",
        {"reason": "loan_changed"},
    )
    try:
        computed = plan_offers.compute(work, loan, request.kind, request.terms, now=now)
    except DomainError:
        raise changed from None
    if computed.option.rows != plan_offers.rows_of(request.rows):
        raise changed


def _agree(work: Work, request: PlanRequestRow, loan: LoanRow, *, session_id: str, now: datetime) -> ArrangementRow:
    for active in queries.find_active(work.session, [loan.id]):
        end(work, active, ArrangementState.CANCELLED, reason=REPLACED, now=now)
    before = _version(work, loan.id, loan.anchor_no)
    today, rule = business_date(now, loan.zone), rule_of(request.kind)
    rows = plan_offers.rows_of(request.rows)
    put_plan(work, loan.lender_id, PlanValues(loan.loan_no, rows, effective_on=today), now=now, origin=AGREED)
    work.session.refresh(loan)
    snapshot = find_snapshot(work.session, loan.borrower_id, loan.id)
    still = set() if snapshot is None else {row.row_no for row in snapshot[0].open_rows}
    paid = {row.row_no for row in rows} - still
    watched = watched_rows(rows, before.rows if before else (), paid, today, rule)
    row = ArrangementRow(
        id=new_id(),
        request_id=request.id,
        borrower_id=loan.borrower_id,
        loan_id=loan.id,
        lender_id=loan.lender_id,
        kind=request.kind,
        state=ArrangementState.ACTIVE.value,
        anchor_no=loan.anchor_no,
        previous_anchor_no=0 if before is None else before.anchor_no,
        document_sha256=request.document_sha256,
        agreed_on=today,
        agreed_at=now,
        agreed_by_session=session_id,
        watched=[[each.row_no, each.due_on.isoformat()] for each in watched],
        rule=asdict(rule),
        version=1,
    )
    queries.add_arrangement(work.session, row)
    by = f"borrower:{loan.borrower_id}"
    plan_offers.close(work, request, loan, RequestState.ACCEPTED, reason="accepted", now=now, by=by)
    if rule.holds_reminders:
        hold = HoldValues("plan_agreed", loan_no=loan.loan_no, form="electronic")
        row.hold_id = put_hold(work, loan.borrower_id, hold, teller=Teller(SYSTEM, loan.lender_id), now=now).id
    first = watched[0].due_on if watched else today
    look = after(first + timedelta(days=rule.grace_days), loan.zone)
    follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=max(look, now))
    note(work, row, loan, "accepted", now=now, by=by, anchor_no=row.anchor_no, rows=request.rows)
    tell(work, row, loan, "agreed", now=now, also_push=False, due_on=first)
    _review(work, loan.borrower_id, now)
    return row


def _fall_back(
    work: Work, row: ArrangementRow, loan: LoanRow, rule: ArrangementRule, missed: WatchedRow, now: datetime
) -> None:
    facts: dict[str, Any] = {"row_no": missed.row_no, "due_on": missed.due_on.isoformat(), "fall_back": rule.fall_back.value}
    end(work, row, ArrangementState.BROKEN, reason="row_unpaid", now=now, **facts)
    forbearance.note_broken(work, row.request_id, loan, now=now)
    before = _version(work, loan.id, row.previous_anchor_no)
    if rule.fall_back is FallBack.RETURNS and before is not None and loan.anchor_no == row.anchor_no:
        values = PlanValues(loan.loan_no, before.rows, effective_on=business_date(now, loan.zone))
        # One that was made of the contract goes on following it.
        put_plan(work, loan.lender_id, values, now=now, origin=RETURNED if before.given else OF_CONTRACT)
    elif rule.fall_back is FallBack.REVIEW:
        task = NewTask(f"arrangement/{row.id}/broken", row.borrower_id, "arrangement_broken", "plans", loan_id=loan.id,
                       facts={"arrangement_id": row.id, **facts})  # fmt: skip
        add_task(work, task, now=now)
    _review(work, row.borrower_id, now)


def _version(work: Work, loan_id: str, anchor_no: int) -> PlanVersion | None:
    versions = find_plan_versions(work.session, [loan_id])[loan_id]
    return next((each for each in versions if each.anchor_no == anchor_no), None)


def _open_on(work: Work, loan: LoanRow, on: date) -> Mapping[int, int]:
    snapshot = snapshot_on(work.session, loan, on)
    return {row.row_no: row.open.principal + row.open.interest for row in snapshot.open_rows}


def _review(work: Work, borrower_id: str, now: datetime) -> None:
    agenda.touch(work, [borrower_id], now=now)
    reminders.review(work, [borrower_id], now=now)
