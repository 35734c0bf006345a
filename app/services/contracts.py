"""Plans of stored contracts, where the core sends none."""

from collections.abc import Collection, Sequence
from datetime import datetime

from app.domain.amortisation import plan_rows
from app.domain.book import PlanValues, PutResult
from app.domain.calendars import BusinessDayRule
from app.domain.errors import DomainError
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans_numbered, find_plan_origins
from app.persistence.unit_of_work import Work
from app.services import loans
from app.services.calendars import calendar_for
from app.services.positions import rebuild_positions
from app.services.terms import contract_of

ORIGIN = "contract"
"""The origin of plans made from a contract; the core's own plan always replaces one."""


def plan_of(work: Work, lender: LenderRow, loan: LoanRow) -> PlanValues | None:
    """Return the plan of the loan's contract; None where too little is known. Raises ValidationError."""
    contract = contract_of(loan)
    if contract is None:
        return None
    calendar = None
    if contract.business_day_rule is not BusinessDayRule.NONE:
        calendar = calendar_for(work.session, lender)
    return PlanValues(loan.loan_no, plan_rows(contract, calendar))


def put_contract_plan(work: Work, lender_id: str, loan_no: str, *, now: datetime) -> PutResult | None:
    """Give the loan the plan of its contract, unless the core has given one; None where none was made.

    Raises ValidationError for terms no plan can be made of.
    """
    lender = get_lender(work.session, lender_id)
    (result,) = put_contract_plans(work, lender, [loan_no], now=now) or (None,)
    if isinstance(result, DomainError):
        raise result
    if result is not None and result.changed:
        rebuild_positions(work, [result.id])
    return result


def put_contract_plans(
    work: Work, lender: LenderRow, loan_nos: Collection[str], *, now: datetime
) -> list[PutResult | DomainError]:
    """Make plans for many loans; the caller rebuilds the positions of those that changed. Loans with a given plan are left."""
    found: Sequence[LoanRow] = find_loans_numbered(work.session, lender.id, loan_nos)
    origins = find_plan_origins(work.session, [loan.id for loan in found])
    plans: list[PlanValues] = []
    refused: list[PutResult | DomainError] = []
    for loan in found:
        if origins.get(loan.id, ORIGIN) != ORIGIN:
            continue
        try:
            plan = plan_of(work, lender, loan)
        except DomainError as error:
            refused.append(error)
            continue
        if plan is not None:
            plans.append(plan)
    return [*loans.put_plans(work, lender, plans, now=now, origin=ORIGIN), *refused]
