"""What a loan's disclosures are made from. Every statement filters by the borrower."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, or_, select

from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow, PlanVersionRow


def find_disclosed_loan(reads: Connection, borrower_id: str, loan_id: str) -> Any:
    """Return the loan's terms with its lender's licence; None when it is not this borrower's."""
    return reads.execute(
        select(
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
            LoanRow.marks,
            LenderRow.code.label("lender_code"),
            LenderRow.legal_name,
            LenderRow.licence_role,
            LenderRow.licensed_from,
            LenderRow.licensed_until,
            LenderRow.name.label("lender_name"),
            LenderRow.licence_kind,
            LenderRow.licence_no,
            LenderRow.regulator,
            LenderRow.complaints_contact,
            LenderRow.jurisdiction,
        )
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .where(LoanRow.id == loan_id, LoanRow.borrower_id == borrower_id)
    ).first()


def find_anchor_no(reads: Connection, borrower_id: str, loan_id: str, as_of: date) -> int | None:
    """Return the newest plan version that holds on `as_of`; None while there is none."""
    return reads.execute(
        select(PlanVersionRow.anchor_no)
        .where(
            PlanVersionRow.loan_id == loan_id,
            PlanVersionRow.borrower_id == borrower_id,
            or_(PlanVersionRow.effective_on.is_(None), PlanVersionRow.effective_on <= as_of),
        )
        .order_by(PlanVersionRow.anchor_no.desc())
        .limit(1)
    ).scalar()
