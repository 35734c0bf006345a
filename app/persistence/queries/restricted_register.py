"""Reports to registers: what stands, what waits, what is to be handed over, and what their gates look at."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Select, Table, func, or_, select
from sqlalchemy.orm import Session

from app.domain.disputes import OPEN
from app.domain.errors import NotFoundError
from app.domain.registers import ReportState
from app.persistence import bulk
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.models.restricted_register import RegisterReportRow
from app.persistence.queries.chunks import chunks

_REPORTS = cast(Table, RegisterReportRow.__table__)
_WAITING, _STANDING = ReportState.WAITING.value, ReportState.STANDING.value
UPHELD = ("upheld", "partly_upheld")


def add_reports(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add many."""
    bulk.add_rows(session, _REPORTS, rows)


def set_contents(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write (id, sealed, sha256, stated_at, version) of what reports say; what was loaded of them is read again."""
    columns = {
        "id": "id", "content_sealed": "sealed", "content_sha256": "sha256", "stated_at": "stated_at", "version": "version",
    }  # fmt: skip
    bulk.change_rows(session, _REPORTS, rows, columns=columns, key="id")
    session.expire_all()


def find_live(session: Session, loan_ids: Collection[str], register: str, *, but_waiting: bool = False) -> set[str]:
    """Return the loans of these that stand on the register or wait to; `but_waiting`: that stand."""
    states = (_STANDING,) if but_waiting else (_WAITING, _STANDING)
    found: set[str] = set()
    for part in chunks(loan_ids):
        statement = select(RegisterReportRow.loan_id).where(
            RegisterReportRow.loan_id.in_(part), RegisterReportRow.register == register, RegisterReportRow.state.in_(states)
        )
        found |= set(session.scalars(statement))
    return found


def find_disputed(session: Session, loan_ids: Collection[str]) -> set[str]:
    """Return the loans about which a dispute, an objection or a complaint is open."""
    found: set[str] = set()
    for part in chunks(loan_ids):
        statement = select(DisputeRow.loan_id).where(DisputeRow.loan_id.in_(part), DisputeRow.state.in_(OPEN))
        found |= set(session.scalars(statement))
    return found


def find_upheld(session: Session, loan_ids: Collection[str]) -> dict[str, datetime]:
    """Return loan -> when a case about it was upheld last."""
    found: dict[str, datetime] = {}
    for part in chunks(loan_ids):
        statement = (
            select(DisputeRow.loan_id, func.max(DisputeRow.answered_at).label("at"))
            .where(DisputeRow.loan_id.in_(part), DisputeRow.state.in_(UPHELD), DisputeRow.answered_at.is_not(None))
            .group_by(DisputeRow.loan_id)
        )
        found |= {row.loan_id: row.at for row in session.execute(statement)}
    return found


def find_forborne(session: Session, loan_ids: Collection[str]) -> dict[str, datetime]:
    """Return loan -> when a request for another plan was answered last."""
    found: dict[str, datetime] = {}
    for part in chunks(loan_ids):
        at = func.max(func.coalesce(PlanRequestRow.offered_at, PlanRequestRow.ended_at)).label("at")
        statement = (
            select(PlanRequestRow.loan_id, at).where(PlanRequestRow.loan_id.in_(part)).group_by(PlanRequestRow.loan_id)
        )
        found |= {row.loan_id: row.at for row in session.execute(statement) if row.at is not None}
    return found


def find_people(session: Session, borrower_ids: Collection[str]) -> dict[str, Any]:
    """Return borrower -> their sealed name and national number."""
    found: dict[str, Any] = {}
    for part in chunks(borrower_ids):
        statement = select(BorrowerRow.id, BorrowerRow.name_sealed, BorrowerRow.national_id_sealed)
        found |= {row.id: row for row in session.execute(statement.where(BorrowerRow.id.in_(part)))}
    return found


def load_reports(session: Session, lender_id: str, report_ids: Collection[str]) -> list[RegisterReportRow]:
    """Return a lender's reports to change, as they stand now; those of others are absent."""
    found: list[RegisterReportRow] = []
    for part in chunks(report_ids):
        statement = select(RegisterReportRow).where(RegisterReportRow.id.in_(part), RegisterReportRow.lender_id == lender_id)
        found += session.scalars(statement.order_by(RegisterReportRow.id).execution_options(populate_existing=True))
    return found


def find_owners(session: Session, lender_id: str, report_ids: Collection[str]) -> set[str]:
    """Return whose reports these are."""
    found: set[str] = set()
    for part in chunks(report_ids):
        statement = select(RegisterReportRow.borrower_id).where(
            RegisterReportRow.id.in_(part), RegisterReportRow.lender_id == lender_id
        )
        found |= set(session.scalars(statement))
    return found


def page_standing(session: Session, *, after: str = "", limit: int, lender_id: str | None = None) -> Sequence[Any]:
    """Return (id, lender, borrower, loan, register) of standing reports by id, following `after`."""
    statement = (
        select(
            RegisterReportRow.id, RegisterReportRow.lender_id, RegisterReportRow.borrower_id, RegisterReportRow.loan_id,
            RegisterReportRow.register,
        )
        .where(RegisterReportRow.state == _STANDING)
        .order_by(RegisterReportRow.id)
        .limit(limit)
    )  # fmt: skip
    if after:
        statement = statement.where(RegisterReportRow.id > after)
    if lender_id is not None:
        statement = statement.where(RegisterReportRow.lender_id == lender_id)
    return session.execute(statement).all()


def _shown() -> Select[Any]:
    return (
        select(RegisterReportRow.__table__, LoanRow.loan_no, LoanRow.zone, BorrowerRow.borrower_no)
        .join(LoanRow, LoanRow.id == RegisterReportRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == RegisterReportRow.borrower_id)
    )


def page_of_lender(
    reads: Connection | Session, lender_id: str, *, states: Collection[str], register: str | None = None, after: str = "",
    limit: int,
) -> Sequence[Any]:  # fmt: skip
    """Return a lender's reports in these states, oldest first by id, following `after`."""
    statement = _shown().where(RegisterReportRow.lender_id == lender_id, RegisterReportRow.state.in_(list(states)))
    if register is not None:
        statement = statement.where(RegisterReportRow.register == register)
    if after:
        statement = statement.where(RegisterReportRow.id > after)
    return reads.execute(statement.order_by(RegisterReportRow.id).limit(limit)).all()


def get_shown(
    reads: Connection | Session,
    report_id: str,
    *,
    lender_id: str | None = None,
    borrower_id: str | None = None,
    reported: bool = False,
) -> Any:
    """Return one, of that lender or borrower only; `reported`: only if it was. Raises NotFoundError."""
    statement = _shown().where(RegisterReportRow.id == report_id)
    if reported:
        statement = statement.where(RegisterReportRow.reported_at.is_not(None))
    if lender_id is not None:
        statement = statement.where(RegisterReportRow.lender_id == lender_id)
    if borrower_id is not None:
        statement = statement.where(RegisterReportRow.borrower_id == borrower_id)
    row = reads.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such report.")
    return row


def page_own(
    reads: Connection | Session, borrower_id: str, *, before: tuple[datetime, str] | None = None, limit: int
) -> Sequence[Any]:
    """Return a borrower's own reports that were or are on a register, newest first by (reported_at, id)."""
    statement = _shown().where(RegisterReportRow.borrower_id == borrower_id, RegisterReportRow.reported_at.is_not(None))
    if before is not None:
        at, row_id = before
        later = (RegisterReportRow.reported_at == at) & (RegisterReportRow.id < row_id)
        statement = statement.where((RegisterReportRow.reported_at < at) | later)
    order = (RegisterReportRow.reported_at.desc(), RegisterReportRow.id.desc())
    return reads.execute(statement.order_by(*order).limit(limit)).all()


def count_standing(reads: Connection | Session, lender_id: str) -> dict[str, int]:
    """Return register -> how many people stand on it: figures only, as may be public."""
    statement = (
        select(RegisterReportRow.register, func.count(func.distinct(RegisterReportRow.borrower_id)))
        .where(RegisterReportRow.lender_id == lender_id, RegisterReportRow.state == _STANDING)
        .group_by(RegisterReportRow.register)
    )
    return {row[0]: row[1] for row in reads.execute(statement)}


def find_ending_holds(
    session: Session, borrower_ids: Collection[str], kinds: Collection[str], now: datetime
) -> set[tuple[str, str | None]]:
    """Return (borrower, loan) under a hold of these kinds at `now`; loan None: all of their loans."""
    found: set[tuple[str, str | None]] = set()
    for part in chunks(borrower_ids):
        statement = select(HoldRow.borrower_id, HoldRow.loan_id).where(
            HoldRow.borrower_id.in_(part), HoldRow.kind.in_(sorted(kinds)), HoldRow.from_at <= now,
            or_(HoldRow.until_at.is_(None), HoldRow.until_at > now),
            or_(HoldRow.released_at.is_(None), HoldRow.released_at > now),
        )  # fmt: skip
        found |= {(row[0], row[1]) for row in session.execute(statement)}
    return found


def locale_of(session: Session, borrower_id: str) -> str | None:
    """Return the language a borrower is told in; None: the lender's."""
    return session.scalar(select(BorrowerRow.locale).where(BorrowerRow.id == borrower_id))
