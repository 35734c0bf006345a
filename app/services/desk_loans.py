"""A loan as the desk shows it: its position today, on a past day in both views, and its rows."""

from typing import Any

from app.domain.money import Money
from app.services import accounts
from app.services.borrower_page_parts import LoanOnPage
from app.services.mismatches import Shown


def loan_on_page(loan: Any, shown: Shown) -> LoanOnPage:
    """Return a loan with what is shown as its position. `loan` has the columns of a balance, and its number and state."""
    position, currency = shown.position, loan.currency
    disputed = accounts.disputed_minor(loan, position.outstanding_minor)
    return LoanOnPage(
        loan_id=loan.id,
        loan_no=loan.loan_no,
        product=loan.product,
        status=loan.status,
        currency=currency,
        zone=loan.zone,
        as_of=position.as_of,
        outstanding=Money(position.outstanding_minor, currency),
        principal_outstanding=Money(position.principal_outstanding_minor, currency),
        due=position.due_to_date,
        overdue=position.overdue,
        unapplied=Money(position.unapplied_minor, currency),
        days_past_due=position.days_past_due,
        bucket=position.bucket,
        next_due_on=position.next_due_on,
        next_due=Money(position.next_due_minor, currency) if position.next_due_on else None,
        disputed=None if disputed is None else Money(disputed, currency),
        is_of_core=shown.is_of_core,
        autopay=loan.autopay,
        maturity_on=loan.maturity_on,
        marks=list(loan.marks),
    )
