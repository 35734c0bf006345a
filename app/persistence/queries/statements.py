"""Whose statement it is: the loan with its lender and its borrower's sealed name, and the references of its entries."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow

_PARTIES = (
    select(
        LoanRow.id,
        LoanRow.borrower_id,
        LoanRow.loan_no,
        LoanRow.product,
        LoanRow.currency,
        LoanRow.zone,
        LoanRow.principal_minor,
        LoanRow.disbursed_on,
        LoanRow.contract,
        LoanRow.cap,
        LoanRow.stops,
        LenderRow.name.label("lender_name"),
        LenderRow.licence_kind,
        LenderRow.licence_no,
        LenderRow.regulator,
        LenderRow.complaints_contact,
        LenderRow.locale.label("lender_locale"),
        BorrowerRow.borrower_no,
        BorrowerRow.name_sealed,
    )
    .join(LenderRow, LenderRow.id == LoanRow.lender_id)
    .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
)


def find_own_loan(session: Session, borrower_id: str, loan_id: str) -> Any:
    """Return a borrower's loan with its lender and the borrower; None when it is not theirs."""
    return session.execute(_PARTIES.where(LoanRow.id == loan_id, LoanRow.borrower_id == borrower_id)).first()


def find_numbered_loan(session: Session, lender_id: str, loan_no: str) -> Any:
    """Return a lender's loan with its lender and borrower; None when there is no loan of that number."""
    return session.execute(_PARTIES.where(LoanRow.loan_no == loan_no, LoanRow.lender_id == lender_id)).first()


def find_entry_references(session: Session, borrower_id: str, loan_id: str) -> dict[str, str]:
    """Return the references of all entries of a loan, by entry id."""
    statement = select(LedgerEntryRow.id, LedgerEntryRow.reference).where(
        LedgerEntryRow.loan_id == loan_id, LedgerEntryRow.borrower_id == borrower_id
    )
    return {entry_id: reference for entry_id, reference in session.execute(statement)}
