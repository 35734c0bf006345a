"""Tasks for people: by their natural key, by queue."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Date, and_, bindparam, func, literal, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.domain.cases import DecisionKey, OpenTask
from app.domain.errors import NotFoundError
from app.persistence.among import among, ids_named
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.tasks import TaskRow
from app.persistence.prepared import PreparedChange, PreparedSelect
from app.persistence.queries.chunks import chunks

MOST_QUEUES = 30
NO_DAY = date(1970, 1, 1)
"""Where a task without a last day stands among those by their last day: before all of them."""


def add_tasks(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add tasks; one whose natural key is known stays as it is, also when it is closed."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(TaskRow.__table__).on_conflict_do_nothing(index_elements=["natural_key"])
    session.connection().execute(statement, rows)


_WITHDRAW = PreparedChange(
    update(TaskRow.__table__)  # type: ignore[arg-type]
    .where(TaskRow.id == bindparam("b_id"), TaskRow.state == "open")
    .values(
        state="cancelled",
        state_reason=bindparam("b_reason"),
        closed_at=bindparam("b_at"),
        closed_by="engine",
        version=TaskRow.version + 1,
    )
)
_OPEN = PreparedSelect.of(
    select(TaskRow.id, TaskRow.borrower_id, TaskRow.kind, TaskRow.natural_key)
    .where(
        among(TaskRow.borrower_id, ids_named("b_ids")),
        TaskRow.state == "open",
        or_(TaskRow.kind == "call", TaskRow.kind == "letter"),
        TaskRow.decision_id.is_not(None),
    )
    .order_by(TaskRow.id)
)


def find_open_tasks(connection: Connection, borrower_ids: Collection[str]) -> dict[str, list[OpenTask]]:
    """Return the calls and letters of steps that wait for a person, by borrower; what people drafted themselves is none."""
    found: dict[str, list[OpenTask]] = {}
    for row in _OPEN.all(connection, {"b_ids": borrower_ids}) if borrower_ids else ():
        kind, *subject, anchor_no, step_key = row.natural_key.split("/")
        key = DecisionKey(kind, "/".join(subject), int(anchor_no), step_key)
        found.setdefault(row.borrower_id, []).append(OpenTask(row.id, row.kind, key))
    return found


def withdraw_tasks(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Cancel tasks that must not be done any more. `rows`: b_id, b_reason, b_at."""
    if rows:
        _WITHDRAW.run_many(session.connection(), rows)


def find_task_ids(session: Session, natural_keys: Collection[str]) -> dict[str, str]:
    """Return natural key -> id of the tasks that exist."""
    found: dict[str, str] = {}
    for part in chunks(natural_keys):
        statement = select(TaskRow.natural_key, TaskRow.id).where(TaskRow.natural_key.in_(part))
        found |= {row.natural_key: row.id for row in session.execute(statement)}
    return found


def find_task_named(session: Session, natural_key: str) -> TaskRow | None:
    """Return the task of that occasion, whatever became of it, or None."""
    return session.scalar(select(TaskRow).where(TaskRow.natural_key == natural_key))


def exists_open(session: Session, borrower_id: str, kind: str) -> bool:
    """Return whether a task of that kind waits for a person."""
    statement = select(TaskRow.id).where(TaskRow.borrower_id == borrower_id, TaskRow.state == "open", TaskRow.kind == kind)
    return session.scalar(statement.limit(1)) is not None


def get_task(session: Session, task_id: str, *, lender_id: str | None = None) -> TaskRow:
    """Return the task and lock it; with a lender only if it is about a borrower or loan of theirs. Raises NotFoundError."""
    statement = select(TaskRow).where(TaskRow.id == task_id)
    if lender_id is not None:
        statement = statement.where(seen_by(lender_id))
    row = session.scalar(statement.with_for_update())
    if row is None:
        raise NotFoundError(f"There is no task {task_id}.")
    return row


def page_tasks(
    reads: Connection | Session,
    *,
    lender_id: str | None = None,
    queue: str | None = None,
    state: str | None = None,
    borrower_no: str | None = None,
    kind: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> Sequence[Any]:
    """Return tasks with the numbers of their borrower and loan, oldest first, following `after` (created_at, id)."""
    statement = (
        select(TaskRow.__table__, BorrowerRow.borrower_no, LoanRow.loan_no)
        .join(BorrowerRow, BorrowerRow.id == TaskRow.borrower_id)
        .outerjoin(LoanRow, LoanRow.id == TaskRow.loan_id)
        .order_by(TaskRow.created_at, TaskRow.id)
        .limit(limit)
    )
    if lender_id is not None:
        statement = statement.where(seen_by(lender_id))
    filters = (
        (TaskRow.queue, queue),
        (TaskRow.kind, kind),
        (TaskRow.state, state),
        (BorrowerRow.borrower_no, borrower_no),
    )
    for column, wanted in filters:
        if wanted is not None:
            statement = statement.where(column == wanted)
    if after is not None:
        at, task_id = after
        statement = statement.where(or_(TaskRow.created_at > at, and_(TaskRow.created_at == at, TaskRow.id > task_id)))
    return reads.execute(statement).all()


def page_by_deadline(
    reads: Connection | Session,
    *,
    lender_id: str,
    queue: str | None = None,
    breach: bool = False,
    claimed_by: str | None = None,
    has_deadline: bool | None = True,
    after: tuple[date, str] | None = None,
    limit: int,
) -> Sequence[Any]:
    """Return open tasks by their last day, the earliest first, following `after` (due_on, id).

    `breach`: only those whose day has passed undone, or that the law wanted done at once. `claimed_by`: only those somebody
    has taken. `has_deadline` False: those without a last day, oldest first; then the day of `after` says nothing. None:
    both, and those without one stand first, on NO_DAY.
    """
    statement = (
        select(TaskRow.__table__, BorrowerRow.borrower_no, LoanRow.loan_no)
        .join(BorrowerRow, BorrowerRow.id == TaskRow.borrower_id)
        .outerjoin(LoanRow, LoanRow.id == TaskRow.loan_id)
        .where(TaskRow.state == "open", seen_by(lender_id))
        .limit(limit)
    )
    if queue is not None:
        statement = statement.where(TaskRow.queue == queue)
    if claimed_by is not None:
        statement = statement.where(TaskRow.claimed_by == claimed_by)
    if breach:
        statement = statement.where(TaskRow.breach == true())
    if has_deadline is False:
        statement = statement.where(TaskRow.due_on.is_(None)).order_by(TaskRow.id)
        return reads.execute(statement if after is None else statement.where(TaskRow.id > after[1])).all()
    last_day: Any = TaskRow.due_on
    if has_deadline is None:
        last_day = func.coalesce(TaskRow.due_on, literal(NO_DAY, Date()))
    else:
        statement = statement.where(TaskRow.due_on.is_not(None))
    statement = statement.order_by(last_day, TaskRow.id)
    if after is not None:
        on, task_id = after
        statement = statement.where(or_(last_day > on, and_(last_day == on, TaskRow.id > task_id)))
    return reads.execute(statement).all()


def find_queues(reads: Connection | Session) -> list[str]:
    """Return the names of the queues in which something is open, by name: each found by the index, none counted."""
    found: list[str] = []
    while len(found) < MOST_QUEUES:
        statement = select(func.min(TaskRow.queue)).where(TaskRow.state == "open")
        following = reads.scalar(statement if not found else statement.where(TaskRow.queue > found[-1]))
        if following is None:
            break
        found.append(following)
    return found


def look_at_task(reads: Connection | Session, task_id: str, *, lender_id: str) -> Any:
    """Return one task about a borrower or loan of a lender, with their numbers. Raises NotFoundError."""
    statement = (
        select(TaskRow.__table__, BorrowerRow.borrower_no, LoanRow.loan_no)
        .join(BorrowerRow, BorrowerRow.id == TaskRow.borrower_id)
        .outerjoin(LoanRow, LoanRow.id == TaskRow.loan_id)
        .where(TaskRow.id == task_id, seen_by(lender_id))
    )
    row = reads.execute(statement).first()
    if row is None:
        raise NotFoundError("There is no such task.")
    return row


def find_tasks_of(session: Session, borrower_ids: Collection[str], *, queue: str) -> Sequence[TaskRow]:
    """Return the tasks of a queue about these borrowers, oldest first, whatever became of them."""
    found: list[TaskRow] = []
    for part in chunks(borrower_ids):
        statement = select(TaskRow).where(TaskRow.borrower_id.in_(part), TaskRow.queue == queue)
        found += session.scalars(statement.order_by(TaskRow.created_at, TaskRow.id))
    return found


def mark_breaches(session: Session, natural_keys: Collection[str]) -> None:
    """Say of these tasks that their day has passed."""
    for part in chunks(natural_keys):
        session.execute(update(TaskRow).where(TaskRow.natural_key.in_(part)).values(breach=True))


def find_not_in_breach(session: Session, natural_keys: Collection[str]) -> set[str]:
    """Return those of these tasks that are open and whose day was not yet said to have passed."""
    found: set[str] = set()
    for part in chunks(natural_keys):
        statement = select(TaskRow.natural_key).where(
            TaskRow.natural_key.in_(part), TaskRow.state == "open", TaskRow.breach.is_(False)
        )
        found |= set(session.scalars(statement))
    return found


def finish_named(session: Session, natural_keys: Collection[str], *, reason: str, by: str, now: datetime) -> None:
    """Close the open tasks of these occasions as done; what woke nobody when it was made wakes nobody now."""
    for part in chunks(natural_keys):
        session.execute(
            update(TaskRow)
            .where(TaskRow.natural_key.in_(part), TaskRow.state == "open")
            .values(state="done", state_reason=reason, closed_at=now, closed_by=by[:80], version=TaskRow.version + 1)
        )


def page_duties(
    reads: Connection | Session,
    *,
    queue: str,
    lender_id: str | None = None,
    overdue: bool = False,
    due_by: date | None = None,
    also_by: Mapping[date, Collection[str]] | None = None,
    zone: str = "UTC",
    rule: str | None = None,
    borrower_no: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> Sequence[Any]:
    """Return open tasks of that queue, those in breach first, then oldest first, following `after` (created_at, id).

    `due_by`: only those that are not missed and whose last day is that one or earlier; `also_by`: or, in the zones of loans
    that are named with it, another day. `zone`: of what is about no single loan.
    """
    statement = (
        select(TaskRow.__table__, BorrowerRow.borrower_no, LoanRow.loan_no)
        .join(BorrowerRow, BorrowerRow.id == TaskRow.borrower_id)
        .outerjoin(LoanRow, LoanRow.id == TaskRow.loan_id)
        .where(TaskRow.state == "open", TaskRow.queue == queue)
        .order_by(TaskRow.breach.desc(), TaskRow.created_at, TaskRow.id)
        .limit(limit)
    )
    if lender_id is not None:
        statement = statement.where(seen_by(lender_id))
    if overdue:
        statement = statement.where(TaskRow.breach.is_(True))
    if due_by is not None:
        where = func.coalesce(LoanRow.zone, zone)
        by_zone = [and_(TaskRow.due_on <= on, where.in_(sorted(zones))) for on, zones in (also_by or {}).items()]
        statement = statement.where(TaskRow.breach.is_(False), or_(TaskRow.due_on <= due_by, *by_zone))
    if rule is not None:
        statement = statement.where(TaskRow.rule == rule)
    if borrower_no is not None:
        statement = statement.where(BorrowerRow.borrower_no == borrower_no)
    if after is not None:
        at, task_id = after
        later = or_(TaskRow.created_at > at, and_(TaskRow.created_at == at, TaskRow.id > task_id))
        is_breach = select(TaskRow.breach).where(TaskRow.id == task_id).scalar_subquery()
        statement = statement.where(or_(TaskRow.breach < is_breach, and_(TaskRow.breach == is_breach, later)))
    return reads.execute(statement).all()


def find_zones_due(
    reads: Connection | Session, *, queue: str, lender_id: str | None, zone: str, first: date, last: date
) -> list[str]:
    """Return the zones of loans with an open task of that queue whose last day is in these days; of no loan: `zone`."""
    statement = (
        select(func.coalesce(LoanRow.zone, zone))
        .select_from(TaskRow)
        .outerjoin(LoanRow, LoanRow.id == TaskRow.loan_id)
        .where(TaskRow.state == "open", TaskRow.queue == queue, TaskRow.due_on >= first, TaskRow.due_on <= last)
        .distinct()
    )
    return list(reads.execute(statement if lender_id is None else statement.where(seen_by(lender_id))).scalars())


def seen_by(lender_id: str) -> ColumnElement[bool]:
    """A task on a loan of this lender, or on no loan and a borrower who has one there.

    As values and not by EXISTS: that is turned into a hash of all loans, however few tasks are looked at.
    """
    on_loan = select(LoanRow.lender_id).where(LoanRow.id == TaskRow.loan_id).correlate(TaskRow).scalar_subquery()
    owes = select(LoanRow.lender_id).where(LoanRow.borrower_id == TaskRow.borrower_id, LoanRow.lender_id == lender_id)
    return func.coalesce(on_loan, owes.limit(1).correlate(TaskRow).scalar_subquery()) == lender_id
