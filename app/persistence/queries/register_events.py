"""What happened to reports to registers: of what borrowers and registers are to be told, and the files that tell it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Select, Table, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from app.domain.errors import NotFoundError
from app.persistence import bulk
from app.persistence.models.loans import LoanRow
from app.persistence.models.restricted_register import RegisterFileRow, RegisterReportEventRow, RegisterReportRow
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


def find_unfiled(session: Session, lender_id: str, register: str, *, but: Collection[str] = ()) -> Sequence[Any]:
    """Return what a register is to be told and was not, in the order of ids; `but`: not of these reports."""
    statement = (
        select(_EVENTS)
        .where(
            RegisterReportEventRow.lender_id == lender_id, RegisterReportEventRow.register == register,
            RegisterReportEventRow.file_id.is_(None), RegisterReportEventRow.left_out.is_(False),
        )
        .order_by(RegisterReportEventRow.id)
    )  # fmt: skip
    return [row for row in session.execute(statement) if row.report_id not in but]


def find_handed_over(reads: Connection | Session, report_ids: Collection[str]) -> dict[str, datetime]:
    """Return report -> when the file was made that told the register of it; one it has not heard of is absent."""
    found: dict[str, datetime] = {}
    for part in chunks(report_ids):
        statement = (
            select(RegisterReportEventRow.report_id, RegisterFileRow.made_at)
            .join(RegisterFileRow, RegisterFileRow.id == RegisterReportEventRow.file_id)
            .where(RegisterReportEventRow.report_id.in_(part), RegisterReportEventRow.kind == "reported")
        )
        found |= {row.report_id: row.made_at for row in reads.execute(statement)}
    return found


class UntoldRemoval(NamedTuple):
    """A removal that its register, which heard of the report, was not told of yet."""

    id: str
    report_id: str
    borrower_id: str
    loan_id: str
    register: str
    zone: str
    removal_due_on: date


def page_untold_removals(session: Session, *, due_by: date, after: str = "", limit: int) -> list[UntoldRemoval]:
    """Return removals to be told by that day and not in any file, by the event's id, following `after`."""
    statement = _untold_removals().where(RegisterReportRow.removal_due_on <= due_by)
    if after:
        statement = statement.where(RegisterReportEventRow.id > after)
    statement = statement.order_by(RegisterReportEventRow.id).limit(limit)
    return [UntoldRemoval(**row._mapping) for row in session.execute(statement)]


def lock_untold_removals(session: Session, ids: Sequence[str]) -> list[UntoldRemoval]:
    """Return those of these that are still in no file, locked: a file that would tell them waits until this is committed."""
    statement = _untold_removals().where(RegisterReportEventRow.id.in_(ids)).order_by(RegisterReportEventRow.id)
    locked = session.execute(statement.with_for_update(of=RegisterReportEventRow))
    return [UntoldRemoval(**row._mapping) for row in locked]


def _untold_removals() -> Select[*tuple[Any, ...]]:
    first = aliased(RegisterReportEventRow)
    heard = exists().where(
        first.report_id == RegisterReportEventRow.report_id, first.kind == "reported", first.file_id.is_not(None)
    )
    return (
        select(
            RegisterReportEventRow.id, RegisterReportEventRow.report_id, RegisterReportEventRow.borrower_id,
            RegisterReportRow.loan_id, RegisterReportEventRow.register, LoanRow.zone, RegisterReportRow.removal_due_on,
        )
        .join(RegisterReportRow, RegisterReportRow.id == RegisterReportEventRow.report_id)
        .join(LoanRow, LoanRow.id == RegisterReportRow.loan_id)
        .where(
            RegisterReportEventRow.kind == "removed", RegisterReportEventRow.file_id.is_(None),
            RegisterReportEventRow.left_out.is_(False), heard,
        )
    )  # fmt: skip


def write_told(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write (id, sealed, sha256) of lines as a file hands them over."""
    columns = {"id": "id", "told_sealed": "sealed", "told_sha256": "sha256"}
    bulk.change_rows(session, _EVENTS, rows, columns=columns, key="id")


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
