"""What will be sent next to a borrower, as staff of one lender see it: the outlook that the borrower's own app shows."""

from dataclasses import dataclass
from datetime import datetime

from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.loans import find_loan_ids
from app.persistence.unit_of_work import reading
from app.services.upcoming import UpcomingStep, upcoming_of


@dataclass(frozen=True, slots=True)
class DeskUpcoming:
    """The steps to come within 30 days about loans of this lender, the soonest first. Decided anew when their time comes."""

    items: list[UpcomingStep]


def upcoming_at_desk(borrower_no: str, lender_id: str, *, now: datetime, locale: str) -> DeskUpcoming:
    """Return what is to come. The request holds no connection while this runs. Raises NotFoundError."""
    with reading() as session:
        borrower_id = get_borrower_of_lender(session, lender_id, borrower_no)
        own = set(find_loan_ids(session, borrower_id, lender_id))
    steps = upcoming_of(borrower_id, now=now, locale=locale)
    return DeskUpcoming([step for step in steps if step.loan_id in own])
