"""Rehearsals that are kept: those asked for, those running, and the tables of those that are done."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.rehearsals import RehearsalCountRow, RehearsalRow

_UNFINISHED = ("waiting", "running")


def add_rehearsal(session: Session, row: RehearsalRow) -> None:
    """Add a rehearsal."""
    session.add(row)
    session.flush()


def get_rehearsal(session: Session, rehearsal_id: str, *, lender_id: str | None = None) -> RehearsalRow:
    """Return a rehearsal; with a lender only one of theirs. Raises NotFoundError."""
    statement = select(RehearsalRow).where(RehearsalRow.id == rehearsal_id)
    if lender_id is not None:
        statement = statement.where(RehearsalRow.lender_id == lender_id)
    row = session.scalar(statement)
    if row is None:
        raise NotFoundError(f"There is no rehearsal {rehearsal_id}.")
    return row


def page_rehearsals(
    session: Session, *, lender_id: str, after: tuple[datetime, str] | None = None, limit: int
) -> list[RehearsalRow]:
    """Return at most `limit` rehearsals of a lender, newest first, those after the one of that instant and id."""
    statement = select(RehearsalRow).where(RehearsalRow.lender_id == lender_id)
    if after is not None:
        at, row_id = after
        older = and_(RehearsalRow.created_at == at, RehearsalRow.id < row_id)
        statement = statement.where(or_(RehearsalRow.created_at < at, older))
    return list(session.scalars(statement.order_by(RehearsalRow.created_at.desc(), RehearsalRow.id.desc()).limit(limit)))


def count_unfinished(session: Session, lender_id: str) -> int:
    """Return how many rehearsals of a lender wait or run."""
    statement = select(func.count()).select_from(RehearsalRow)
    statement = statement.where(RehearsalRow.lender_id == lender_id, RehearsalRow.state.in_(_UNFINISHED))
    return session.scalar(statement) or 0


def find_unfinished(session: Session) -> RehearsalRow | None:
    """Return the rehearsal to do next: the one that was asked for first, also one whose process is gone."""
    statement = select(RehearsalRow).where(RehearsalRow.state.in_(_UNFINISHED))
    return session.scalars(statement.order_by(RehearsalRow.created_at, RehearsalRow.id).limit(1)).first()


def mark_progress(session: Session, rehearsal_id: str, *, done: int, total: int) -> None:
    """Say how far a rehearsal is."""
    changes = {"state": "running", "borrowers_done": done, "borrowers_total": total}
    session.execute(update(RehearsalRow).where(RehearsalRow.id == rehearsal_id).values(changes))


def mark_failed(session: Session, rehearsal_id: str, *, failure: str, now: datetime) -> None:
    """End an unfinished rehearsal that cannot be done."""
    session.execute(
        update(RehearsalRow)
        .where(RehearsalRow.id == rehearsal_id, RehearsalRow.state.in_(_UNFINISHED))
        .values(state="failed", failure=failure[:400], finished_at=now)
    )


def add_lines(session: Session, lines: Sequence[Mapping[str, Any]]) -> None:
    """Add lines of results."""
    if lines:
        session.execute(insert(RehearsalCountRow), list(lines))


def page_lines(
    session: Session, rehearsal_id: str, *, table: str, after: int, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """Return at most `limit` lines of a table as (number, line), those after number `after`."""
    statement = (
        select(RehearsalCountRow.seq, RehearsalCountRow.line)
        .where(
            RehearsalCountRow.rehearsal_id == rehearsal_id,
            RehearsalCountRow.table_name == table,
            RehearsalCountRow.seq > after,
        )
        .order_by(RehearsalCountRow.seq)
        .limit(limit)
    )
    return [(row.seq, row.line) for row in session.execute(statement)]


def iterate_lines(session: Session, rehearsal_id: str, table: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (table, line) of a rehearsal's result, or of one table of it, in order."""
    statement = select(RehearsalCountRow.table_name, RehearsalCountRow.line).where(
        RehearsalCountRow.rehearsal_id == rehearsal_id
    )
    if table is not None:
        statement = statement.where(RehearsalCountRow.table_name == table)
    for row in session.execute(statement.order_by(RehearsalCountRow.seq).execution_options(yield_per=1000)):
        yield row.table_name, row.line
