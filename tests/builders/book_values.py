"""Lenders, borrowers, loans, plans and payments as values: valid by default, changed by keyword."""

from datetime import UTC, date, datetime
from typing import Any

from app.domain.book import BorrowerValues, LenderValues, LoanValues, PaymentValues, PlanValues
from app.domain.plans import PlanRow
from app.domain.splits import Split

KNOWN_AT = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)


def lender_values(code: str = "acme", **changes: Any) -> LenderValues:
    given = {"name": "Acme Lending", "jurisdiction": "US", "zone": "America/New_York", "currency": "USD"}
    return LenderValues(code=code, **given | changes)


def borrower_values(borrower_no: str = "B1", **changes: Any) -> BorrowerValues:
    return BorrowerValues(borrower_no=borrower_no, **changes)


def loan_values(loan_no: str = "L1", **changes: Any) -> LoanValues:
    given = {"borrower_no": "B1", "currency": "USD", "principal_minor": 30000, "recorded_at": KNOWN_AT}
    return LoanValues(loan_no=loan_no, **given | changes)


def plan_rows(
    *, months: int = 3, principal: int = 10000, interest: int = 500, first: date = date(2026, 2, 1)
) -> tuple[PlanRow, ...]:
    """Rows due on one day of consecutive months, counted from 1."""
    return tuple(
        PlanRow(
            n + 1,
            first.replace(year=first.year + (first.month - 1 + n) // 12, month=(first.month - 1 + n) % 12 + 1),
            Split(principal, interest),
        )
        for n in range(months)
    )


def plan_values(loan_no: str = "L1", **changes: Any) -> PlanValues:
    return PlanValues(loan_no=loan_no, **{"rows": plan_rows(), "recorded_at": KNOWN_AT} | changes)


def payment_values(reference: str = "P1", amount_minor: int = 10500, **changes: Any) -> PaymentValues:
    given = {"loan_no": "L1", "currency": "USD", "effective_on": date(2026, 2, 1)}
    return PaymentValues(reference=reference, amount_minor=amount_minor, **given | changes)
