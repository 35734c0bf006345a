"""Payments that a row of a plan file told of before: kept and listed, not booked a second time.

A core that sends paid amounts with its plans and a list of payments as well tells of the same money twice. What is equal
beyond doubt is seen (loan, value date and amount, or all of a day); the plan's word stands until the plan takes it back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.orm import Session

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.domain.told_twice import same_money
from app.persistence.queries.ledger import find_told, find_waiting
from app.persistence.queries.loans import LoanHead

TOLD_BY_PLAN = "told-by-plan"
"""Why such a payment waits: it is booked when the plan file takes its own word back."""


@dataclass(slots=True)
class ToldByPlan:
    """By (loan id, value date): amounts plan files told of, and those of payments that wait because of it."""

    told: Mapping[tuple[str, date], Sequence[int]] = field(default_factory=dict)
    held: dict[tuple[str, date], list[int]] = field(default_factory=dict)

    def has(self, values: PaymentValues, loan_id: str) -> bool:
        """Return whether a plan file told of this payment; what it told of is used up by it."""
        key = loan_id, values.effective_on
        if key not in self.told or not _is_by_reference(values):
            return False
        held = [*self.held.get(key, ()), values.amount_minor]
        if not same_money(held, self.told[key])[-1]:
            return False
        self.held[key] = held
        return True

    def release(self, values: PaymentValues, loan_id: str) -> None:
        """Forget that this payment waits: it is about to be looked at again."""
        held = self.held.get((loan_id, values.effective_on), [])
        if values.amount_minor in held:
            held.remove(values.amount_minor)


def find_told_by_plan(
    session: Session, lender_id: str, batch: Sequence[PaymentValues], loans: Mapping[str, LoanHead]
) -> ToldByPlan:
    """Return what plan files told of the loans and days of these payments."""
    asked = [values for values in batch if values.loan_no in loans and _is_by_reference(values)]
    if not asked:
        return ToldByPlan()
    numbers = {loans[values.loan_no].id: values.loan_no for values in asked}
    found = find_told(session, numbers, {values.effective_on for values in asked})
    told = ToldByPlan({key: each.by_plan for key, each in found.items() if each.by_plan})
    for row in find_waiting(session, lender_id, list(numbers.values())) if told.told else ():
        if row.reason == TOLD_BY_PLAN:
            key = loans[row.loan_no].id, date.fromisoformat(row.payload["effective_on"])
            told.held.setdefault(key, []).append(row.payload["amount_minor"])
    return told


def _is_by_reference(values: PaymentValues) -> bool:
    """Whether the payment has a reference of its own; what plan rows book is called loan/row/name."""
    return values.kind is EntryKind.REPAYMENT and not values.reference.startswith(f"{values.loan_no}/")
