"""References by which payers name a loan on a transfer, and where each lender's borrowers transfer to."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import Session

from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanAccountRow, LoanRow, StandingOrderRow
from app.persistence.models.statement_lines import TransferReferenceRow, TransferSettingsRow
from app.persistence.queries.chunks import chunks


class LoanOwner(NamedTuple):
    """A loan and whose it is."""

    loan_id: str
    borrower_id: str


def find_referenced(session: Session, lender_id: str, references: Collection[str]) -> dict[str, LoanOwner]:
    """Return the loans of these references."""
    found: dict[str, LoanOwner] = {}
    for part in chunks(references):
        statement = select(
            TransferReferenceRow.reference, TransferReferenceRow.loan_id, TransferReferenceRow.borrower_id
        ).where(TransferReferenceRow.lender_id == lender_id, TransferReferenceRow.reference.in_(part))
        found |= {row.reference: LoanOwner(row.loan_id, row.borrower_id) for row in session.execute(statement)}
    return found


def find_references_of(reads: Session | Connection, loan_ids: Collection[str]) -> dict[str, str]:
    """Return loan id -> reference of the loans that have one."""
    found: dict[str, str] = {}
    for part in chunks(loan_ids):
        statement = select(TransferReferenceRow.loan_id, TransferReferenceRow.reference).where(
            TransferReferenceRow.loan_id.in_(part)
        )
        found |= {row.loan_id: row.reference for row in reads.execute(statement)}
    return found


def add_references(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add references."""
    if rows:
        session.execute(insert(TransferReferenceRow), rows)


def find_accounts_of(session: Session, loan_ids: Collection[str]) -> dict[str, list[str]]:
    """Return loan id -> accounts the loan is kept in or paid from."""
    found: dict[str, list[str]] = {}
    for part in chunks(loan_ids):
        statement = select(LoanAccountRow.loan_id, LoanAccountRow.account_no).where(LoanAccountRow.loan_id.in_(part))
        for loan_id, account_no in session.execute(statement):
            found.setdefault(loan_id, []).append(account_no)
    return found


def find_paying(session: Session, lender_id: str, account_nos: Collection[str]) -> dict[str, list[LoanOwner]]:
    """Return the loans of these accounts, by account."""
    found: dict[str, list[LoanOwner]] = {}
    for part in chunks(account_nos):
        statement = (
            select(LoanAccountRow.account_no, LoanAccountRow.loan_id, LoanAccountRow.borrower_id)
            .where(LoanAccountRow.lender_id == lender_id, LoanAccountRow.account_no.in_(part))
            .order_by(LoanAccountRow.loan_id)
        )
        for account_no, loan_id, borrower_id in session.execute(statement):
            found.setdefault(account_no, []).append(LoanOwner(loan_id, borrower_id))
    return found


def find_orders_for(session: Session, loan_ids: Collection[str]) -> dict[str, list[int]]:
    """Return loan id -> amounts of the standing orders of its accounts, in minor units of the loan's currency."""
    found: dict[str, list[int]] = {}
    for part in chunks(loan_ids):
        statement = (
            select(LoanAccountRow.loan_id, StandingOrderRow.amount_minor)
            .join(
                StandingOrderRow,
                (StandingOrderRow.lender_id == LoanAccountRow.lender_id)
                & (StandingOrderRow.account_no == LoanAccountRow.account_no),
            )
            .join(LoanRow, (LoanRow.id == LoanAccountRow.loan_id) & (LoanRow.currency == StandingOrderRow.currency))
            .where(LoanAccountRow.loan_id.in_(part))
        )
        for loan_id, amount in session.execute(statement):
            found.setdefault(loan_id, []).append(amount)
    return found


def find_loans_of(session: Session, lender_id: str, borrower_ids: Collection[str]) -> list[LoanRow]:
    """Return every loan these borrowers have with the lender."""
    found: list[LoanRow] = []
    for part in chunks(borrower_ids):
        statement = select(LoanRow).where(LoanRow.borrower_id.in_(part), LoanRow.lender_id == lender_id)
        found += session.scalars(statement.order_by(LoanRow.id))
    return found


def find_transfer_settings(session: Session, lender_id: str) -> TransferSettingsRow | None:
    """Return where a lender's borrowers transfer to and how its lines are matched, where that was said."""
    return session.get(TransferSettingsRow, lender_id)


def find_destination(reads: Connection, loan_id: str) -> Any:
    """Return the account that transfers for a loan go to: account, bic, holder (None where not said), lender's name."""
    return reads.execute(
        select(TransferSettingsRow.account, TransferSettingsRow.bic, TransferSettingsRow.holder, LenderRow.name)
        .select_from(LoanRow)
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .outerjoin(TransferSettingsRow, TransferSettingsRow.lender_id == LoanRow.lender_id)
        .where(LoanRow.id == loan_id)
    ).one()
