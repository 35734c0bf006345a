"""What the law wants shown of a loan: the lender's licence, its cost by year and in all, and the cap it is under."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection

from app.domain.apr import AnnualPercentageRate, annual_percentage_rate
from app.domain.caps import Cap, CapCheck, Fixing, cap_for, principal_days, within_cap
from app.domain.errors import NotFoundError, ValidationError
from app.domain.plans import PlanRow
from app.domain.rates import AllInCost, AnnualisedRate, all_in_cost, annualised_rate, flows_of_plan
from app.domain.splits import Split
from app.domain.times import business_date
from app.persistence.models.loans import ESTIMATED_PLAN
from app.persistence.queries import disclosures as queries
from app.persistence.queries.accounts import find_plan_rows

NOT_THE_WHOLE_PLAN = frozenset({"first_instalment_only", ESTIMATED_PLAN})
"""Marks of loans whose plan is not what was agreed, so that no rate may be made from it."""

HIGHEST_NOMINAL_RATE = Decimal(1000)
"""What a contract calls its annual rate is not one beyond it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why figures are not given: a code for machines, a sentence for people."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a plan costs. `charged_minor` is all that a cap counts: interest, fees and the penalties already in the plan."""

    cost: AllInCost
    annualised: AnnualisedRate
    apr: AnnualPercentageRate | None
    """By US Regulation Z, for a lender there."""
    charged_minor: int
    principal_days: int


@dataclass(frozen=True, slots=True)
class Disclosures:
    """All of it; `figures` or `missing` is None."""

    loan: Any
    """The loan's columns, with its lender's name and licence."""
    as_of: date
    plan_version: int
    """Counts from 1; 0 while there is no plan."""
    nominal_rate: Decimal | None
    figures: Figures | None
    missing: Missing | None
    cap: Cap
    check: CapCheck
    signed_on: date | None
    signed_on_basis: str | None
    """contract; or disbursement, where the contract does not say when it was signed and that day stands for it."""


def disclosures(
    reads: Connection, borrower_id: str, loan_id: str, fixings: Sequence[Fixing], *, now: datetime
) -> Disclosures:
    """Return what is disclosed of the loan under the plan that holds today in its zone. Raises NotFoundError."""
    loan = queries.find_disclosed_loan(reads, borrower_id, loan_id)
    if loan is None:
        raise NotFoundError("There is no such loan.")
    today = business_date(now, loan.zone)
    anchor_no = queries.find_anchor_no(reads, borrower_id, loan_id, today) or 0
    rows = [PlanRow(row[0], row[1], Split(*row[2:])) for row in find_plan_rows(reads, borrower_id, loan_id, anchor_no)]
    signed_on, basis = _signed_on(loan)
    cap = cap_for(loan.jurisdiction, loan.licence_kind, signed_on, fixings)
    figures = missing = None
    try:
        figures = _figures(loan, rows)
    except _NotGivenError as why:
        missing = why.missing
    check = within_cap(cap, figures.charged_minor, figures.principal_days) if figures else CapCheck(None, None)
    nominal_rate = _decimal(loan.contract.get("annual_rate"))
    return Disclosures(loan, today, anchor_no, nominal_rate, figures, missing, cap, check, signed_on, basis)


class _NotGivenError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        self.missing = Missing(code, detail)


def _figures(loan: Any, rows: Sequence[PlanRow]) -> Figures:
    disbursement = _disbursement(loan, rows)
    fees_upfront_minor = _fees_upfront(loan)
    flows = flows_of_plan([disbursement], fees_upfront_minor, rows)
    cost = all_in_cost([disbursement], fees_upfront_minor, rows)
    try:
        annualised = annualised_rate(flows)
        apr = annual_percentage_rate(flows) if loan.jurisdiction == "US" else None
    except ValidationError as error:
        raise _NotGivenError("no-rate", error.detail) from None
    # What is kept back at the start was never lent: it bears no principal that could be charged for.
    kept_back = (disbursement[0], fees_upfront_minor)
    days = principal_days([disbursement], [kept_back, *((row.due_on, row.due.principal) for row in rows)])
    charged_minor = cost.charge_minor + sum(row.due.penalties for row in rows)
    return Figures(cost, annualised, apr, charged_minor, days)


def _disbursement(loan: Any, rows: Sequence[PlanRow]) -> tuple[date, int]:
    """Return when how much was lent, or say why nothing can be made of the loan and its plan."""
    if loan.disbursed_on is None:
        raise _NotGivenError("disbursement-date-missing", "The day of disbursement is not recorded.")
    if not loan.principal_minor:
        raise _NotGivenError("principal-missing", "The amount lent is not recorded.")
    if not rows:
        raise _NotGivenError("plan-missing", "The loan has no plan.")
    if NOT_THE_WHOLE_PLAN & set(loan.marks):
        raise _NotGivenError("plan-incomplete", "The whole plan is not recorded.")
    if sum(row.due.principal for row in rows) != loan.principal_minor:
        raise _NotGivenError("plan-differs", "The principal of the plan is not the amount lent.")
    return loan.disbursed_on, loan.principal_minor


def _fees_upfront(loan: Any) -> int:
    given = loan.contract.get("fees_upfront_minor", 0)
    if not isinstance(given, int) or given < 0:
        raise _NotGivenError("fees-unreadable", "The fees up front are not recorded as a whole number of minor units.")
    return given


def _signed_on(loan: Any) -> tuple[date | None, str | None]:
    given = loan.contract.get("signed_on")
    if given is not None:
        try:
            return date.fromisoformat(given), "contract"
        except (TypeError, ValueError):
            return None, None
    return (loan.disbursed_on, "disbursement") if loan.disbursed_on else (None, None)


def _decimal(given: Any) -> Decimal | None:
    try:
        rate = Decimal(given) if isinstance(given, str | int) else None
    except InvalidOperation:
        return None
    return rate if rate is not None and rate.is_finite() and abs(rate) < HIGHEST_NOMINAL_RATE else None
