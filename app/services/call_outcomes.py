"""What becomes of a call when somebody tells how it went: a promise, a dispute, a hold, a number to be found, another call.

Everything that follows is written in the unit of work in which the outcome is: no promise is taken down and lost, and nobody
is called again about what they have just disputed.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain.call_worklists import WorklistTerms
from app.domain.disputes import DisputeValues
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.hardship import HardshipValues
from app.domain.hold_terms import HoldValues
from app.domain.money import Money
from app.domain.permissions import may
from app.persistence.models.tasks import TaskRow
from app.persistence.queries import call_tasks as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.endpoints import put_state
from app.persistence.queries.loans import find_loan_ids, find_loan_owners
from app.persistence.queries.tasks import get_task
from app.persistence.unit_of_work import Work
from app.services import agenda, hardship, reminders
from app.services.address_verdicts import address_of
from app.services.call_terms import worklist_terms
from app.services.calls import CALL_BACK, CALL_BACK_QUEUE, ToldCall, log_call
from app.services.dials import end_dial
from app.services.disputes import open_dispute
from app.services.holds import Teller, put_hold
from app.services.opt_outs import opt_out
from app.services.promises import Giver, make_promises
from app.services.tasks import NewTask, add_task, close_task

FIND_NUMBER = "find_number"
"""The kind of task for a borrower whose number turned out to be another's."""
FARTHEST_CALL_BACK = timedelta(days=60)
_PHONE_CHANNELS = ("voice", "sms")
"""What goes to a number: a text to a stranger tells of the debt as a call does."""
_HELD = {"deceased": "deceased", "represented": "represented"}
_NEEDS = {
    "promise": "promise", "callback": "call_back_at", "dispute": "dispute", "hardship": "hardship",
    "language_needed": "language",
}  # fmt: skip
"""Outcome -> what has to be said beside it, and with no other."""
_ALSO = {
    "promise": "Say how much was promised, and by when.", "call_back_at": "Say when to call back.",
    "dispute": "Say what is disputed.", "hardship": "Say what has changed.", "language": "Say which language is needed.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToldOutcome:
    """How a call went, as its caller tells it. `at`: when it began; None: when it was dialled here."""

    outcome: str
    at: datetime | None = None
    seconds: int = 0
    loan_no: str | None = None
    note: str | None = None
    direction: str = "outbound"
    promise: tuple[Money, date] | None = None
    call_back_at: datetime | None = None
    dispute: DisputeValues | None = None
    hardship: HardshipValues | None = None
    language: str | None = None
    """Of a borrower who needs another one: en, zh-CN, es ..."""


@dataclass(frozen=True, slots=True)
class CallTeller:
    """Who tells it."""

    by: str
    role: str
    lender_id: str


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of it. `call_id`: the call; the others: what was made, None where nothing was."""

    call_id: str
    created: bool
    promise_id: str | None = None
    dispute_id: str | None = None
    hardship_request_id: str | None = None
    hold_id: str | None = None
    task_id: str | None = None
    """Of the task that was made: to call back, to find a number."""
    task_state: str | None = None
    """Of the task the call was for."""
    again_at: datetime | None = None
    """When that task comes up again, if it does."""


def tell_outcome(
    work: Work, borrower_id: str, told: ToldOutcome, *, teller: CallTeller, now: datetime, task_id: str | None = None
) -> Followed:
    """Take how a call went, of a dial of theirs that waits for it or of a call made outside; do what follows from it.

    Raises ValidationError (something missing beside the outcome, or not fitting it), ConflictError.
    """
    _check(told, now)
    lock_agenda(work.session, [borrower_id])
    waiting = queries.find_dial(work.session, borrower_id) if told.at is None else None
    if waiting is not None and task_id is None:
        task_id = waiting.task_id
    task = None if task_id is None else _own_task(work, borrower_id, task_id, teller)
    loan_ids = _loans(work, borrower_id, told, task, teller.lender_id)
    if waiting is not None and waiting.task_id in (None, task_id):
        call_id, created = waiting.id, True
        if waiting.by != teller.by and not (teller.role and may(teller.role, "calls.record_others")):
            raise ConflictError(f"{waiting.by} dialled this call; only they can say how it went.")
        end_dial(work, waiting, outcome=told.outcome, seconds=told.seconds, note=told.note, by=teller.by, now=now)
    else:
        call_id, created = _log(work, borrower_id, told, task_id, teller, now)
    if not created:
        return Followed(call_id, created=False, task_state=None if task is None else task.state)
    followed = _follow(work, borrower_id, loan_ids, call_id, told, teller, now)
    state, again_at = (None, None) if task is None else _end_task(work, task, told, teller, now)
    agenda.touch(work, [borrower_id], now=now)
    reminders.review(work, [borrower_id], now=now)
    return Followed(call_id, created=True, **followed, task_state=state, again_at=again_at)


def _log(
    work: Work, borrower_id: str, told: ToldOutcome, task_id: str | None, teller: CallTeller, now: datetime
) -> tuple[str, bool]:
    if told.at is None:
        raise refused_at("/at", "No call of yours to this borrower waits for its outcome; say when this one began.")
    call = ToldCall(told.outcome, told.at, told.seconds, told.direction, told.loan_no, task_id, told.note)
    result = log_call(work, borrower_id, call, by=teller.by, lender_id=teller.lender_id, now=now, closes_task=False)
    return result.id, result.created


# -- what has to be said ---------------------------------------------------------------------------------------------------


def _check(told: ToldOutcome, now: datetime) -> None:
    for outcome, name in _NEEDS.items():
        given = getattr(told, name) is not None
        if outcome == told.outcome and not given:
            raise refused_at(f"/{name}", _ALSO[name])
        if outcome != told.outcome and given:
            raise refused_at(f"/{name}", f"{name} belongs to outcome {outcome}; this one is {told.outcome}.")
    if told.call_back_at is not None and not now < told.call_back_at <= now + FARTHEST_CALL_BACK:
        raise refused_at("/call_back_at", f"Call back within the next {FARTHEST_CALL_BACK.days} days.")


def _own_task(work: Work, borrower_id: str, task_id: str, teller: CallTeller) -> TaskRow:
    try:
        task = get_task(work.session, task_id, lender_id=teller.lender_id)
    except NotFoundError:
        task = None
    if task is None or task.borrower_id != borrower_id:
        raise refused_at("/task_id", f"There is no task {task_id} about this borrower.")
    return task


def _loans(work: Work, borrower_id: str, told: ToldOutcome, task: TaskRow | None, lender_id: str) -> list[str]:
    """Return what the call was about: the loan that is named, the task's, or all of the lender's."""
    if told.loan_no is not None:
        owner = find_loan_owners(work.session, lender_id, [told.loan_no]).get(told.loan_no)
        if owner is None or owner[1] != borrower_id:
            raise refused_at("/loan_no", f"This borrower has no loan {told.loan_no} with this lender.")
        return [owner[0]]
    if task is not None and task.loan_id is not None:
        return [task.loan_id]
    return list(find_loan_ids(work.session, borrower_id, lender_id))


def _one_loan(loan_ids: list[str]) -> str:
    if len(loan_ids) != 1:
        raise refused_at("/loan_no", "Say which loan it is about.")
    return loan_ids[0]


# -- what follows ----------------------------------------------------------------------------------------------------------


def _follow(
    work: Work, borrower_id: str, loan_ids: list[str], call_id: str, told: ToldOutcome, teller: CallTeller, now: datetime
) -> dict[str, str]:
    """Do what follows from an outcome; return what was made, by the names of `Followed`."""
    if told.promise is not None:
        giver = Giver(teller.by, "voice", teller.lender_id)
        (promise,) = make_promises(work, borrower_id, _one_loan(loan_ids), [told.promise], giver=giver, now=now)
        return {"promise_id": promise.id}
    if told.dispute is not None:
        return {"dispute_id": open_dispute(work, borrower_id, _one_loan(loan_ids), told.dispute, now=now)}
    if told.hardship is not None:
        return {"hardship_request_id": hardship.open_request(work, borrower_id, told.hardship, now=now)}
    if told.call_back_at is not None:
        return {"task_id": _call_back(work, borrower_id, loan_ids, call_id, told.call_back_at, now)}
    if told.outcome == "wrong_number":
        return {"task_id": _suspect_number(work, borrower_id, call_id, now)}
    if told.outcome in _HELD:
        hold = HoldValues(_HELD[told.outcome], form="oral", evidence=f"call {call_id}")
        by = Teller(teller.by, teller.lender_id, teller.role)
        return {"hold_id": put_hold(work, borrower_id, hold, teller=by, now=now).id}
    if told.outcome == "no_calls":
        opt_out(work, borrower_id, "voice", by=teller.by, now=now, evidence=f"call {call_id}")
    return {}


def _call_back(work: Work, borrower_id: str, loan_ids: list[str], call_id: str, at: datetime, now: datetime) -> str:
    loan_id = loan_ids[0] if len(loan_ids) == 1 else None
    task = NewTask(
        f"call-back/{call_id}", borrower_id, CALL_BACK, CALL_BACK_QUEUE, loan_id=loan_id, due_at=at, not_before=at,
        facts={"call_id": call_id, "proven": True},
    )  # fmt: skip
    return add_task(work, task, now=now).id


def _suspect_number(work: Work, borrower_id: str, call_id: str, now: datetime) -> str:
    """Stop calls and texts to a number that is another's, and have somebody find the right one."""
    borrower = get_borrower(work.session, borrower_id)
    number = work.vault.open(borrower.phone_sealed, place=f"borrowers.phone:{borrower_id}")
    if number:
        for channel in _PHONE_CHANNELS:
            address = address_of(work, borrower_id, channel, "phone", number)
            put_state(work.session, address, state="suspect", reason="wrong_number", now=now)
    task = NewTask(
        f"find-number/{call_id}", borrower_id, FIND_NUMBER, CALL_BACK_QUEUE, due_at=now + timedelta(days=7),
        facts={"call_id": call_id},
    )  # fmt: skip
    return add_task(work, task, now=now).id


# -- the task it was for ---------------------------------------------------------------------------------------------------


def _end_task(
    work: Work, task: TaskRow, told: ToldOutcome, teller: CallTeller, now: datetime
) -> tuple[str, datetime | None]:
    """Close the task, or have it come up again after an outcome that tells nothing yet."""
    work.session.refresh(task)
    if task.state != "open":
        return task.state, None  # what followed has withdrawn it
    again_at = _again_at(task, told, worklist_terms(), queries.count_tries(work.session, task.id), now)
    if again_at is None:
        close_task(work, task.id, outcome="done", reason=told.outcome, by=teller.by, now=now, lender_id=teller.lender_id)
        return "done", None
    task.not_before = again_at
    if told.language is not None:
        task.facts = {**task.facts, "language": told.language}
    task.claimed_by = task.claimed_until = None
    task.rank_at = now
    task.version += 1
    work.session.flush()
    return "open", again_at


def _again_at(task: TaskRow, told: ToldOutcome, terms: WorklistTerms, tries: int, now: datetime) -> datetime | None:
    minutes = terms.retry_minutes.get(told.outcome)
    if minutes is None or tries >= terms.most_tries or task.kind not in queries.KINDS:
        return None
    at = now + timedelta(minutes=minutes)
    return None if task.not_after is not None and at >= task.not_after else at
