"""Credit reports as they are shown: a lender's snapshots and rows, one loan's reports, what was told of a borrower."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.domain.credit_snapshots import FURNISHED
from app.domain.errors import NotFoundError
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.credit_reports import (
    CreditBureauRow,
    CreditOmissionRow,
    CreditRejectionRow,
    CreditReportRow,
    CreditSnapshotRow,
    CreditStatementRow,
)
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow

Reads = Connection | Session


def page_snapshots(reads: Reads, lender_id: str, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[Any]:
    """Return a lender's snapshots, newest first."""
    statement = (
        select(CreditSnapshotRow.__table__)
        .where(CreditSnapshotRow.lender_id == lender_id)
        .order_by(CreditSnapshotRow.made_at.desc(), CreditSnapshotRow.id.desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(CreditSnapshotRow.made_at, CreditSnapshotRow.id) < after)
    return reads.execute(statement).all()


def get_snapshot(reads: Reads, lender_id: str, snapshot_id: str) -> Any:
    """Return a lender's snapshot. Raises NotFoundError."""
    statement = select(CreditSnapshotRow.__table__).where(
        CreditSnapshotRow.id == snapshot_id, CreditSnapshotRow.lender_id == lender_id
    )
    row = reads.execute(statement).first()
    if row is None:
        raise NotFoundError("There is no such snapshot.")
    return row


def find_waiting_snapshots(reads: Reads, lender_id: str, *, limit: int) -> Sequence[Any]:
    """Return a lender's snapshots that wait for a second person, the longest waiting first."""
    statement = (
        select(CreditSnapshotRow.__table__)
        .where(CreditSnapshotRow.lender_id == lender_id, CreditSnapshotRow.state == "made")
        .order_by(CreditSnapshotRow.frozen_at, CreditSnapshotRow.id)
        .limit(limit)
    )
    return reads.execute(statement).all()


_ROWS: Any = (
    select(
        CreditReportRow.snapshot_id, CreditReportRow.loan_id, LoanRow.loan_no, BorrowerRow.borrower_no, LoanRow.currency,
        CreditReportRow.kind, CreditReportRow.reason, CreditReportRow.rule, CreditReportRow.notice_message_id,
        CreditReportRow.mark, CreditReportRow.status, CreditReportRow.first_delinquency_on, CreditReportRow.history,
        CreditReportRow.account, CreditOmissionRow.reason.label("omitted"),
        CreditRejectionRow.code.label("rejected"), CreditSnapshotRow.as_of, CreditSnapshotRow.bureau,
        CreditSnapshotRow.format, CreditSnapshotRow.state, CreditSnapshotRow.submitted_at,
    )
    .join(CreditSnapshotRow, CreditSnapshotRow.id == CreditReportRow.snapshot_id)
    .join(LoanRow, LoanRow.id == CreditReportRow.loan_id)
    .join(BorrowerRow, BorrowerRow.id == CreditReportRow.borrower_id)
    .outerjoin(
        CreditOmissionRow,
        and_(
            CreditOmissionRow.snapshot_id == CreditReportRow.snapshot_id,
            CreditOmissionRow.loan_id == CreditReportRow.loan_id,
        ),
    )
    .outerjoin(
        CreditRejectionRow,
        and_(
            CreditRejectionRow.snapshot_id == CreditReportRow.snapshot_id,
            CreditRejectionRow.loan_id == CreditReportRow.loan_id,
        ),
    )
)  # fmt: skip


def page_rows(
    reads: Reads, snapshot_id: str, *, reason: str | None, furnished: bool | None, after: str | None, limit: int
) -> Sequence[Any]:
    """Return rows of a snapshot by loan. `reason`: of those not furnished (or left out of the file); `furnished`: or not."""
    statement = _ROWS.where(CreditReportRow.snapshot_id == snapshot_id).order_by(CreditReportRow.loan_id).limit(limit)
    if after is not None:
        statement = statement.where(CreditReportRow.loan_id > after)
    if reason is not None:
        statement = statement.where(or_(CreditReportRow.reason == reason, CreditOmissionRow.reason == reason))
    if furnished is not None:
        is_told = and_(CreditReportRow.reason.is_(None), CreditOmissionRow.loan_id.is_(None))
        statement = statement.where(is_told if furnished else ~is_told)
    return reads.execute(statement).all()


def find_loan_rows(reads: Reads, lender_id: str, borrower_id: str, loan_id: str, *, limit: int = 84) -> Sequence[Any]:
    """Return a loan's rows in all snapshots of its lender, newest first."""
    statement = (
        _ROWS.where(
            CreditReportRow.borrower_id == borrower_id,
            CreditReportRow.loan_id == loan_id,
            CreditSnapshotRow.lender_id == lender_id,
        )
        .order_by(CreditSnapshotRow.as_of.desc(), CreditSnapshotRow.made_at.desc())
        .limit(limit)
    )
    return reads.execute(statement).all()


def page_told_of(reads: Reads, borrower_id: str, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[Any]:
    """Return what was told of a borrower to bureaus, newest first: handed in, not left out, not refused."""
    key = (CreditSnapshotRow.submitted_at, CreditReportRow.loan_id)
    statement = (
        _ROWS.add_columns(LenderRow.name.label("lender_name"), LenderRow.jurisdiction, BorrowerRow.country)
        .join(LenderRow, LenderRow.id == CreditSnapshotRow.lender_id)
        .where(
            CreditReportRow.borrower_id == borrower_id,
            CreditReportRow.reason.is_(None),
            CreditOmissionRow.loan_id.is_(None),
            CreditRejectionRow.loan_id.is_(None),
            CreditSnapshotRow.state.in_(FURNISHED),
        )
        .order_by(key[0].desc(), key[1].desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(*key) < after)
    return reads.execute(statement).all()


def find_statements(reads: Reads, borrower_id: str) -> Sequence[Any]:
    """Return a borrower's own statements that stand, one for a loan."""
    statement = (
        select(CreditStatementRow.__table__, LoanRow.loan_no)
        .join(LoanRow, LoanRow.id == CreditStatementRow.loan_id)
        .where(CreditStatementRow.borrower_id == borrower_id, CreditStatementRow.withdrawn_at.is_(None))
        .order_by(CreditStatementRow.made_at.desc(), CreditStatementRow.id.desc())
    )
    return reads.execute(statement).all()


def count_omitted(reads: Reads, snapshot_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    """Return snapshot -> reason -> how many were left out of its file."""
    statement = (
        select(CreditOmissionRow.snapshot_id, CreditOmissionRow.reason, func.count())
        .where(CreditOmissionRow.snapshot_id.in_(snapshot_ids))
        .group_by(CreditOmissionRow.snapshot_id, CreditOmissionRow.reason)
    )
    found: dict[str, dict[str, int]] = {}
    for snapshot_id, reason, count in reads.execute(statement):
        found.setdefault(snapshot_id, {})[reason] = count
    return found


def find_rejections(reads: Reads, snapshot_id: str, *, limit: int = 200) -> Sequence[Any]:
    """Return lines that the bureau did not take, by the loan's number."""
    statement = (
        select(
            CreditRejectionRow.id,
            CreditRejectionRow.code,
            CreditRejectionRow.detail,
            CreditRejectionRow.detail_sealed,
            CreditRejectionRow.told_at,
            LoanRow.loan_no,
        )
        .join(LoanRow, LoanRow.id == CreditRejectionRow.loan_id)
        .where(CreditRejectionRow.snapshot_id == snapshot_id)
        .order_by(LoanRow.loan_no)
        .limit(limit)
    )
    return reads.execute(statement).all()


def find_enabled_bureaus(reads: Reads, lender_id: str) -> Sequence[str]:
    """Return the bureaus at which a lender is enabled."""
    statement = select(CreditBureauRow.bureau).where(
        CreditBureauRow.lender_id == lender_id, CreditBureauRow.state == "enabled"
    )
    return [row[0] for row in reads.execute(statement.order_by(CreditBureauRow.bureau))]
