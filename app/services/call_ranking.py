"""Working out the places of call tasks in worklists: when a task is new, when its hours open or close, and now and then.

A worklist is read far more often than a case changes, so places are kept, with the version of the case they were worked out
from. Nothing here looks at the book: only at open call tasks, so many at a time, in a fixed number of statements besides the
question to the gate for each borrower.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.call_worklists import ASKED_FOR, BY_GAIN, LAW_DAY, CallFacts, Rank, score_of
from app.domain.contact_gates import PERSON, Block, ContactAnswer, ContactAsked
from app.domain.errors import NotFoundError
from app.domain.promises import FAILED, PromiseState
from app.domain.reasons import Reason
from app.domain.times import business_date
from app.persistence.models.loans import LoanRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries import call_tasks as queries
from app.persistence.queries.positions import RowAsStored, find_rows
from app.persistence.queries.promises import find_of_loans
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.call_terms import worklist_terms
from app.services.calls import CALL_BACK
from app.services.contact_gates import ask_contact
from app.services.positions import positions_of

BATCH = 50
"""Tasks ranked together: with the gate's statements some seconds at most."""
_LEASE = timedelta(minutes=5)
LONGEST_RANK = timedelta(hours=4)
"""A place is worked out anew at least so often: days pass, and the hour of the day matters."""
_CALLS_BACK = timedelta(days=90)
_YEAR = timedelta(days=365)
_ANSWERED = "answered"


class Ranked(NamedTuple):
    """A place in one lender's worklist, and the case it was worked out from."""

    lender_id: str
    rank: Rank
    case_version: int


def rank_due(*, now: datetime) -> int:
    """Work out the places that are due; return how many tasks were looked at.

    Asking the gate takes time, so nothing is locked meanwhile: a batch is put off for some minutes first, so that no other
    engine does the same, ranked, and written. What changes meanwhile is due anew, or shows by the version of its case.
    """
    total = 0
    while True:
        with unit_of_work() as work:
            ids = [task.id for task in queries.claim_to_rank(work.session, now=now, limit=BATCH)]
            queries.set_rank_at(work.session, {task_id: now + _LEASE for task_id in ids})
            gone = queries.remove_closed_ranks(work.session)
        with reading() as session:
            tasks = queries.find_tasks(session, ids)
            ranked = rank(session, tasks, now=now)
            rows = [_row(task, each, now) for task in tasks for each in ranked.get(task.id, ())]
        with unit_of_work() as work:
            queries.put_ranks(work.session, rows)
            looks = {task_id: _next_look(ranked.get(task_id, ()), now) for task_id in ids}
            queries.set_rank_at(work.session, looks, was=now + _LEASE)
        total += len(ids)
        if len(ids) < BATCH and not gone:
            return total


def rank(
    session: Session, tasks: Sequence[TaskRow], *, now: datetime, lender_id: str | None = None
) -> dict[str, list[Ranked]]:
    """Return task id -> its place in the worklist of each lender it belongs to, or of one. It writes nothing."""
    if not tasks:
        return {}
    loans = queries.find_lenders_of(session, {task.borrower_id for task in tasks})
    pairs = [
        (task, lender, of_lender)
        for task in tasks
        for lender, of_lender in _lenders(task, loans)
        if lender_id in (None, lender)
    ]
    known = _Known(session, [loan for _, _, some in pairs for loan in some], {task.borrower_id for task in tasks}, now)
    found: dict[str, list[Ranked]] = {}
    for task, lender, of_lender in pairs:
        place = known.rank(task, lender, of_lender)
        found.setdefault(task.id, []).append(Ranked(lender, place, known.versions.get(task.borrower_id, 0)))
    return found


def _lenders(task: TaskRow, loans: Mapping[str, Mapping[str, list[LoanRow]]]) -> list[tuple[str, list[LoanRow]]]:
    """A task about a loan belongs to its lender; one about none, to each that the borrower has a loan with."""
    found = []
    for lender_id, of_lender in loans.get(task.borrower_id, {}).items():
        about = [loan for loan in of_lender if task.loan_id in (None, loan.id)]
        if about:
            found.append((lender_id, about))
    return found


class _Known:
    """What a batch of tasks is ranked by, read in a fixed number of statements; the gate is asked once a borrower."""

    def __init__(self, session: Session, loans: Sequence[LoanRow], borrower_ids: set[str], now: datetime) -> None:
        by_id = {loan.id: loan for loan in loans}
        self.session, self.now = session, now
        self.positions: dict[str, Any] = {}
        by_day: dict[Any, list[LoanRow]] = defaultdict(list)
        for loan in by_id.values():
            by_day[business_date(now, loan.zone)].append(loan)
        for on, some in by_day.items():
            self.positions |= positions_of(session, some, on)
        self.rows: dict[str, list[RowAsStored]] = defaultdict(list)
        by_lender: dict[str, dict[str, str]] = defaultdict(dict)
        for loan in by_id.values():
            by_lender[loan.lender_id][loan.loan_no] = loan.id
        for numbers in by_lender.values():  # a number is unique at one lender only
            for row in find_rows(session, list(numbers.values())):
                self.rows[numbers[row.loan_no]].append(row)
        self.promises = find_of_loans(session, by_id)
        self.calls = queries.find_calls(session, borrower_ids, since=now - _CALLS_BACK)
        self.versions = queries.find_case_versions(session, borrower_ids)
        self.answers: dict[tuple[str, str, str | None], ContactAnswer] = {}

    def answer(self, task: TaskRow, lender_id: str) -> ContactAnswer:
        """Return what the gate says of a call for this task now."""
        key = (task.borrower_id, lender_id, task.loan_id)
        if key not in self.answers:
            self.answers[key] = ask_contact(
                self.session, task.borrower_id, asked_by(task), lender_id=lender_id, now=self.now
            )
        return self.answers[key]

    def _ask(self, task: TaskRow, lender_id: str) -> ContactAnswer:
        try:
            return ask_contact(self.session, task.borrower_id, asked_by(task), lender_id=lender_id, now=self.now)
        except NotFoundError:  # nothing is left that a call could be about; one such task must not stop the others
            return ContactAnswer((Block(PERSON, Reason.LOAN_CLOSED.value, None, ""),))

    def rank(self, task: TaskRow, lender_id: str, loans: Sequence[LoanRow]) -> Rank:
        """Return the place of a task."""
        answer = self.answer(task, lender_id)
        score, parts = max(
            (score_of(self._facts(task, loan, answer), worklist_terms()) for loan in loans), key=lambda each: each[0]
        )
        return hours_of(Rank(task.id, urgency_of(task, self.now), score, parts), task, answer, self.now)

    def _facts(self, task: TaskRow, loan: LoanRow, answer: ContactAnswer) -> CallFacts:
        position, rows = self.positions[loan.id], self.rows[loan.id]
        zone = ZoneInfo(answer.zones[0] if answer.zones else loan.zone)
        today, year = self.now.astimezone(zone).date(), (self.now - _YEAR).date()
        late = [row for row in rows if row.paid_on is not None and row.paid_on > row.due_on >= year]
        cure = worklist_terms().cure_days
        paid = max((row.paid_on for row in rows if row.paid_on is not None), default=None)
        promises = self.promises.get(loan.id, ())
        calls = [call for call in self.calls.get(task.borrower_id, ()) if call.direction == "outbound"]
        return CallFacts(
            currency=loan.currency,
            overdue_minor=position.overdue_minor,
            days_past_due=position.days_past_due,
            days_since_paid=None if paid is None else max((today - paid).days, 0),
            rows_late=len(late),
            rows_cured=sum((row.paid_on - row.due_on).days <= cure for row in late if row.paid_on is not None),
            has_promise=any(each.state == PromiseState.OPEN and each.ends_at > self.now for each in promises),
            promises_broken=sum(each.state in FAILED for each in promises),
            hour=self.now.astimezone(zone).hour,
            calls=[(call.called_at.astimezone(zone).hour, call.outcome == _ANSWERED) for call in calls],
            unanswered_today=sum(
                call.called_at.astimezone(zone).date() == today and call.outcome != _ANSWERED for call in calls
            ),
        )


def asked_by(task: Any) -> ContactAsked:
    """Return the contact that a call for this task would be. One that the borrower asked for answers them; where nobody
    knows that it was they who asked, it is a call as any other."""
    loan_ids = () if task.loan_id is None else (task.loan_id,)
    if task.kind == CALL_BACK and task.facts.get("proven") is not False:
        return ContactAsked("voice", message_class="support", loan_ids=loan_ids, is_reply=True)
    return ContactAsked("voice", loan_ids=loan_ids)


def urgency_of(task: Any, now: datetime) -> int:
    """Return how urgent a task is before any score. A call back that is for later is not yet asked for."""
    if task.due_on is not None or task.breach:
        return LAW_DAY
    if task.kind == CALL_BACK and (task.not_before is None or task.not_before <= now):
        return ASKED_FOR
    return BY_GAIN


def hours_of(rank: Rank, task: Any, answer: ContactAnswer, now: datetime) -> Rank:
    """Return the rank with from when until when the task may be dialled, by its own times and what the gate says."""
    opens, closes = now, answer.closes_at
    blocked_by: str | None = None
    if answer.blocks:
        blocked_by = answer.blocks[0].reason
        untils = [block.until for block in answer.blocks]
        if any(until is None for until in untils):
            return replace(rank, opens_at=None, closes_at=None, blocked_by=blocked_by)
        opens, closes = max(until for until in untils if until is not None), None
    elif answer.opens_at is not None and answer.opens_at > now:
        opens, closes, blocked_by = answer.opens_at, None, "QUIET_HOURS"
    if task.not_before is not None and task.not_before > opens:
        opens = task.not_before
    ends = [at for at in (closes, task.not_after) if at is not None]
    if task.not_after is not None and opens >= task.not_after:
        return replace(rank, opens_at=None, closes_at=None, blocked_by="EXPIRED_WINDOW")
    return replace(rank, opens_at=opens, closes_at=min(ends, default=None), blocked_by=blocked_by)


def _next_look(ranked: Sequence[Ranked], now: datetime) -> datetime:
    moments = [at for each in ranked for at in (each.rank.opens_at, each.rank.closes_at) if at is not None and at > now]
    return min([*moments, now + LONGEST_RANK])


def _row(task: TaskRow, ranked: Ranked, now: datetime) -> dict[str, Any]:
    place = ranked.rank
    return {
        "task_id": task.id,
        "lender_id": ranked.lender_id,
        "borrower_id": task.borrower_id,
        "urgency": place.urgency,
        "score": place.score,
        "parts": [asdict(part) for part in place.parts],
        "opens_at": place.opens_at,
        "closes_at": place.closes_at,
        "blocked_by": place.blocked_by,
        "case_version": ranked.case_version,
        "ranked_at": now,
    }
