"""Tasks for people: noticed, listed by queue, closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.domain.book import PutResult, check_text
from app.domain.errors import ConflictError, ValidationError, refused_at
from app.persistence.ids import new_id
from app.persistence.models.tasks import TaskRow
from app.persistence.queries import tasks as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.services import agenda

STATES = ("open", "done", "cancelled")
OUTCOMES = ("done", "cancelled")
_LONGEST = {"natural_key": 160, "kind": 40, "queue": 40, "rule": 80}
LONGEST_REASON = 40


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task as somebody notices it. `natural_key` names the occasion: whoever notices it again makes no second task."""

    natural_key: str
    borrower_id: str
    kind: str
    queue: str
    loan_id: str | None = None
    decision_id: str | None = None
    rule: str | None = None
    due_on: date | None = None
    due_at: datetime | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def add_task(work: Work, task: NewTask, *, now: datetime) -> PutResult:
    """Add a task, unless its occasion is known: then nothing changes, also when it is closed. Raises ValidationError."""
    return add_tasks(work, [task], now=now)[0]


def add_tasks(work: Work, tasks: Sequence[NewTask], *, now: datetime) -> list[PutResult]:
    """Add many, as `add_task` does, in two statements."""
    for task in tasks:
        _check(task)
    made = {task.natural_key: new_id() for task in tasks}
    first = {task.natural_key: task for task in reversed(tasks)}
    queries.add_tasks(work.session, [_row(task, made[key], now) for key, task in sorted(first.items())])
    ids = queries.find_task_ids(work.session, made)
    fresh = {key for key, task_id in ids.items() if task_id == made[key]}
    results = []
    for task in tasks:
        created = task.natural_key in fresh
        fresh.discard(task.natural_key)
        results.append(PutResult(ids[task.natural_key], created=created, changed=created))
    return results


def close_task(
    work: Work, task_id: str, *, outcome: str, reason: str, by: str, now: datetime, lender_id: str | None = None
) -> TaskRow:
    """Close a task as done or cancelled, and wake its borrower. Closing it the same way twice changes nothing.

    Raises NotFoundError, ValidationError, ConflictError when it was closed the other way.
    """
    if outcome not in OUTCOMES:
        raise refused_at("/outcome", f"outcome is not one of {', '.join(OUTCOMES)}.")
    check_text("reason", reason, LONGEST_REASON)
    if not reason.strip():
        raise refused_at("/reason", "reason is empty; say in a few words what was done, or why nothing is to do.")
    row = queries.get_task(work.session, task_id, lender_id=lender_id)
    if row.state == outcome:
        return row
    if row.state != "open":
        raise ConflictError(f"The task was closed before, as {row.state} by {row.closed_by}.")
    row.state, row.state_reason, row.closed_at, row.closed_by = outcome, reason, now, by
    row.version += 1
    work.session.flush()
    facts = {"task_id": row.id, "kind": row.kind, "outcome": outcome, "reason": reason}
    add_audit(work.session, at=now, actor=by, action="task.closed", borrower_id=row.borrower_id, facts=facts)
    agenda.touch(work, [row.borrower_id], now=now)
    return row


def finish_task(work: Work, natural_key: str, *, reason: str, by: str, now: datetime) -> None:
    """Close the task of an occasion as done, if there is one and nobody closed it by hand."""
    task_id = queries.find_task_ids(work.session, [natural_key]).get(natural_key)
    if task_id is not None and queries.get_task(work.session, task_id).state == "open":
        close_task(work, task_id, outcome="done", reason=reason, by=by, now=now)


def _check(task: NewTask) -> None:
    for name, most in _LONGEST.items():
        text = getattr(task, name)
        if text is None and name == "rule":
            continue
        if not text or len(text) > most:
            raise ValidationError(f"{name} of a task must have 1 to {most} characters.")


def _row(task: NewTask, task_id: str, now: datetime) -> dict[str, Any]:
    return {
        "id": task_id,
        "natural_key": task.natural_key,
        "borrower_id": task.borrower_id,
        "loan_id": task.loan_id,
        "decision_id": task.decision_id,
        "kind": task.kind,
        "queue": task.queue,
        "state": "open",
        "rule": task.rule,
        "due_on": task.due_on,
        "due_at": task.due_at,
        "not_before": task.not_before,
        "not_after": task.not_after,
        "breach": False,
        "facts": dict(task.facts),
        "created_at": now,
        "version": 1,
    }
