"""What the law wants shown of a loan: the lender's licence, its cost by year and in all, and the cap it is under."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.all_in import Statement, all_in_statement, partner_fees
from app.domain.apr import AnnualPercentageRate, annual_percentage_rate
from app.domain.caps import Cap, CapCheck, Fixing, cap_for, principal_days, within_cap
from app.domain.contract_forms import late_terms, read_stored
from app.domain.errors import NotFoundError, ValidationError
from app.domain.licences import Licence
from app.domain.plans import PlanRow
from app.domain.rates import AllInCost, AnnualisedRate, all_in_cost, annualised_rate, flows_of_plan, percent
from app.domain.splits import Split
from app.domain.stops import Stop, unpacked
from app.domain.times import business_date
from app.persistence.models.loans import ESTIMATED_PLAN
from app.persistence.queries import disclosures as queries
from app.persistence.queries.accounts import find_plan_rows
from app.services.cap_checks import ToDate, to_date
from app.services.licences import licence_of

NOT_THE_WHOLE_PLAN = frozenset({"first_instalment_only", ESTIMATED_PLAN})
"""Marks of loans whose plan is not what was agreed, so that no rate may be made from it."""

HIGHEST_NOMINAL_RATE = Decimal(1000)
"""What a contract calls its annual rate is not one beyond it."""


FLAGS = ("cap-unknown", "over-cap", "interest-stopped", "figures-missing")
"""What may be wrong with a loan, or the law has stopped on it."""


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
    licence: Licence
    statement: Statement | None
    """All that the loan costs, item by item; None where `figures` is."""
    to_date: ToDate
    """What was charged until today, against the cap."""
    stops: tuple[Stop, ...]
    """Stops of interest that are known, the oldest knowledge first."""

    @property
    def flags(self) -> tuple[str, ...]:
        """What is wrong, for machines: codes of `domain.licences.FLAGS` after "licence-", and of `FLAGS`."""
        own = {
            "cap-unknown": self.cap.may_bind,
            "over-cap": self.check.is_kept is False or self.to_date.check.is_kept is False or self.to_date.over_minor > 0,
            "interest-stopped": any(each.until_on is None or each.until_on > self.as_of for each in self.stops),
            "figures-missing": self.figures is None,
        }
        licence = (f"licence-{code}" for code in self.licence.flags(self.as_of))
        return (*licence, *(code for code in FLAGS if own[code]))


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
    statement = None if figures is None else _statement(loan, rows, nominal_rate)
    upfront = loan.contract.get("fees_upfront_minor", 0)
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        charged = to_date(session, loan, cap, upfront if isinstance(upfront, int) and upfront > 0 else 0, today)
    stops = tuple(each for each in unpacked(loan.stops) if each.replaced_at is None)
    return Disclosures(
        loan=loan,
        as_of=today,
        plan_version=anchor_no,
        nominal_rate=nominal_rate,
        figures=figures,
        missing=missing,
        cap=cap,
        check=check,
        signed_on=signed_on,
        signed_on_basis=basis,
        licence=licence_of(loan),
        statement=statement,
        to_date=charged,
        stops=stops,
    )


def _statement(loan: Any, rows: Sequence[PlanRow], nominal_rate: Decimal | None) -> Statement:
    read = read_stored(loan.contract)
    return all_in_statement(
        _disbursement(loan, rows),
        _fees_upfront(loan),
        rows,
        read.fields.get("fees", ()),
        partner_fees(loan.contract.get("partner_fees")),
        late_terms(read, loan.cap),
        None if nominal_rate is None else f"{percent(nominal_rate).normalize():f}",
    )


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
