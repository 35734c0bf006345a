"""Where conversations stand: opened by the borrower's words, moved by the desk, woken and found late by the clock.

Whoever calls here holds the borrower's agenda row and the conversation's own.
"""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime, timedelta

from app.domain import conversation_clocks as clockwork
from app.domain import conversations as domain
from app.domain.calendars import Calendar
from app.domain.conversation_clocks import Clocks
from app.domain.conversations import check_move, check_snooze
from app.domain.service_levels import BusinessHours, Level, ServiceLevels
from app.domain.times import to_micros
from app.logs import logger
from app.metrics import CONVERSATION_BREACHES
from app.persistence.models.conversations import ConversationRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.conversations import load_conversation
from app.persistence.queries.desk_conversations import find_open_answers
from app.persistence.queries.loans import find_loan_ids
from app.persistence.unit_of_work import Work
from app.services.assignments import assign_by_load
from app.services.follow_ups import follow_up_at, forget_follow_up
from app.services.service_levels import levels_of
from app.services.tasks import NewTask, add_task, close_task

FOLLOW_UP = "conversation"
"""The kind of look at a thread that was put away, or whose target runs out."""
ANSWER = "answer_conversation"
"""The kind of task for a conversation that waits for an answer."""
OVERDUE = "overdue_conversation"
"""The kind of task for a target that was missed: a supervisor sees to it."""
QUEUE, SENIOR_QUEUE = "support", "supervisors"
_ENGINE = "engine:conversations"
_BEHIND = timedelta(days=36525)
"""What has no target stands so far behind in the queue."""
_NAMES = tuple(field.name for field in fields(Clocks))
_NOWHERE = BusinessHours("UTC", Calendar("none"), {})


def begin(work: Work, row: ConversationRow, *, now: datetime) -> None:
    """Start the clocks of a new thread, and give it to somebody."""
    level, hours = _targets(row, levels(work, row))
    keep(work, row, clockwork.begun(now, level, hours), now=now)
    assign_by_load(work, row, levels(work, row), now=now)


def hear(work: Work, row: ConversationRow, *, now: datetime) -> None:
    """Have a word of the borrower open the thread, whatever it was; one that nobody has is given to somebody."""
    rules = levels(work, row)
    level, hours = _targets(row, rules)
    clocks, was = clocks_of(row), row.status
    if was == "resolved":
        row.restarted_at, row.resolved_at = now, None
        clocks = clockwork.restarted(clocks, now, level, hours, is_asked=True)
    else:
        clocks = clockwork.heard(clocks, now, level, hours)
    row.status, row.snoozed_until = "open", None
    keep(work, row, clocks, now=now)
    if was == "resolved" or row.assignee is None:
        assign_by_load(work, row, rules, now=now)


def answer(work: Work, row: ConversationRow, *, by: str, now: datetime) -> None:
    """Stop the clock of answers: the borrower waits no more."""
    keep(work, row, clockwork.answered(clocks_of(row), now), now=now)
    _close_tasks(work, row, [ANSWER], by=by, reason="answered", now=now)


def is_answer(work: Work, row: ConversationRow, *, now: datetime) -> bool:
    """Return whether what the desk writes now answers the borrower, who keeps the thread open."""
    return domain.is_answer(
        row.status, heard_at=row.heard_at, waiting_since=row.waiting_since, resolved_at=row.resolved_at, now=now,
        reopen_days=levels(work, row).reopen_days,
    )  # fmt: skip


def move(work: Work, row: ConversationRow, to: str, *, until: datetime | None = None, by: str, now: datetime) -> bool:
    """Move a thread as the desk wants it; return whether that changed anything. Raises ConflictError, ValidationError."""
    if not check_move(row.status, to) or (to == row.status == "snoozed" and until == row.snoozed_until):
        return False
    rules = levels(work, row)
    level, hours = _targets(row, rules)
    clocks, was = clocks_of(row), row.status
    row.snoozed_until = check_snooze(until, now) if to == "snoozed" else None
    if to == "pending":
        clocks = clockwork.paused(clocks, now, hours)
    elif to == "resolved":
        clocks, row.resolved_at = clockwork.stopped(clocks), now
    elif was == "resolved":
        row.restarted_at, row.resolved_at = now, None
        clocks = clockwork.restarted(clocks, now, level, hours, is_asked=False)
    else:
        clocks = clockwork.resumed(clocks, now, hours)
    row.status = to
    keep(work, row, clocks, now=now)
    if to in ("pending", "resolved"):
        _close_tasks(work, row, [ANSWER, *([OVERDUE] if to == "resolved" else [])], by=by, reason=to, now=now)
    if was == "resolved":
        assign_by_load(work, row, rules, now=now)
    return True


def reset(work: Work, row: ConversationRow, *, now: datetime) -> None:
    """Set the targets anew after the kind, the priority or the lender changed."""
    if row.status == "resolved":
        return
    level, hours = _targets(row, levels(work, row))
    keep(work, row, clockwork.reset(clocks_of(row), row.restarted_at or row.opened_at, level, hours, now), now=now)


def ask_staff(work: Work, row: ConversationRow, word_id: str, *, now: datetime) -> None:
    """Put a thread before support, unless it is already."""
    if any(
        task.facts.get("conversation_id") == row.id for task in find_open_answers(work.session, row.borrower_id, [ANSWER])
    ):
        return
    facts = {"conversation_id": row.id, "channel": row.channel}
    key = f"conversation/{row.id}/{word_id}"
    task = NewTask(key, row.borrower_id, ANSWER, QUEUE, loan_id=_loan_of(work, row), due_at=now, facts=facts)
    add_task(work, task, now=now)


def follow(work: Work, conversation_id: str, *, now: datetime) -> None:
    """Look at a thread: wake one whose time has come, and put a missed target before a supervisor, once."""
    row = load_conversation(work.session, conversation_id)
    if row.status == "snoozed" and row.snoozed_until is not None and row.snoozed_until <= now:
        row.version += 1
        move(work, row, "open", by=_ENGINE, now=now)
        facts = {"conversation_id": row.id, "status": "open"}
        add_audit(work.session, at=now, actor=_ENGINE, action="conversation.woken", borrower_id=row.borrower_id, facts=facts)
    for name in clocks_of(row).newly_breached(now):
        _note_breach(work, row, name, now)
    keep(work, row, clocks_of(row), now=now)


def levels(work: Work, row: ConversationRow) -> ServiceLevels:
    """Return what counts for a thread; for one of no lender nothing is set."""
    return ServiceLevels(_NOWHERE) if row.lender_id is None else levels_of(work.session, row.lender_id)


def clocks_of(row: ConversationRow) -> Clocks:
    """Return the clocks of a thread as they are kept."""
    return Clocks(**{name: getattr(row, name) for name in _NAMES})


def keep(work: Work, row: ConversationRow, clocks: Clocks, *, now: datetime) -> None:
    """Write the clocks of a thread, its place in the queue, and when it is looked at next."""
    for name in _NAMES:
        setattr(row, name, getattr(clocks, name))
    row.due_at = clocks.due_at
    row.urgent_at = row.due_at or row.last_at + _BEHIND
    work.session.flush()
    looks = [at for at in (clocks.next_look(now), row.snoozed_until) if at is not None]
    if clocks.newly_breached(now):
        looks = [now]
    if looks:
        follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=min(looks))
    else:
        forget_follow_up(work, FOLLOW_UP, row.id)


def _targets(row: ConversationRow, rules: ServiceLevels) -> tuple[Level, BusinessHours]:
    return rules.level_of(row.kind, row.priority), rules.hours


def _note_breach(work: Work, row: ConversationRow, name: str, now: datetime) -> None:
    due = getattr(row, f"{name}_due_at")
    setattr(row, f"{name}_breached_at", now)
    facts = {"conversation_id": row.id, "clock": name, "assignee": row.assignee}
    key = f"conversation/{row.id}/{name}/{to_micros(due)}"
    task = NewTask(key, row.borrower_id, OVERDUE, SENIOR_QUEUE, loan_id=_loan_of(work, row), due_at=now, facts=facts)
    if not add_task(work, task, now=now).created:
        return
    CONVERSATION_BREACHES.labels(name).inc()
    logger().warning("conversation missed a target", conversation_id=row.id, clock=name)
    facts = {"conversation_id": row.id, "clock": name}
    add_audit(
        work.session, at=now, actor=_ENGINE, action="conversation.target_missed", borrower_id=row.borrower_id, facts=facts
    )


def _close_tasks(work: Work, row: ConversationRow, kinds: Collection[str], *, by: str, reason: str, now: datetime) -> None:
    for task in find_open_answers(work.session, row.borrower_id, kinds):
        if task.facts.get("conversation_id") == row.id:
            close_task(work, task.id, outcome="done", reason=reason, by=by, now=now)


def _loan_of(work: Work, row: ConversationRow) -> str | None:
    """Return a loan by which only the thread's lender sees its tasks; None where it is anybody's."""
    if row.loan_id is not None or row.lender_id is None:
        return row.loan_id
    return next(iter(find_loan_ids(work.session, row.borrower_id, row.lender_id)), None)
