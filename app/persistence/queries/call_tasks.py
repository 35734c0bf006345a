"""Call tasks: which are to be ranked, the top of a lender's worklist, claims, and what is known of earlier calls."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.domain.call_worklists import Rank
from app.domain.calls import DIALLED
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.calls import CallRankRow, CallRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.chunks import chunks
from app.persistence.queries.tasks import seen_by

KINDS = ("call", "call_back")
"""Kinds of tasks that are done by a call."""
MOST_COUNTED = 1000
_IS_CALL = TaskRow.kind.in_(KINDS)


def claim_to_rank(session: Session, *, now: datetime, limit: int) -> list[TaskRow]:
    """Lock up to `limit` open call tasks whose place is to be worked out, skipping those another engine holds."""
    statement = (
        select(TaskRow)
        .where(TaskRow.state == "open", _IS_CALL, TaskRow.rank_at <= now)
        .order_by(TaskRow.rank_at, TaskRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(session.scalars(statement))


def find_to_rank(session: Session, lender_id: str, *, now: datetime, limit: int) -> list[TaskRow]:
    """Return up to `limit` open call tasks of a lender whose place is to be worked out, the ones never ranked first."""
    statement = (
        select(TaskRow)
        .where(TaskRow.state == "open", _IS_CALL, TaskRow.rank_at <= now, seen_by(lender_id))
        .order_by(TaskRow.rank_at, TaskRow.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def put_ranks(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write places in worklists, in place of those known before."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(CallRankRow)
    keys = ("task_id", "lender_id")
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    session.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=changed), list(rows))


def set_rank_at(session: Session, looks: Mapping[str, datetime], *, was: datetime | None = None) -> None:
    """Say when the places of these tasks are to be worked out next; with `was` only where it was to be then."""
    if not looks:
        return
    table = cast(Table, TaskRow.__table__)
    statement = update(table).where(table.c.id == bindparam("b_id")).values(rank_at=bindparam("b_at"))
    if was is not None:
        statement = statement.where(table.c.rank_at == was)
    session.connection().execute(statement, [{"b_id": task_id, "b_at": at} for task_id, at in sorted(looks.items())])


def remove_closed_ranks(session: Session, *, limit: int = 1000) -> int:
    """Forget the places of tasks that are closed; return how many."""
    closed = (
        select(CallRankRow.task_id)
        .join(TaskRow, TaskRow.id == CallRankRow.task_id)
        .where(TaskRow.state != "open")
        .limit(limit)
    )
    ids = list(session.scalars(closed))
    for part in chunks(ids):
        session.execute(delete(CallRankRow).where(CallRankRow.task_id.in_(part)))
    return len(ids)


_COLUMNS = (
    TaskRow.id, TaskRow.kind, TaskRow.queue, TaskRow.state, TaskRow.rule, TaskRow.due_on, TaskRow.due_at,
    TaskRow.not_before, TaskRow.not_after, TaskRow.breach, TaskRow.facts, TaskRow.created_at, TaskRow.loan_id,
    TaskRow.borrower_id, TaskRow.claimed_by, TaskRow.claimed_until, TaskRow.rank_at,
    BorrowerRow.borrower_no, LoanRow.loan_no,
)  # fmt: skip


def find_ranked(
    reads: Connection | Session, lender_id: str, *, now: datetime, is_open: bool, queue: str | None = None, limit: int = 50
) -> Sequence[Any]:
    """Return the top of a lender's worklist as ranked last: of what may be dialled now, or of what opens later.

    Each with its rank, its task, and the borrower's case version now. What never opens comes last.
    """
    opens = CallRankRow.opens_at <= now
    until = or_(CallRankRow.closes_at.is_(None), CallRankRow.closes_at > now)
    statement = (
        select(*_COLUMNS, CallRankRow.urgency, CallRankRow.score, CallRankRow.parts, CallRankRow.opens_at,
               CallRankRow.closes_at, CallRankRow.blocked_by, CallRankRow.case_version,
               AgendaRow.case_version.label("case_version_now"))
        .join(TaskRow, TaskRow.id == CallRankRow.task_id)
        .join(BorrowerRow, BorrowerRow.id == TaskRow.borrower_id)
        .outerjoin(LoanRow, LoanRow.id == TaskRow.loan_id)
        .outerjoin(AgendaRow, AgendaRow.borrower_id == TaskRow.borrower_id)
        .where(CallRankRow.lender_id == lender_id, TaskRow.state == "open")
        .limit(limit)
    )  # fmt: skip
    if is_open:
        statement = statement.where(opens, until).order_by(
            CallRankRow.urgency.desc(), CallRankRow.score.desc(), CallRankRow.task_id.desc()
        )
    else:
        never = CallRankRow.opens_at.is_(None)
        statement = statement.where(or_(never, CallRankRow.opens_at > now, ~until)).order_by(
            never, CallRankRow.opens_at, CallRankRow.urgency.desc(), CallRankRow.score.desc(), CallRankRow.task_id.desc()
        )
    if queue is not None:
        statement = statement.where(TaskRow.queue == queue)
    return reads.execute(statement).all()


def find_task(reads: Connection | Session, task_id: str, lender_id: str) -> Any:
    """Return a call task of this lender as `find_ranked` does, without its rank; None: there is none."""
    statement = (
        select(*_COLUMNS)
        .join(BorrowerRow, BorrowerRow.id == TaskRow.borrower_id)
        .outerjoin(LoanRow, LoanRow.id == TaskRow.loan_id)
        .where(TaskRow.id == task_id, _IS_CALL, seen_by(lender_id))
    )
    return reads.execute(statement).first()


def find_tasks(session: Session, task_ids: Collection[str]) -> list[TaskRow]:
    """Return these tasks."""
    return list(session.scalars(select(TaskRow).where(TaskRow.id.in_(task_ids)).order_by(TaskRow.id)))


def count_open(reads: Connection | Session, lender_id: str, *, now: datetime) -> tuple[int, int]:
    """Return how many ranked tasks may be dialled now, and how many wait; each counted up to MOST_COUNTED only."""
    until = or_(CallRankRow.closes_at.is_(None), CallRankRow.closes_at > now)
    is_open = (CallRankRow.opens_at <= now) & until
    found = []
    for condition in (is_open, or_(CallRankRow.opens_at.is_(None), CallRankRow.opens_at > now, ~until)):
        some = (
            select(CallRankRow.task_id)
            .join(TaskRow, TaskRow.id == CallRankRow.task_id)
            .where(CallRankRow.lender_id == lender_id, TaskRow.state == "open", condition)
            .limit(MOST_COUNTED)
            .subquery()
        )
        found.append(int(reads.execute(select(func.count()).select_from(some)).scalar_one()))
    return found[0], found[1]


def find_lenders_of(session: Session, borrower_ids: Collection[str]) -> dict[str, dict[str, list[LoanRow]]]:
    """Return borrower id -> lender id -> their loans there."""
    found: dict[str, dict[str, list[LoanRow]]] = defaultdict(lambda: defaultdict(list))
    for part in chunks(borrower_ids):
        for row in session.scalars(select(LoanRow).where(LoanRow.borrower_id.in_(part)).order_by(LoanRow.id)):
            found[row.borrower_id][row.lender_id].append(row)
    return found


def find_case_versions(session: Session, borrower_ids: Collection[str]) -> dict[str, int]:
    """Return borrower id -> the version of their case."""
    found: dict[str, int] = {}
    for part in chunks(borrower_ids):
        statement = select(AgendaRow.borrower_id, AgendaRow.case_version).where(AgendaRow.borrower_id.in_(part))
        found |= {row.borrower_id: row.case_version for row in session.execute(statement)}
    return found


# -- claims --------------------------------------------------------------------------------------------------------------


def claim(session: Session, task_id: str, *, by: str, now: datetime, until: datetime) -> bool:
    """Take an open task, unless somebody else has it at `now`; return whether it was taken. One statement decides."""
    statement = (
        update(TaskRow)
        .where(
            TaskRow.id == task_id,
            TaskRow.state == "open",
            or_(TaskRow.claimed_by.is_(None), TaskRow.claimed_by == by, TaskRow.claimed_until <= now),
        )
        .values(claimed_by=by, claimed_until=until)
    )
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def release(session: Session, task_id: str, *, by: str | None) -> bool:
    """Give a task back; `by` None: whoever has it. Return whether that changed anything."""
    statement = update(TaskRow).where(TaskRow.id == task_id, TaskRow.claimed_by.is_not(None))
    if by is not None:
        statement = statement.where(TaskRow.claimed_by == by)
    return bool(session.execute(statement.values(claimed_by=None, claimed_until=None)).rowcount)  # type: ignore[attr-defined]


def find_other_claim(session: Session, borrower_id: str, *, by: str, now: datetime) -> Any:
    """Return a call task of this borrower that somebody else has at `now`: nobody is rung by two people at once."""
    statement = select(TaskRow.id, TaskRow.claimed_by, TaskRow.claimed_until).where(
        TaskRow.borrower_id == borrower_id, TaskRow.state == "open", _IS_CALL,
        TaskRow.claimed_by.is_not(None), TaskRow.claimed_by != by, TaskRow.claimed_until > now,
    )  # fmt: skip
    return session.execute(statement.limit(1)).first()


# -- calls ---------------------------------------------------------------------------------------------------------------


def find_calls(reads: Connection | Session, borrower_ids: Collection[str], *, since: datetime) -> dict[str, list[Any]]:
    """Return borrower id -> their outbound calls since then, newest first."""
    found: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(borrower_ids):
        statement = (
            select(CallRow.id, CallRow.borrower_id, CallRow.outcome, CallRow.result, CallRow.called_at, CallRow.seconds,
                   CallRow.by, CallRow.direction, CallRow.loan_id, CallRow.task_id)
            .where(CallRow.borrower_id.in_(part), CallRow.called_at >= since)
            .order_by(CallRow.called_at.desc(), CallRow.id)
        )  # fmt: skip
        for row in reads.execute(statement):
            found[row.borrower_id].append(row)
    return found


def find_dial(session: Session, borrower_id: str) -> CallRow | None:
    """Return the dial to this borrower of which nobody has told yet how it went, the newest, and lock it."""
    statement = (
        select(CallRow)
        .where(CallRow.borrower_id == borrower_id, CallRow.outcome == DIALLED)
        .order_by(CallRow.called_at.desc(), CallRow.id.desc())
        .limit(1)
        .with_for_update()
    )
    return session.scalar(statement)


def find_own_dials(reads: Connection | Session, by: str, lender_id: str) -> Sequence[Any]:
    """Return the dials of somebody who has not told yet how they went, oldest first."""
    statement = (
        select(CallRow.id, CallRow.task_id, CallRow.called_at, BorrowerRow.borrower_no)
        .join(BorrowerRow, BorrowerRow.id == CallRow.borrower_id)
        .where(
            CallRow.by == by,
            CallRow.outcome == DIALLED,
            exists().where(LoanRow.borrower_id == CallRow.borrower_id, LoanRow.lender_id == lender_id),
        )
        .order_by(CallRow.called_at)
        .limit(20)
    )
    return reads.execute(statement).all()


def get_call(session: Session, call_id: str) -> CallRow | None:
    """Return a call and lock it."""
    return session.scalar(select(CallRow).where(CallRow.id == call_id).with_for_update())


def count_tries(session: Session, task_id: str) -> int:
    """Return how many calls were made for a task."""
    return int(session.scalar(select(func.count()).where(CallRow.task_id == task_id)) or 0)


def rank_of(row: Any) -> Rank:
    """Return the rank of a row of `find_ranked`, without its parts."""
    return Rank(row.id, row.urgency, row.score, (), row.opens_at, row.closes_at, row.blocked_by)
