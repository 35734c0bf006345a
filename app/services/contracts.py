"""Plans of stored contracts, where the core sends none."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.amortisation import plan_rows
from app.domain.book import LoanValues, PlanValues, PutResult
from app.domain.calendars import BusinessDayRule
from app.domain.contract_forms import read_terms
from app.domain.errors import DomainError, ValidationError
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import ESTIMATED_PLAN, OF_CONTRACT, LoanRow
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans_numbered, find_plan_origins, page_without_plan, set_loans
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import loans
from app.services.calendars import calendar_for
from app.services.lenders import get_lender as get_lender_by_code
from app.services.positions import rebuild_positions
from app.services.terms import contract_of


@dataclass(frozen=True, slots=True)
class Estimates:
    """What became of a page of loans without a plan: how many got one, and of how many too little is known to make one."""

    made: int
    too_little_known: int
    refused: Mapping[str, str]
    """Why no plan can be made of a loan's terms, by loan number."""
    last_id: str | None
    """What the next page follows; None: this was the last."""


def plan_of(work: Work, lender: LenderRow, loan: LoanRow) -> PlanValues | None:
    """Return the plan of the loan's contract; None where too little is known. Raises ValidationError."""
    contract = contract_of(loan)
    if contract is None:
        return None
    calendar = None
    if contract.business_day_rule is not BusinessDayRule.NONE:
        calendar = calendar_for(work.session, lender)
    return PlanValues(loan.loan_no, plan_rows(contract, calendar))


def contract_problem(values: LoanValues) -> DomainError | None:
    """Return why no plan can be made of this contract, or None; also where too little is known to make one."""
    try:
        contract = read_terms(values.contract).contract(values.principal_minor, values.disbursed_on)
        if contract is not None:
            plan_rows(contract)
    except ValidationError as error:
        return error
    return None


def put_contract_plan(work: Work, lender_id: str, loan_no: str, *, now: datetime) -> PutResult | None:
    """Give the loan the plan of its contract, unless the core has given one; None where none was made.

    Raises ValidationError for terms no plan can be made of.
    """
    result = put_contract_plans(work, get_lender(work.session, lender_id), [loan_no], now=now).get(loan_no)
    if isinstance(result, DomainError):
        raise result
    if result is not None and result.changed:
        rebuild_positions(work, [result.id])
    return result


def put_contract_plans(
    work: Work, lender: LenderRow, loan_nos: Collection[str], *, now: datetime
) -> dict[str, PutResult | DomainError]:
    """Make plans for many loans, by number; the caller rebuilds the positions of those that changed.

    Loans with a plan that the core gave are left, and so are those of which too little is known.
    """
    found = find_loans_numbered(work.session, lender.id, loan_nos)
    origins = find_plan_origins(work.session, [loan.id for loan in found])
    plans: list[PlanValues] = []
    results: dict[str, PutResult | DomainError] = {}
    for loan in found:
        if origins.get(loan.id, OF_CONTRACT) != OF_CONTRACT:
            continue
        try:
            plan = plan_of(work, lender, loan)
        except DomainError as error:
            results[loan.loan_no] = error
            continue
        if plan is not None:
            plans.append(plan)
    made = loans.put_plans(work, lender, plans, now=now, origin=OF_CONTRACT)
    return results | dict(zip((plan.loan_no for plan in plans), made, strict=True))


def estimate_plans(lender_code: str, *, now: datetime) -> Iterator[Estimates]:
    """Make estimated plans for all loans of a lender that have none, a page of them in a unit of work; yield each page.

    Raises NotFoundError for an unknown lender.
    """
    after: str | None = ""
    while after is not None:
        with unit_of_work() as work:
            page = mark_estimated(work, get_lender_by_code(work, lender_code), now=now, after=after)
        yield page
        after = page.last_id


def mark_estimated(work: Work, lender: LenderRow, *, now: datetime, after: str = "", limit: int = 300) -> Estimates:
    """Make estimated plans for a page of active loans that a tape brought with terms and without rows, by id after `after`.

    They are marked `estimated_plan`: what the core's own plan says may differ, and replaces them when it comes.
    """
    page = page_without_plan(work.session, lender.id, after=after, limit=limit)
    results = put_contract_plans(work, lender, [loan.loan_no for loan in page], now=now)
    made = [loan for loan in page if isinstance(results.get(loan.loan_no), PutResult)]
    set_loans(
        work.session,
        [{"id": loan.id, "marks": sorted({*loan.marks, ESTIMATED_PLAN}), "version": loan.version + 1} for loan in made],
    )
    rebuild_positions(work, [loan.id for loan in made])
    return Estimates(
        made=len(made),
        too_little_known=len(page) - len(results),
        refused={number: result.detail for number, result in results.items() if isinstance(result, DomainError)},
        last_id=page[-1].id if len(page) == limit else None,
    )
