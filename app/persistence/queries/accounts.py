"""A borrower's loans as they see them. Every statement filters by the borrower: what is another's is not there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, and_, bindparam, cast, func, or_, select, tuple_

from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import (
    InstalmentRow,
    LoanRow,
    PositionSnapshotRow,
)
from app.persistence.prepared import PreparedSelect

_ALL_OF_IT = 10**15
"""Above what any loan owes: stands for a dispute of everything, so that one sum tells how much is disputed."""
_DISPUTED = (
    select(cast(func.sum(func.coalesce(DisputeRow.amount_minor, _ALL_OF_IT)), BigInteger))
    .where(
        DisputeRow.loan_id == LoanRow.id,
        or_(DisputeRow.state == "received", DisputeRow.state == "under_review"),
        DisputeRow.hold_id.is_not(None),
    )
    .correlate(LoanRow)
    .scalar_subquery()
    .label("disputed_minor")
)
"""Of open cases that question the debt; None: nothing is disputed. May be more than what is owed."""
POSITION_COLUMNS = (
    LoanRow.id,
    LoanRow.borrower_id,
    LoanRow.currency,
    LoanRow.zone,
    LoanRow.principal_minor,
    LoanRow.disbursed_on,
    LoanRow.contract,
    LoanRow.cap,
    LoanRow.stops,
    LoanRow.over_cap_minor,
    LoanRow.version,
    LoanRow.core_as_of,
    LoanRow.core_figures,
    LoanRow.desk_untold_minor,
    PositionSnapshotRow.version.label("snapshot_version"),
    PositionSnapshotRow.anchor_no,
    PositionSnapshotRow.principal_balance_minor,
    PositionSnapshotRow.unapplied_minor,
    PositionSnapshotRow.open_rows,
    PositionSnapshotRow.row_states,
    PositionSnapshotRow.last_effective_on,
    PositionSnapshotRow.last_recorded_at,
    PositionSnapshotRow.holds_until,
    PositionSnapshotRow.paid_late_days,
    _DISPUTED,
)
_ACCOUNT_COLUMNS = (
    *POSITION_COLUMNS,
    LoanRow.loan_no,
    LoanRow.product,
    LoanRow.status,
    LoanRow.maturity_on,
    LoanRow.autopay,
    LoanRow.imported_at,
    LenderRow.name.label("lender_name"),
)
_PLAN_OPTION_COLUMNS = (
    *POSITION_COLUMNS,
    LoanRow.loan_no,
    LoanRow.status,
    LoanRow.product_kind,
    LoanRow.marks,
    LoanRow.lender_id,
    LenderRow.jurisdiction,
    BorrowerRow.country,
)
WITH_SNAPSHOT = and_(PositionSnapshotRow.loan_id == LoanRow.id, PositionSnapshotRow.borrower_id == LoanRow.borrower_id)

_POSITION = PreparedSelect.of(
    select(*POSITION_COLUMNS)
    .outerjoin(PositionSnapshotRow, WITH_SNAPSHOT)
    .where(LoanRow.id == bindparam("loan_id"), LoanRow.borrower_id == bindparam("borrower_id"))
)
_PLAN_OPTIONS = PreparedSelect.of(
    select(*_PLAN_OPTION_COLUMNS)
    .join(LenderRow, LenderRow.id == LoanRow.lender_id)
    .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
    .outerjoin(PositionSnapshotRow, WITH_SNAPSHOT)
    .where(LoanRow.id == bindparam("loan_id"), LoanRow.borrower_id == bindparam("borrower_id"))
)


def _accounts(borrower_id: str) -> Select[Any]:
    return (
        select(*_ACCOUNT_COLUMNS)
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .outerjoin(PositionSnapshotRow, WITH_SNAPSHOT)
        .where(LoanRow.borrower_id == borrower_id)
    )


def find_position_account(reads: Connection, borrower_id: str, loan_id: str) -> Any:
    """Return what a balance is made of, in one statement; None when the loan is not this borrower's."""
    return _POSITION.first(reads, {"loan_id": loan_id, "borrower_id": borrower_id})


def find_plan_option_account(reads: Connection, borrower_id: str, loan_id: str) -> Any:
    """Return the same with what option rules look at; None when the loan is not this borrower's."""
    return _PLAN_OPTIONS.first(reads, {"loan_id": loan_id, "borrower_id": borrower_id})


def find_account(reads: Connection, borrower_id: str, loan_id: str) -> Any:
    """Return one loan with its lender and snapshot; None when it is not this borrower's."""
    return reads.execute(_accounts(borrower_id).where(LoanRow.id == loan_id)).first()


def page_accounts(reads: Connection, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int) -> Sequence[Any]:
    """Return up to `limit` loans, newest first by (imported_at, id), older than `before`."""
    statement = _accounts(borrower_id).order_by(LoanRow.imported_at.desc(), LoanRow.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(tuple_(LoanRow.imported_at, LoanRow.id) < before)
    return reads.execute(statement).all()


def find_owing_accounts(reads: Connection, borrower_id: str) -> Sequence[Any]:
    """Return the borrower's active loans, oldest first, and those closed by being paid of which a tape has told."""
    paid_by_our_book = and_(LoanRow.status == "closed", LoanRow.ended_at.is_(None), LoanRow.core_as_of.is_not(None))
    owing = or_(LoanRow.status == "active", paid_by_our_book)
    return reads.execute(_accounts(borrower_id).where(owing).order_by(LoanRow.id)).all()


def find_plan_rows(reads: Connection, borrower_id: str, loan_id: str, anchor_no: int) -> Sequence[Any]:
    """Return the instalments of one plan version, by due date."""
    return reads.execute(
        select(
            InstalmentRow.row_no,
            InstalmentRow.due_on,
            InstalmentRow.principal_minor,
            InstalmentRow.interest_minor,
            InstalmentRow.fees_minor,
            InstalmentRow.penalties_minor,
        )
        .where(
            InstalmentRow.loan_id == loan_id,
            InstalmentRow.borrower_id == borrower_id,
            InstalmentRow.anchor_no == anchor_no,
        )
        .order_by(InstalmentRow.due_on, InstalmentRow.row_no)
    ).all()
