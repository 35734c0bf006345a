"""Money paid over: visible at once, told to the lender's systems, given back elsewhere."""

from datetime import datetime

from app.domain.account_rows import Allocation
from app.domain.times import business_date
from app.persistence.models.loans import LoanRow
from app.persistence.unit_of_work import Work
from app.services.positions import position_of
from app.services.webhook_events import announce


def announce_overpayment(
    work: Work, loan: LoanRow, reference: str, allocations: tuple[Allocation, ...], *, now: datetime
) -> None:
    """Say of a payment just booked what of it nothing was owed for: the loan is paid and this is left."""
    over_minor = sum(allocation.unapplied_minor for allocation in allocations)
    if over_minor <= 0 or not loan.anchor_no:
        return  # without a plan nobody knows what is owed
    position = position_of(work.session, loan, business_date(now, loan.zone))
    if position.outstanding_minor > 0 or position.unapplied_minor <= 0:
        return
    data = {
        "loan_no": loan.loan_no,
        "reference": reference,
        "overpaid": {"amount_minor": min(over_minor, position.unapplied_minor), "currency": loan.currency},
        "unapplied": {"amount_minor": position.unapplied_minor, "currency": loan.currency},
    }
    announce(work, loan.lender_id, "payment.overpaid.v1", data, now=now, borrower_id=loan.borrower_id)
