"""The worklist of calls: what to do next, who does it, giving it back, dialling.

A page is the top of the places kept (services/call_ranking.py). What has changed since it was ranked, and what is new, is
ranked as it is read, a bounded number at a time, so that the list is right also where no engine has been by; the order of
the tasks beyond that is by the places kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.call_worklists import Part, Rank, order
from app.domain.errors import ConflictError, NotFoundError
from app.domain.permissions import may
from app.domain.times import rfc3339
from app.persistence.models.tasks import TaskRow
from app.persistence.queries import call_tasks as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.services.call_ranking import asked_by, rank
from app.services.dials import FORGOTTEN_AFTER, Caller, Dialled, dial

LEASE = timedelta(minutes=15)
"""How long a task stays with who took it; after dialling, until it is told how the call went."""
MOST_NEW, MOST_CHANGED = 20, 20
"""How many places are worked out while a page is read, at most."""
MOST_SHOWN = 100
_NEXT_LOOKS = 10
"""How many tasks the next one is looked for among; whoever finds all of them just taken asks again."""


@dataclass(frozen=True, slots=True)
class WorklistItem:
    """One task as the list shows it. `task`: its columns, with `borrower_no` and `loan_no`."""

    task: Any = field(repr=False)
    rank: Rank
    is_open: bool
    claimed_by: str | None
    claimed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Worklist:
    """The top of a lender's worklist. Counts are of ranked tasks, up to `queries.MOST_COUNTED` each."""

    items: Sequence[WorklistItem]
    open_count: int
    waiting_count: int
    dials: Sequence[Any]
    """The caller's own calls that wait for their outcome."""


def read_worklist(
    session: Session, lender_id: str, *, by: str, now: datetime, queue: str | None = None, limit: int = 20
) -> Worklist:
    """Return the top of the worklist: what may be dialled now first, then what opens later."""
    limit = min(limit, MOST_SHOWN)
    rows = list(queries.find_ranked(session, lender_id, now=now, is_open=True, queue=queue, limit=limit + MOST_CHANGED))
    if len(rows) < limit:
        rows += queries.find_ranked(session, lender_id, now=now, is_open=False, queue=queue, limit=limit - len(rows))
    fresh = _fresh(session, lender_id, rows, queue, now)
    ranks = [fresh.ranks.get(row.id) or _kept(row) for row in rows if row.id not in fresh.new]
    ranks += [fresh.ranks[task_id] for task_id in fresh.new]
    tasks = {row.id: row for row in rows} | dict(fresh.new)
    items = [_item(tasks[place.task_id], place, now) for place in order(ranks, now)[:limit]]
    counted = queries.count_open(session, lender_id, now=now)
    return Worklist(items, *counted, dials=queries.find_own_dials(session, by, lender_id))


@dataclass(frozen=True, slots=True)
class _Fresh:
    ranks: Mapping[str, Rank]
    new: Mapping[str, Any]
    """Tasks that had no place yet."""


def _fresh(session: Session, lender_id: str, rows: Sequence[Any], queue: str | None, now: datetime) -> _Fresh:
    """Rank anew what has changed since, and what is new: a bounded number of each."""
    changed = [row.id for row in rows if row.case_version != (row.case_version_now or 0) or row.rank_at <= now]
    again = queries.find_tasks(session, changed[:MOST_CHANGED]) if changed else []
    known = {row.id for row in rows}
    fresh = queries.find_to_rank(session, lender_id, now=now, limit=MOST_NEW)
    new = [task for task in fresh if task.id not in known and queue in (None, task.queue)]
    ranked = rank(session, [*again, *new], now=now, lender_id=lender_id)
    ranks = {task_id: some[0].rank for task_id, some in ranked.items() if some}
    shown = {task.id: queries.find_task(session, task.id, lender_id) for task in new if task.id in ranks}
    return _Fresh(ranks, shown)


def _kept(row: Any) -> Rank:
    parts = tuple(Part(each["name"], each["permille"], each["facts"]) for each in row.parts)
    return Rank(row.id, row.urgency, row.score, parts, row.opens_at, row.closes_at, row.blocked_by)


def _item(task: Any, place: Rank, now: datetime) -> WorklistItem:
    is_taken = task.claimed_by is not None and task.claimed_until is not None and task.claimed_until > now
    by, until = (task.claimed_by, task.claimed_until) if is_taken else (None, None)
    return WorklistItem(task, place, place.is_open(now), by, until)


# -- taking and giving back ----------------------------------------------------------------------------------------------


def claim(work: Work, task_id: str, *, lender_id: str, by: str, now: datetime) -> TaskRow:
    """Take a task for a while, so that nobody else rings this borrower meanwhile. Taking it again makes the while anew.

    Raises NotFoundError, ConflictError (closed, or somebody else has it, or another call of the borrower).
    """
    row = _locked(work, task_id, lender_id)
    if not _take(work, row, by=by, now=now):
        work.session.refresh(row)
        if row.state != "open":
            raise ConflictError(f"The task was closed meanwhile, as {row.state} ({row.state_reason}).")
        raise ConflictError(f"{row.claimed_by} has this call until {rfc3339(row.claimed_until or now)}.")
    work.session.refresh(row)
    return row


def claim_next(work: Work, *, lender_id: str, by: str, now: datetime, queue: str | None = None) -> TaskRow | None:
    """Take the task on top that may be dialled now and that nobody has; None: there is none."""
    listed = read_worklist(work.session, lender_id, by=by, now=now, queue=queue, limit=MOST_SHOWN)
    free = [item for item in listed.items if item.is_open and item.claimed_by in (None, by)]
    for item in free[:_NEXT_LOOKS]:
        if queries.find_other_claim(work.session, item.task.borrower_id, by=by, now=now) is not None:
            continue  # somebody is about to ring them for another task
        row = _locked(work, item.task.id, lender_id)
        try:
            is_taken = _take(work, row, by=by, now=now)
        except ConflictError:  # they began just now
            continue
        if is_taken:
            work.session.refresh(row)
            return row
    return None


def release(work: Work, task_id: str, *, lender_id: str, by: str, role: str, now: datetime) -> None:
    """Give a task back; who has the permission also takes it from somebody else. Raises NotFoundError, ConflictError."""
    row = _locked(work, task_id, lender_id)
    if row.claimed_by not in (None, by) and not may(role, "calls.record_others"):
        raise ConflictError(f"{row.claimed_by} has this call; a supervisor can take it from them.")
    if row.claimed_by is None:
        return
    if queries.release(work.session, task_id, by=row.claimed_by) and row.claimed_by != by:
        facts = {"task_id": task_id, "from": row.claimed_by}
        add_audit(work.session, at=now, actor=by, action="call_task.released", borrower_id=row.borrower_id, facts=facts)
    work.session.refresh(row)


def _locked(work: Work, task_id: str, lender_id: str) -> TaskRow:
    """Return a call task of this lender, its borrower's agenda row locked first. Raises NotFoundError."""
    found = queries.find_task(work.session, task_id, lender_id)
    if found is None:
        raise NotFoundError(f"There is no call task {task_id}.")
    lock_agenda(work.session, [found.borrower_id])
    row = work.session.get_one(TaskRow, task_id)
    work.session.refresh(row)
    return row


def _take(work: Work, row: TaskRow, *, by: str, now: datetime) -> bool:
    other = queries.find_other_claim(work.session, row.borrower_id, by=by, now=now)
    if other is not None and other.id != row.id:
        raise ConflictError(f"{other.claimed_by} is about to call this borrower, until {rfc3339(other.claimed_until)}.")
    return queries.claim(work.session, row.id, by=by, now=now, until=now + LEASE)


# -- dialling --------------------------------------------------------------------------------------------------------------


def dial_task(
    work: Work, task_id: str, *, lender_id: str, caller: Caller, now: datetime, override_reason: str | None = None,
    locale: str = "en",
) -> Dialled:  # fmt: skip
    """Dial for a task, which is then the caller's until they say how it went. Raises what `claim` and `dial` raise."""
    row = claim(work, task_id, lender_id=lender_id, by=caller.by, now=now)
    dialled = dial(
        work, row.borrower_id, asked_by(row), lender_id=lender_id, caller=caller, now=now, task_id=row.id,
        not_before=row.not_before, not_after=row.not_after, override_reason=override_reason, locale=locale,
    )  # fmt: skip
    work.session.refresh(row)
    row.claimed_until = now + FORGOTTEN_AFTER
    work.session.flush()
    return dialled
