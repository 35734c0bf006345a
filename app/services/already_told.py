"""Money that was told of before by somebody else: the core's plan, a payment provider, a bank statement, the desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain.book import PaymentValues
from app.domain.desk_payments import ORIGIN as OF_DESK
from app.domain.errors import refused_at
from app.persistence.queries.loans import LoanHead
from app.services.told_by_desk import ToldByDesk, find_told_by_desk
from app.services.told_by_lines import ORIGIN as BY_BANK
from app.services.told_by_lines import TOLD_BY_LINE, ToldByLines, find_told_by_lines
from app.services.told_by_provider import OF_PROVIDER, ToldByProvider, find_told_by_provider
from app.services.told_twice import TOLD_BY_PLAN, ToldByPlan, find_told_by_plan

OUR_REFERENCES = ("pi:", "stmt:", OF_DESK)
"""What the references begin with of what a payment provider, a bank statement or the desk told us."""


@dataclass(frozen=True, slots=True)
class AlreadyTold:
    """What each of them told of the loans of a batch of payments."""

    by_plan: ToldByPlan
    by_provider: ToldByProvider
    by_lines: ToldByLines
    by_desk: ToldByDesk

    def entry_of(self, values: PaymentValues, loan_id: str) -> str | None:
        """Return the entry that is this very payment, or None. Raises ConflictError where it says another amount of it."""
        return self.by_provider.entry_of(values, loan_id)

    def reason_to_wait(self, values: PaymentValues, loan_id: str, origin: str) -> str | None:
        """Return why a payment is kept aside, or None. What told of it is used up by it."""
        if self.by_plan.has(values, loan_id):
            return TOLD_BY_PLAN
        return TOLD_BY_LINE if self.by_lines.has(values, loan_id, origin) else None

    def release(self, values: PaymentValues, loan_id: str, reason: str) -> None:
        """Forget that this payment waits for that reason: it is about to be looked at again."""
        if reason == TOLD_BY_PLAN:
            self.by_plan.release(values, loan_id)
        elif reason == TOLD_BY_LINE:
            self.by_lines.release(values, loan_id)


def find_already_told(
    session: Session, lender_id: str, batch: Sequence[PaymentValues], loans: Mapping[str, LoanHead], *, origin: str
) -> AlreadyTold:
    """Return what was told of the loans of these payments. What cannot be among them is not asked for."""
    return AlreadyTold(
        find_told_by_plan(session, lender_id, batch, loans),
        find_told_by_provider(session, lender_id, batch, loans, origin=origin),
        find_told_by_lines(session, lender_id, batch, loans, origin),
        find_told_by_desk(session, batch, loans, origin=origin),
    )


def check_is_theirs(reference: str, origin: str) -> None:
    """Refuse a new payment under a reference of the kind that we give: what we book under it later would be another's.

    Raises ValidationError.
    """
    is_ours = origin == BY_BANK or origin.startswith((OF_PROVIDER, OF_DESK))
    if reference.startswith(OUR_REFERENCES) and not is_ours:
        raise refused_at(
            "/reference",
            f"{reference} is no payment known here, and references that begin with {', '.join(OUR_REFERENCES)} are given "
            "here alone; send it under your own, and the bank's or the provider's as bank_reference.",
        )
