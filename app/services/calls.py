"""Phone calls: how those that the engine made went, and those that people tell.

A call is a row of its own beside a message on channel voice: so it stands in the borrower's history of contacts, and caps of
law count it with its outcome. What the outcome says of the telephone itself is a receipt's business.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.book import PutResult
from app.domain.calls import CONNECT_ME, TELLABLE, attempt_word, merged, result_of, telephone_outcome
from app.domain.deliveries import CallOutcome
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.times import to_micros
from app.persistence.ids import new_id
from app.persistence.models.calls import CallRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries import calls as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.fact_revisions import CALL_OUTCOME, add_revision
from app.persistence.queries.loans import find_loan_ids, find_loan_owners
from app.persistence.queries.tasks import get_task
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.conversations import Word, add_word
from app.services.law_notes import note_call as note_law_of_call
from app.services.tasks import NewTask, add_task, close_task
from app.services.told_contacts import ToldContact, add_contact, end_contact

DIRECTIONS = ("outbound", "inbound")
CALL_BACK = "call_back"
"""The kind of task for a borrower who asked to be called."""
CALL_BACK_QUEUE = "support"
LONGEST_NOTE = 1000
LONGEST_CALL_SECONDS = 24 * 3600
_SILENT = frozenset({"no_answer", "busy", "rejected", "failed"})
REACHED = frozenset({"answered", "voicemail"})
"""Outcomes by which something was said to somebody, or to their machine."""
_OLDEST = timedelta(days=366)
_CLASSES = {"outbound": "collection", "inbound": "support"}


@dataclass(frozen=True, slots=True)
class ToldCall:
    """A call as a person tells it. `outcome`: one of `TELLABLE`. `seconds`: of talk."""

    outcome: str
    at: datetime
    seconds: int = 0
    direction: str = "outbound"
    loan_no: str | None = None
    task_id: str | None = None
    note: str | None = None


# -- automatic calls ---------------------------------------------------------------------------------------------------


def note_call(work: Work, message: MessageRow, told: CallOutcome, *, at: datetime, is_signed: bool, now: datetime) -> bool:
    """Record how an automatic call went, which may be told in parts and in any order; return whether that was new.

    The caller holds the message. Who pressed the key for it is called back by a person.
    """
    key = f"message/{message.id}"
    row = queries.find_call(work.session, key)
    known = None if row is None else CallOutcome(row.outcome, row.seconds, row.keypress)
    call = merged(known, told)
    if call == known:
        return False
    if row is None:
        row = CallRow(id=new_id(), borrower_id=message.borrower_id, message_id=message.id, direction="outbound",
                      origin="engine", called_at=at, by="engine", note_key=key, outcome=call.outcome, seconds=0,
                      recorded_at=now)  # fmt: skip
        work.session.add(row)
    row.outcome, row.seconds, row.keypress = call.outcome, call.seconds, call.keypress
    work.session.flush()
    agenda.touch(work, [message.borrower_id], now=now)  # caps of law count it
    if call.keypress == CONNECT_ME and (known is None or known.keypress != CONNECT_ME):
        ask_to_be_called(
            work, message.borrower_id, occasion=message.id, in_reply_to=message.id, is_signed=is_signed, now=now
        )
    return True


def ask_to_be_called(
    work: Work, borrower_id: str, *, occasion: str, in_reply_to: str | None, is_signed: bool, now: datetime
) -> bool:
    """Make the task to call a borrower who asked for it, once per occasion; return whether it is new.

    `is_signed` False: it is not proven that the provider told it. The task says so, and nothing is put into the borrower's
    mouth.
    """
    key = f"call-back/{occasion}"
    facts = {"message_id": in_reply_to, "proven": is_signed}
    task = NewTask(key, borrower_id, CALL_BACK, CALL_BACK_QUEUE, due_at=now, facts=facts)
    created = add_task(work, task, now=now).created
    if created and is_signed:
        word = Word(f"key/{occasion}", "voice", CONNECT_ME, at=now, in_reply_to=in_reply_to)
        add_word(work, borrower_id, word, now=now, makes_task=False, opens="callback")
    return created


# -- calls that people tell --------------------------------------------------------------------------------------------


def log_call(
    work: Work, borrower_id: str, told: ToldCall, *, by: str, lender_id: str, now: datetime, closes_task: bool = True
) -> PutResult:
    """Record a call that a person made or took, and close the task it was for. The same again changes nothing.

    It has happened, so it is recorded also where the law was against it; what the law says becomes work for compliance.
    One borrower has one call at an instant. Raises ValidationError (also for another's loan or task), ConflictError
    (another call at that instant, a task that was cancelled).
    """
    _check(told, now)
    agenda.touch(work, [borrower_id], now=now)
    loan_id = _loan_id(work, borrower_id, told.loan_no, lender_id)
    if told.task_id is not None:
        _check_task(work, borrower_id, told.task_id, lender_id)
    key = f"told/{borrower_id}/{to_micros(told.at)}"
    known = queries.find_call(work.session, key)
    if known is not None:
        same = (known.result or known.outcome, known.seconds, known.direction, known.loan_id, known.task_id)
        if same != (told.outcome, told.seconds, told.direction, loan_id, told.task_id):
            raise ConflictError("Another call with this borrower at the same instant is recorded; check the time.")
        return PutResult(known.id)
    call_id, outcome = new_id(), telephone_outcome(told.outcome)
    if told.direction == "outbound":
        loan_ids = [loan_id] if loan_id is not None else find_loan_ids(work.session, borrower_id, lender_id)
        note_law_of_call(
            work, loan_ids, call_id, borrower_id=borrower_id, is_about_loan=loan_id is not None,
            message_class=_CLASSES[told.direction], outcome=attempt_word(outcome), at=told.at, now=now,
        )  # fmt: skip
    contact = ToldContact(
        "voice", "call", _CLASSES[told.direction], told.at, is_ours=told.direction == "outbound",
        reached=outcome in REACHED, note=told.note,
    )  # fmt: skip
    _, message_id = add_contact(work, borrower_id, contact, lender_id=lender_id, now=now)
    row = CallRow(
        id=call_id, borrower_id=borrower_id, loan_id=loan_id, message_id=message_id, task_id=told.task_id,
        direction=told.direction, origin="staff", outcome=outcome, result=result_of(told.outcome), seconds=told.seconds,
        called_at=told.at, recorded_at=now, by=by, note_key=key,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    facts = {"call_id": row.id, "outcome": told.outcome, "direction": told.direction, "loan_id": loan_id}
    add_audit(work.session, at=now, actor=by, action="call.logged", borrower_id=borrower_id, facts=facts)
    if told.task_id is not None and closes_task:
        close_task(work, told.task_id, outcome="done", reason=told.outcome, by=by, now=now, lender_id=lender_id)
    reminders.review(work, [borrower_id], now=now)
    return PutResult(row.id, created=True, changed=True)


def tell_dial(work: Work, row: CallRow, *, outcome: str, seconds: int, note: str | None, by: str, now: datetime) -> None:
    """Say how a call went that was dialled here: caps have counted it since, now by how it went. Raises ValidationError."""
    told = ToldCall(outcome, row.called_at, seconds=seconds, note=note)
    _check(told, now)
    agenda.touch(work, [row.borrower_id], now=now)
    add_revision(work.session, CALL_OUTCOME, row.id, row.called_at, before_word=row.outcome, now=now)
    row.outcome, row.result, row.seconds = telephone_outcome(outcome), result_of(outcome), seconds
    work.session.flush()
    assert row.message_id is not None
    end_contact(work, row.message_id, reached=row.outcome in REACHED, note=note)
    facts = {"call_id": row.id, "outcome": outcome, "direction": row.direction, "loan_id": row.loan_id, "dialled": True}
    add_audit(work.session, at=now, actor=by, action="call.logged", borrower_id=row.borrower_id, facts=facts)
    reminders.review(work, [row.borrower_id], now=now)


def _check(told: ToldCall, now: datetime) -> None:
    if told.outcome not in TELLABLE:
        raise refused_at("/outcome", f"outcome is not one of {', '.join(TELLABLE)}.")
    if told.direction not in DIRECTIONS:
        raise refused_at("/direction", f"direction is not one of {', '.join(DIRECTIONS)}.")
    if told.at > now:
        raise refused_at("/at", "This call would begin in the future; say when it began.")
    if told.at < now - _OLDEST:
        raise refused_at("/at", "at is more than a year ago; no cap counts such a call any more.")
    if not 0 <= told.seconds <= LONGEST_CALL_SECONDS:
        raise refused_at("/seconds", "seconds of talk are 0 to 86400.")
    if told.seconds and told.outcome in _SILENT:
        raise refused_at("/seconds", "Nobody talks in a call with this outcome; leave out how long it took.")


def _loan_id(work: Work, borrower_id: str, loan_no: str | None, lender_id: str) -> str | None:
    if loan_no is None:
        return None
    owner = find_loan_owners(work.session, lender_id, [loan_no]).get(loan_no)
    if owner is None or owner[1] != borrower_id:
        detail = f"This borrower has no loan {loan_no} with this lender; leave loan_no out for all loans."
        raise refused_at("/loan_no", detail)
    return owner[0]


def _check_task(work: Work, borrower_id: str, task_id: str, lender_id: str) -> None:
    try:
        found = get_task(work.session, task_id, lender_id=lender_id)
    except NotFoundError:
        found = None
    if found is None or found.borrower_id != borrower_id:
        raise refused_at("/task_id", f"There is no task {task_id} about this borrower.")
