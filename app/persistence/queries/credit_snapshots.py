"""Snapshots of credit reports: the loans they are made of, page by page, and the frozen rows."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, cast

from sqlalchemy import Connection, Integer, Table, and_, bindparam, delete, func, insert, or_, select, tuple_
from sqlalchemy.orm import Session

from app.domain.credit_snapshots import FURNISHED, MAKING, UNSENT
from app.domain.errors import NotFoundError
from app.persistence.among import among, ids_named
from app.persistence.bulk import add_rows
from app.persistence.column_types import Id
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.credit_reports import (
    CreditEnrolmentRow,
    CreditOmissionRow,
    CreditRejectionRow,
    CreditReportRow,
    CreditSnapshotRow,
)
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.chunks import chunks

_NOT_COUNTED = ("declined", "rejected")
_NONE_BEFORE = "00000000-0000-0000-0000-000000000000"
"""Smaller than any id that is given."""
_IDS = ids_named("b_ids")
_AFTER, _LIMIT = bindparam("b_after", type_=Id()), bindparam("b_limit", type_=Integer())
_SNAPSHOT_ID = bindparam("b_snapshot_id", type_=Id())


def add_snapshot(session: Session, row: CreditSnapshotRow) -> None:
    """Add one that begins."""
    session.add(row)
    session.flush()


def find_snapshot(session: Session, lender_id: str, bureau: str, as_of: date) -> CreditSnapshotRow | None:
    """Return the one that counts of that lender, bureau and day, or None."""
    statement = select(CreditSnapshotRow).where(
        CreditSnapshotRow.lender_id == lender_id,
        CreditSnapshotRow.bureau == bureau,
        CreditSnapshotRow.as_of == as_of,
        CreditSnapshotRow.state.not_in(_NOT_COUNTED),
    )
    return session.scalar(statement)


def load_snapshot(session: Session, snapshot_id: str, lender_id: str | None = None) -> CreditSnapshotRow:
    """Return one to change, locked; `lender_id`: whose it must be. Raises NotFoundError."""
    statement = select(CreditSnapshotRow).where(CreditSnapshotRow.id == snapshot_id)
    if lender_id is not None:
        statement = statement.where(CreditSnapshotRow.lender_id == lender_id)
    row = session.scalar(statement.with_for_update(), execution_options={"populate_existing": True})
    if row is None:
        raise NotFoundError("There is no such snapshot.")
    return row


def get_snapshot(session: Session, snapshot_id: str) -> CreditSnapshotRow:
    """Return one to look at. Raises NotFoundError."""
    row = session.get(CreditSnapshotRow, snapshot_id)
    if row is None:
        raise NotFoundError("There is no such snapshot.")
    return row


def find_previous(session: Session, lender_id: str, bureau: str, as_of: date) -> str | None:
    """Return the newest snapshot before that day that the bureau has, or None."""
    statement = (
        select(CreditSnapshotRow.id)
        .where(
            CreditSnapshotRow.lender_id == lender_id,
            CreditSnapshotRow.bureau == bureau,
            CreditSnapshotRow.as_of < as_of,
            CreditSnapshotRow.state.in_(FURNISHED),
        )
        .order_by(CreditSnapshotRow.as_of.desc())
        .limit(1)
    )
    return session.scalar(statement)


def find_open(session: Session, lender_id: str, bureau: str) -> date | None:
    """Return the day of a snapshot of that bureau that has not left and was not declined, or None."""
    statement = select(CreditSnapshotRow.as_of).where(
        CreditSnapshotRow.lender_id == lender_id, CreditSnapshotRow.bureau == bureau, CreditSnapshotRow.state.in_(UNSENT)
    )
    return session.scalar(statement.order_by(CreditSnapshotRow.as_of).limit(1))


def find_making(session: Session) -> Sequence[str]:
    """Return the snapshots that are being made, the oldest first."""
    statement = select(CreditSnapshotRow.id).where(CreditSnapshotRow.state == MAKING).order_by(CreditSnapshotRow.made_at)
    return session.scalars(statement).all()


def find_unnoted(session: Session) -> Sequence[str]:
    """Return the snapshots that were handed in and of which not all that follows is noted, the oldest first."""
    statement = select(CreditSnapshotRow.id).where(
        CreditSnapshotRow.state.in_(FURNISHED), CreditSnapshotRow.noted_at.is_(None)
    )
    return session.scalars(statement.order_by(CreditSnapshotRow.submitted_at)).all()


_LOANS = (
    select(
        LoanRow.id, LoanRow.borrower_id, LoanRow.lender_id, LoanRow.loan_no, LoanRow.product_kind, LoanRow.currency,
        LoanRow.zone, LoanRow.status, LoanRow.ended_at, LoanRow.principal_minor, LoanRow.disbursed_on, LoanRow.contract,
        LoanRow.cap, LoanRow.stops, LenderRow.code.label("lender_code"),
        PositionSnapshotRow.anchor_no, PositionSnapshotRow.principal_balance_minor, PositionSnapshotRow.unapplied_minor,
        PositionSnapshotRow.open_rows, PositionSnapshotRow.row_states, PositionSnapshotRow.last_effective_on,
        PositionSnapshotRow.last_recorded_at, PositionSnapshotRow.holds_until, PositionSnapshotRow.paid_late_days,
        CreditEnrolmentRow.kind.label("enrolled_as"), BorrowerRow.country,
        BorrowerRow.name_sealed, BorrowerRow.national_id_sealed, BorrowerRow.address_sealed, BorrowerRow.phone_sealed,
        BorrowerRow.zone.label("borrower_zone"), LenderRow.role, LenderRow.jurisdiction,
    )
    .join(LenderRow, LenderRow.id == LoanRow.lender_id)
    .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
    .outerjoin(PositionSnapshotRow, PositionSnapshotRow.loan_id == LoanRow.id)
    .outerjoin(
        CreditEnrolmentRow, and_(CreditEnrolmentRow.loan_id == LoanRow.id, CreditEnrolmentRow.ended_at.is_(None))
    )
)  # fmt: skip
_PAGE_OF_LOANS = PreparedSelect.of(
    _LOANS.where(LoanRow.lender_id == bindparam("b_lender_id", type_=Id()), LoanRow.id > _AFTER)
    .order_by(LoanRow.id)
    .limit(_LIMIT)
)
_LOANS_BY_ID = PreparedSelect.of(_LOANS.where(among(LoanRow.id, _IDS)).order_by(LoanRow.id))


def page_reported_loans(session: Session, lender_id: str, *, after: str | None, limit: int) -> Sequence[Any]:
    """Return a lender's loans with what a report is made of besides their ledgers, by id, following `after`."""
    given = {"b_lender_id": lender_id, "b_after": after or _NONE_BEFORE, "b_limit": limit}
    return _PAGE_OF_LOANS.all(session.connection(), given)


def find_reported_loans(session: Session, loan_ids: Collection[str]) -> Sequence[Any]:
    """Return the same of certain loans."""
    return _LOANS_BY_ID.all(session.connection(), {"b_ids": loan_ids})


def _of_row(model: Any) -> Any:
    return and_(model.snapshot_id == CreditReportRow.snapshot_id, model.loan_id == CreditReportRow.loan_id)


_ROWS = PreparedSelect.of(
    select(
        CreditReportRow.loan_id, CreditReportRow.reason, CreditReportRow.kind, CreditReportRow.account,
        CreditReportRow.mark, CreditReportRow.last_snapshot_id, CreditReportRow.people_sealed,
        CreditReportRow.people_mark, CreditReportRow.terms_mark,
        or_(CreditOmissionRow.loan_id.is_not(None), CreditRejectionRow.loan_id.is_not(None)).label("is_out"),
    )
    .outerjoin(CreditOmissionRow, _of_row(CreditOmissionRow))
    .outerjoin(CreditRejectionRow, _of_row(CreditRejectionRow))
    .where(CreditReportRow.snapshot_id == _SNAPSHOT_ID, among(CreditReportRow.loan_id, _IDS))
)  # fmt: skip


def find_rows(session: Session, snapshot_id: str, loan_ids: Collection[str]) -> dict[str, Any]:
    """Return loan -> its row in a snapshot, with whether it left: `is_out` says that it was omitted or not taken."""
    rows = _ROWS.all(session.connection(), {"b_snapshot_id": snapshot_id, "b_ids": loan_ids})
    return {row.loan_id: row for row in rows}


def find_accounts(session: Session, keys: Collection[tuple[str, str]]) -> dict[str, Any]:
    """Return loan -> (account, mark) of rows by (snapshot, loan)."""
    found: dict[str, Any] = {}
    for part in chunks(keys):
        statement = select(CreditReportRow.loan_id, CreditReportRow.account, CreditReportRow.mark).where(
            tuple_(CreditReportRow.snapshot_id, CreditReportRow.loan_id).in_(part)
        )
        found |= {row.loan_id: row for row in session.execute(statement)}
    return found


def add_reports(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Freeze rows; they never change."""
    add_rows(session, cast(Table, CreditReportRow.__table__), rows)


_FURNISHED_ROWS = PreparedSelect.of(
    select(
        CreditReportRow.loan_id, CreditReportRow.borrower_id, CreditReportRow.kind, CreditReportRow.status,
        CreditReportRow.first_delinquency_on, CreditReportRow.mark, CreditReportRow.account,
        CreditReportRow.people_sealed,
    )
    .where(
        CreditReportRow.snapshot_id == _SNAPSHOT_ID, CreditReportRow.reason.is_(None), CreditReportRow.loan_id > _AFTER
    )
    .order_by(CreditReportRow.loan_id)
    .limit(_LIMIT)
)  # fmt: skip


def page_furnished(session: Session, snapshot_id: str, *, after: str | None, limit: int) -> Sequence[Any]:
    """Return the rows of a snapshot that are to be furnished, by loan, following `after`."""
    given = {"b_snapshot_id": snapshot_id, "b_after": after or _NONE_BEFORE, "b_limit": limit}
    return _FURNISHED_ROWS.all(session.connection(), given)


_WHOLE_ROWS = PreparedSelect.of(
    select(*CreditReportRow.__table__.columns)
    .where(CreditReportRow.snapshot_id == _SNAPSHOT_ID, CreditReportRow.loan_id > _AFTER)
    .order_by(CreditReportRow.loan_id)
    .limit(_LIMIT)
)


def page_chain(session: Session, snapshot_id: str, *, after: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
    """Return whole rows by the names of their columns, in the order of the chain, following `after`."""
    given = {"b_snapshot_id": snapshot_id, "b_after": after or _NONE_BEFORE, "b_limit": limit}
    return [row._asdict() for row in _WHOLE_ROWS.all(session.connection(), given)]


def clear_omissions(session: Session, snapshot_id: str) -> None:
    """Forget what a file left out that is made anew."""
    session.execute(delete(CreditOmissionRow).where(CreditOmissionRow.snapshot_id == snapshot_id))


def add_omissions(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Say which frozen reports are left out of the file."""
    if rows:
        session.execute(insert(CreditOmissionRow), rows)


def add_rejections(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the lines that the bureau did not take."""
    if rows:
        session.execute(insert(CreditRejectionRow), rows)


def count_omissions(reads: Connection | Session, snapshot_id: str) -> dict[str, int]:
    """Return reason -> how many were left out of the file."""
    statement = (
        select(CreditOmissionRow.reason, func.count())
        .where(CreditOmissionRow.snapshot_id == snapshot_id)
        .group_by(CreditOmissionRow.reason)
    )
    return {reason: count for reason, count in reads.execute(statement)}
