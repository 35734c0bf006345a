"""What happened to reports to registers: of what borrowers and registers are to be told, and the files that tell it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, func, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence import bulk
from app.persistence.models.restricted_register import RegisterFileRow, RegisterReportEventRow
from app.persistence.queries.chunks import chunks

_EVENTS = cast(Table, RegisterReportEventRow.__table__)


def add_events(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append what registers are to be told."""
    bulk.add_rows(session, _EVENTS, rows)


def find_events(reads: Connection | Session, report_id: str) -> Sequence[Any]:
    """Return what happened to a report, oldest first."""
    statement = select(_EVENTS).where(RegisterReportEventRow.report_id == report_id)
    return reads.execute(statement.order_by(RegisterReportEventRow.at, RegisterReportEventRow.id)).all()


def find_untold(session: Session, *, limit: int) -> Sequence[Any]:
    """Return events of which the borrower was not told, oldest first."""
    statement = (
        select(_EVENTS).where(RegisterReportEventRow.told_at.is_(None)).order_by(RegisterReportEventRow.id).limit(limit)
    )
    return session.execute(statement).all()


def mark_told(session: Session, event_ids: Collection[str], *, at: datetime) -> None:
    """Note that borrowers were told."""
    for part in chunks(event_ids):
        session.execute(update(RegisterReportEventRow).where(RegisterReportEventRow.id.in_(part)).values(told_at=at))


def find_unfiled(session: Session, lender_id: str, register: str) -> Sequence[Any]:
    """Return what a register is to be told and was not, in the order of ids."""
    statement = (
        select(_EVENTS)
        .where(
            RegisterReportEventRow.lender_id == lender_id, RegisterReportEventRow.register == register,
            RegisterReportEventRow.file_id.is_(None), RegisterReportEventRow.left_out.is_(False),
        )
        .order_by(RegisterReportEventRow.id)
    )  # fmt: skip
    return session.execute(statement).all()


def count_unfiled(reads: Connection | Session, lender_id: str) -> dict[str, int]:
    """Return register -> how many lines wait for its next file."""
    statement = (
        select(RegisterReportEventRow.register, func.count())
        .where(
            RegisterReportEventRow.lender_id == lender_id, RegisterReportEventRow.file_id.is_(None),
            RegisterReportEventRow.left_out.is_(False),
        )
        .group_by(RegisterReportEventRow.register)
    )  # fmt: skip
    return {row[0]: row[1] for row in reads.execute(statement)}


def mark_filed(session: Session, event_ids: Collection[str], file_id: str) -> None:
    """Note in which file events were handed over."""
    for part in chunks(event_ids):
        session.execute(update(RegisterReportEventRow).where(RegisterReportEventRow.id.in_(part)).values(file_id=file_id))


def mark_left_out(session: Session, event_ids: Collection[str]) -> None:
    """Note which events are never handed over."""
    for part in chunks(event_ids):
        session.execute(update(RegisterReportEventRow).where(RegisterReportEventRow.id.in_(part)).values(left_out=True))


def find_file_events(reads: Connection | Session, file_id: str) -> Sequence[Any]:
    """Return the lines of a file, in order."""
    statement = select(_EVENTS).where(RegisterReportEventRow.file_id == file_id).order_by(RegisterReportEventRow.id)
    return reads.execute(statement).all()


def newest_file_number(session: Session, lender_id: str, register: str) -> int:
    """Return the number of the newest file; 0: there is none."""
    statement = select(func.max(RegisterFileRow.number)).where(
        RegisterFileRow.lender_id == lender_id, RegisterFileRow.register == register
    )
    return session.scalar(statement) or 0


def page_files(reads: Connection | Session, lender_id: str, *, before: str = "", limit: int) -> Sequence[Any]:
    """Return a lender's files, newest first by id."""
    statement = select(RegisterFileRow.__table__).where(RegisterFileRow.lender_id == lender_id)
    if before:
        statement = statement.where(RegisterFileRow.id < before)
    return reads.execute(statement.order_by(RegisterFileRow.id.desc()).limit(limit)).all()


def get_file(reads: Connection | Session, lender_id: str, file_id: str) -> Any:
    """Return one of a lender's files. Raises NotFoundError."""
    statement = select(RegisterFileRow.__table__).where(
        RegisterFileRow.id == file_id, RegisterFileRow.lender_id == lender_id
    )
    row = reads.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such file.")
    return row
