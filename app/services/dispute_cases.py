"""What an open dispute does, and its end: reminders stop, the law packs know, a person is asked, the day is watched."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from app.domain.disputes import OPEN, law_facts, request_facts, stops_reminders
from app.domain.errors import NotFoundError, ValidationError, refused_at
from app.domain.hold_terms import HoldValues
from app.domain.times import business_date, local_instant, parse_instant
from app.logs import logger
from app.metrics import DUTY_BREACHES
from app.persistence.models.disputes import DisputeRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.case_records import find_standing
from app.persistence.queries.disputes import find_dispute, find_same_before
from app.persistence.queries.holds import get_hold
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import get_loan
from app.persistence.queries.tasks import find_task_named
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.attachments import claim
from app.services.case_records import put_record
from app.services.dispute_terms import again_days, request_word
from app.services.follow_ups import follow_up_at, forget_follow_up
from app.services.holds import Teller, put_hold, release_hold
from app.services.tasks import NewTask, add_task, close_task
from app.services.webhook_events import announce

KIND = "dispute"
"""Of its follow-ups, and of its hold."""
QUEUE, SENIOR_QUEUE = "disputes", "escalations"
TASK = "answer_dispute"
_ENGINE = "engine:disputes"
_DAY = timedelta(days=1)


def begin(work: Work, row: DisputeRow, *, teller: Teller, now: datetime) -> None:
    """Stop what must stop, tell the law, ask a person and watch the day. What waits to be sent is taken back at once.

    The same as was rejected or taken back lately is answered too, and stops nothing by itself: a person who finds something
    new in it puts the hold. The law packs know it as any other. The caller holds the borrower's agenda row.
    """
    _tell_law(work, row, by=teller.by, now=now)
    ask_staff(work, row, now=now)
    _watch(work, row)
    if not stops_reminders(row.kind, row.ground) or same_before(work, row) is not None:
        _decide(work, row, now)
        return
    loan_no = get_loan(work.session, row.loan_id).loan_no
    told = HoldValues(KIND, loan_no=loan_no, form="electronic", evidence=f"dispute {row.reference}")
    row.hold_id = put_hold(work, row.borrower_id, told, teller=teller, now=now).id
    work.session.flush()


def end(work: Work, row: DisputeRow, *, teller: Teller, now: datetime) -> None:
    """Undo it all: reminders go on from where the loan stands now. The caller has set the state and holds the agenda row."""
    _tell_law(work, row, by=teller.by, now=now)
    forget_follow_up(work, KIND, row.id)
    for queue in (QUEUE, SENIOR_QUEUE):
        task = find_task_named(work.session, _task_key(row, queue))
        if task is not None and task.state == "open":
            close_task(work, task.id, outcome="done", reason=f"{row.reference} {row.state}"[:40], by=teller.by, now=now)
    if row.hold_id is not None and get_hold(work.session, row.borrower_id, row.hold_id).released_at is None:
        reason = f"dispute {row.reference} {row.state}"
        release_hold(work, row.borrower_id, row.hold_id, teller=teller, now=now, reason=reason)
    else:
        _decide(work, row, now)


def same_before(work: Work, row: DisputeRow) -> str | None:
    """Return the reference of the case that this one says again, soon after it was rejected or taken back; None: of none."""
    before = find_same_before(work.session, row, since=row.received_at - _DAY * again_days())
    return None if before is None else before.reference


def ask_staff(work: Work, row: DisputeRow, *, now: datetime) -> None:
    """Put the case before a person: before seniors once it was escalated."""
    queue = QUEUE if row.escalated_at is None else SENIOR_QUEUE
    facts = {
        "dispute_id": row.id,
        "reference": row.reference,
        "kind": row.kind,
        "ground": row.ground,
        "urgent": False,
        "same_as": same_before(work, row),
    }
    task = NewTask(
        _task_key(row, queue), row.borrower_id, TASK, queue, loan_id=row.loan_id, rule=row.rule,
        due_on=row.answer_due_on, facts=facts,
    )  # fmt: skip
    add_task(work, task, now=now)


def follow(work: Work, dispute_id: str, *, now: datetime) -> None:
    """Look at a case on the day before its answer is due, and once that day is over."""
    row = find_dispute(work.session, dispute_id)
    if row is None or row.state not in OPEN:
        return
    today = business_date(now, get_loan(work.session, row.loan_id).zone)
    if today > row.answer_due_on:
        note_breach(work, row, now=now)
        return
    if today >= row.answer_due_on - _DAY:
        _mark_tasks(work, row, urgent=True)
    _watch(work, row, after=now)


def note_breach(work: Work, row: DisputeRow, *, now: datetime) -> None:
    """Record, once, that no answer came in time: on the case and its task, in the audit trail, to the lender's systems."""
    if row.breached_at is not None:
        return
    row.breached_at = now
    row.version += 1
    _mark_tasks(work, row, breach=True)
    DUTY_BREACHES.labels(row.jurisdiction).inc()
    due_on = row.answer_due_on.isoformat()
    logger().error("dispute not answered in time", dispute_id=row.id, rule=row.rule, due_on=due_on)
    audit(work, row, "dispute.missed", actor=_ENGINE, now=now, due_on=due_on, rule=row.rule)
    tell_lender(work, row, "dispute.answer_missed.v1", now=now)


def claim_files(
    work: Work,
    borrower_id: str,
    attachment_ids: Sequence[str],
    subject_kind: str,
    subject_id: str,
    *,
    lender_id: str | None,
    now: datetime,
) -> None:
    """Bind files to a case or a request, as `attachments.claim` does; what is wrong with them is told at /attachments.

    Raises ValidationError, also for another borrower's file, ConflictError.
    """
    if not attachment_ids:
        return
    try:
        claim(work, borrower_id, attachment_ids, subject_kind, subject_id, now=now, lender_id=lender_id)
    except (NotFoundError, ValidationError) as error:
        raise refused_at("/attachments", error.detail) from None


def audit(work: Work, row: DisputeRow, action: str, *, actor: str, now: datetime, **facts: object) -> None:
    """Append to the audit trail what was done to a case."""
    told = {"dispute_id": row.id, "reference": row.reference, "kind": row.kind, "state": row.state, **facts}
    add_audit(work.session, at=now, actor=actor, action=action, borrower_id=row.borrower_id, facts=told)


def tell_lender(work: Work, row: DisputeRow, event_type: str, *, now: datetime) -> None:
    """Announce a change of a case to the lender's systems, without what the borrower wrote."""
    data = {
        "dispute_id": row.id,
        "reference": row.reference,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "loan_no": get_loan(work.session, row.loan_id).loan_no,
        "kind": row.kind,
        "ground": row.ground,
        "amount": None if row.amount_minor is None else {"amount_minor": row.amount_minor, "currency": row.currency},
        "state": row.state,
        "answer_due_on": row.answer_due_on.isoformat(),
        "credit_mark": row.credit_mark,
        "correction_reference": row.correction_reference,
        "breach": row.breached_at is not None,
        "escalated_to": row.escalated_to,
    }
    announce(work, row.lender_id, event_type, data, now=now, borrower_id=row.borrower_id)


def _tell_law(work: Work, row: DisputeRow, *, by: str, now: datetime) -> None:
    """Record the case as the law packs know it, or that it is over: what is told again replaces what was told."""
    loan_no = get_loan(work.session, row.loan_id).loan_no
    is_over = row.state not in OPEN
    over_at = (row.answered_at or now) if is_over else None
    if row.kind != "complaint" or stops_reminders(row.kind, row.ground):
        facts = law_facts(
            row.ground, amount_minor=row.amount_minor, received_at=row.received_at, resolved_at=over_at, state=row.state
        )
        put_record(
            work, row.borrower_id, "disputes", facts, by=by, now=now, reference=f"dispute/{row.id}",
            lender_id=row.lender_id, loan_no=loan_no, decide=False,
        )  # fmt: skip
    word = request_word(row.jurisdiction, row.kind)
    if word is not None:
        facts = request_facts(
            word, received_at=row.received_at, answered_at=_first_answered_at(work, row), closed_at=over_at
        )
        put_record(
            work, row.borrower_id, "requests", facts, by=by, now=now, reference=_request_reference(row),
            lender_id=row.lender_id, loan_no=loan_no, decide=False,
        )  # fmt: skip


def _first_answered_at(work: Work, row: DisputeRow) -> datetime | None:
    """Return when the borrower first had an answer: what is looked at again was answered in time no less for it."""
    code = get_lender(work.session, row.lender_id).code
    told = find_standing(work.session, row.borrower_id, f"{code}/{_request_reference(row)}")
    first = None if told is None else told.facts.get("answered_at")
    return row.answered_at if first is None else parse_instant(first)


def _request_reference(row: DisputeRow) -> str:
    return f"dispute-request/{row.id}"


def _watch(work: Work, row: DisputeRow, *, after: datetime | None = None) -> None:
    zone = get_loan(work.session, row.loan_id).zone
    looks = [local_instant(row.answer_due_on + _DAY * days, time(0), zone) for days in (-1, 1)]
    follow_up_at(work, KIND, row.id, row.borrower_id, at=next(at for at in looks if after is None or at > after))


def _mark_tasks(work: Work, row: DisputeRow, *, urgent: bool = False, breach: bool = False) -> None:
    for queue in (QUEUE, SENIOR_QUEUE):
        task = find_task_named(work.session, _task_key(row, queue))
        if task is not None and task.state == "open":
            task.facts = {**task.facts, "urgent": True}
            task.breach = task.breach or breach
            task.version += 1
    work.session.flush()


def _task_key(row: DisputeRow, queue: str) -> str:
    return f"dispute/{row.id}/{queue}"


def _decide(work: Work, row: DisputeRow, now: datetime) -> None:
    agenda.touch(work, [row.borrower_id], now=now)
    reminders.review(work, [row.borrower_id], now=now)
