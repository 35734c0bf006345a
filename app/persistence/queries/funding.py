"""Funders, the loans they funded, and the shares that went from one to another."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table, func, or_, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.funder_claims import Transfer
from app.domain.funding_shares import OWN
from app.persistence import bulk
from app.persistence.models.funding import FundedLoanRow, FunderRow, ShareTransferRow
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.queries.chunks import chunks

CHANGED = -1
"""`passed_version` of a loan whose shares changed since its ledger was passed on."""


class FunderHead(NamedTuple):
    """What a put looks at."""

    id: str
    content_hash: str
    version: int


def find_funder_heads(session: Session, lender_id: str, numbers: Collection[str]) -> dict[str, FunderHead]:
    """Return the funders that exist, by number."""
    found: dict[str, FunderHead] = {}
    for part in chunks(numbers):
        statement = select(FunderRow.funder_no, FunderRow.id, FunderRow.content_hash, FunderRow.version).where(
            FunderRow.lender_id == lender_id, FunderRow.funder_no.in_(part)
        )
        found |= {row[0]: FunderHead(*row[1:]) for row in session.execute(statement)}
    return found


def get_funder(reads: Connection | Session, lender_id: str, funder_no: str) -> Any:
    """Return a funder's columns by number. Raises NotFoundError."""
    statement = select(FunderRow.__table__).where(FunderRow.lender_id == lender_id, FunderRow.funder_no == funder_no)
    row = reads.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such funder.")
    return row


def page_funders(reads: Connection | Session, lender_id: str, *, after: str = "", limit: int) -> Sequence[Any]:
    """Return a lender's funders by id, following `after`."""
    statement = select(FunderRow.__table__).where(FunderRow.lender_id == lender_id)
    if after:
        statement = statement.where(FunderRow.id > after)
    return reads.execute(statement.order_by(FunderRow.id).limit(limit)).all()


def find_funder_numbers(reads: Connection | Session, funder_ids: Collection[str]) -> dict[str, str]:
    """Return funder id -> number."""
    found: dict[str, str] = {}
    for part in chunks(funder_ids):
        statement = select(FunderRow.id, FunderRow.funder_no).where(FunderRow.id.in_(part))
        found |= {row[0]: row[1] for row in reads.execute(statement)}
    return found


def find_funded(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, Any]:
    """Return the loans of these that are funded, by id."""
    found: dict[str, Any] = {}
    for part in chunks(loan_ids):
        statement = select(FundedLoanRow.__table__).where(FundedLoanRow.loan_id.in_(part))
        found |= {row.loan_id: row for row in reads.execute(statement)}
    return found


def find_transfers(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return every transfer of shares of these loans, in the order they were told: whose, to whom, how much, from when."""
    found: dict[str, list[Any]] = {loan_id: [] for loan_id in loan_ids}
    for part in chunks(loan_ids):
        statement = select(
            ShareTransferRow.loan_id, ShareTransferRow.giver_id, ShareTransferRow.taker_id, ShareTransferRow.units_minor,
            ShareTransferRow.effective_on, ShareTransferRow.recorded_on,
        ).where(ShareTransferRow.loan_id.in_(part))  # fmt: skip
        for row in reads.execute(statement.order_by(ShareTransferRow.recorded_at, ShareTransferRow.id)):
            found[row.loan_id].append(row)
    return found


def find_share_hashes(session: Session, lender_id: str, references: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return reference -> (transfer id, content hash) of those that are known."""
    found: dict[str, tuple[str, str]] = {}
    for part in chunks(references):
        statement = select(ShareTransferRow.reference, ShareTransferRow.id, ShareTransferRow.content_hash).where(
            ShareTransferRow.lender_id == lender_id, ShareTransferRow.reference.in_(part)
        )
        found |= {row[0]: (row[1], row[2]) for row in session.execute(statement)}
    return found


def as_transfer(row: Any) -> Transfer:
    """Return a stored transfer as the domain knows it."""
    return Transfer(row.effective_on, row.giver_id or OWN, row.taker_id or OWN, row.units_minor)


def find_loans_of_funder(reads: Connection | Session, funder_id: str) -> Sequence[Any]:
    """Return the loans that a funder has or had a share of, by loan number."""
    mine = select(ShareTransferRow.loan_id).where(
        or_(ShareTransferRow.giver_id == funder_id, ShareTransferRow.taker_id == funder_id)
    )
    statement = (
        select(FundedLoanRow.__table__, LoanRow.loan_no)
        .join(LoanRow, LoanRow.id == FundedLoanRow.loan_id)
        .where(FundedLoanRow.loan_id.in_(mine))
        .order_by(LoanRow.loan_no)
    )
    return reads.execute(statement).all()


def page_funded(reads: Connection | Session, lender_id: str, *, after: str = "", limit: int) -> Sequence[Any]:
    """Return a lender's funded loans by id, following `after`."""
    statement = (
        select(FundedLoanRow.__table__, LoanRow.loan_no)
        .join(LoanRow, LoanRow.id == FundedLoanRow.loan_id)
        .where(FundedLoanRow.lender_id == lender_id)
        .order_by(FundedLoanRow.loan_id)
        .limit(limit)
    )
    if after:
        statement = statement.where(FundedLoanRow.loan_id > after)
    return reads.execute(statement).all()


def find_unpassed(session: Session, *, after: str = "", limit: int, lender_id: str | None = None) -> Sequence[Any]:
    """Return (loan, borrower) of funded loans whose ledger or shares changed since they were passed on, by loan id.

    `after`: only those that follow it.
    """
    statement = (
        select(FundedLoanRow.loan_id, FundedLoanRow.borrower_id)
        .join(PositionSnapshotRow, PositionSnapshotRow.loan_id == FundedLoanRow.loan_id)
        .where(PositionSnapshotRow.version != FundedLoanRow.passed_version)
        .order_by(FundedLoanRow.loan_id)
        .limit(limit)
    )
    if after:
        statement = statement.where(FundedLoanRow.loan_id > after)
    if lender_id is not None:
        statement = statement.where(FundedLoanRow.lender_id == lender_id)
    return session.execute(statement).all()


def count_unpassed(session: Session, lender_id: str) -> int:
    """Return how many funded loans of a lender wait to be passed on."""
    statement = (
        select(func.count())
        .select_from(FundedLoanRow)
        .join(PositionSnapshotRow, PositionSnapshotRow.loan_id == FundedLoanRow.loan_id)
        .where(FundedLoanRow.lender_id == lender_id, PositionSnapshotRow.version != FundedLoanRow.passed_version)
    )
    return session.scalar(statement) or 0


def mark_passed(session: Session, versions: Mapping[str, int]) -> None:
    """Note up to which version of its snapshot each loan was passed on."""
    rows = [{"loan_id": loan_id, "passed_version": version} for loan_id, version in versions.items()]
    columns = {name: name for name in ("passed_version", "loan_id")}
    bulk.change_rows(session, cast(Table, FundedLoanRow.__table__), rows, columns=columns, key="loan_id")
