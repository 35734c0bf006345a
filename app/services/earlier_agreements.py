"""Arrangements a loan had before, as far as the option rules look at them."""

from sqlalchemy.orm import Session

from app.domain.arrangements import ArrangementState
from app.domain.option_cases import EarlierAgreement, EarlierAgreements
from app.domain.plan_options import OptionKind
from app.domain.times import business_date
from app.persistence.queries.arrangements import find_all


def find_earlier_agreements(session: Session, borrower_id: str, loan_id: str) -> EarlierAgreements:
    """Return the arrangements that were accepted for a loan, standing or ended."""
    return EarlierAgreements(
        tuple(
            EarlierAgreement(
                OptionKind(each.kind),
                each.agreed_on,
                None if each.ended_at is None else business_date(each.ended_at, each.zone),
                is_broken=each.state == ArrangementState.BROKEN,
            )
            for each in find_all(session, borrower_id, loan_id)
        )
    )
