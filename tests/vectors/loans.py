"""Contracts of the vectors' loans: how fields of other products map to ours, and what they leave to a product's name."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from app.domain.allocation import STRATEGIES, Strategy, Surplus
from app.domain.allocation_orders import custom_strategy
from app.domain.amortisation import plan_rows
from app.domain.contracts import Contract, Method, Prepayment
from app.domain.day_counts import DayCount, days_in_year
from app.domain.late_charges import LateBase, LateTerms
from app.domain.periods import Frequency, Unit, step
from tests.vectors.fields import Fields
from tests.vectors.outcomes import Malformed, Refused, day, minor

UNITS = {"days": Unit.DAYS, "weeks": Unit.WEEKS, "months": Unit.MONTHS, "half_months": Unit.HALF_MONTHS}

STRATEGY_NAMES = {
    "penalties_fees_interest_principal_order": "standard",
    "mifos_standard_strategy": "standard",
    "principal_interest_penalties_fees_order": "principal-interest-penalties-fees",
    "interest_principal_penalties_fees_order": "interest-principal-penalties-fees",
    "creocore_strategy": "standard",
    "heavensfamily_strategy": "principal-interest-fees-penalties",
    "early_repayment_strategy": "interest-principal-penalties-fees",
    "rbi_india_strategy": "interest-first",
    "due_penalty_fee_interest_principal_in_advance_principal_penalty_fee_interest": (
        "due-penalty-fee-interest-principal-in-advance-principal-penalty-fee-interest"
    ),
    "due_penalty_interest_principal_fee_in_advance_penalty_interest_principal_fee": (
        "due-penalty-interest-principal-fee-in-advance-penalty-interest-principal-fee"
    ),
}
SURPLUS = {
    "next_instalment": Surplus.NEXT,
    "next_installment": Surplus.NEXT,
    "last_instalment": Surplus.LAST,
    "last_installment": Surplus.LAST,
    "re_amortise": Surplus.EVENLY,
    "re_amortization": Surplus.EVENLY,
    "reamortization": Surplus.EVENLY,
}
PREPAYMENT = {
    "reduce_instalment_amount": Prepayment.REDUCE_INSTALMENT,
    "reduce_emi_amount": Prepayment.REDUCE_INSTALMENT,
    "reduce_number_of_instalments": Prepayment.REDUCE_TERM,
    "reduce_number_of_installments": Prepayment.REDUCE_TERM,
    "reschedule_next_repayments": Prepayment.PAY_AHEAD,
}


PRECLOSURE = {"till_preclosure_date": False, "till_rest_frequency_date": True}


def rate_of(fields: Fields) -> Fraction:
    """Return the annual rate as a fraction of one; empty is 0."""
    name, scale = ("annual_rate_fraction", 1) if "annual_rate_fraction" in fields else ("annual_rate_percent", 100)
    try:
        return Fraction(str(fields[name] or 0)) / scale
    except ValueError:
        raise Malformed(f"{fields[name]!r} is not a rate") from None


def day_count_of(month: str, year: str, unit: Unit = Unit.MONTHS) -> DayCount:
    """Return the day count of two conventions named apart; a month's says nothing of periods of days and weeks."""
    month, year = month.lower(), year.lower()
    if month not in ("30", "invalid", "actual"):
        raise Refused(f"days in a month: {month}")
    nominal = month != "actual" and unit not in (Unit.DAYS, Unit.WEEKS)
    try:
        return DayCount(f"{'30' if nominal else 'actual'}/{year}")
    except ValueError:
        raise Refused(f"day count {month}/{year}") from None


def contract_of(loan: Fields) -> Contract:
    """Return the contract of a loan that states its terms (cumulative and progressive)."""
    if loan.get("compounding", "none") != "none":
        raise Refused("compounding of unpaid interest")
    digits = int(loan.get("currency_digits", 2))
    starts_on, progressive = day(loan["submitted_on"]), _progressive(loan)
    daily = loan.one_of("interest_calculation_period", {"daily": True, "same_as_repayment_period": False},
                        "same_as_repayment_period")  # fmt: skip
    count, frequency = (
        int(loan["number_of_repayments"]),
        Frequency(int(loan["repay_every"]), loan.one_of("repay_unit", UNITS)),
    )
    if "term" in loan and (int(loan["term"]), loan.one_of("term_unit", UNITS)) != (count * frequency.every, frequency.unit):
        raise Refused(f"a term of {loan['term']} {loan['term_unit']} that is not that of its instalments")
    prepayment = loan.one_of("prepayment_adjustment", PREPAYMENT, "reduce_emi_amount")
    whole_periods = loan.one_of("preclosure_interest", PRECLOSURE, "till_preclosure_date")
    # A product of this name does not round its instalments, though the set of loans says so of all of one calculation.
    multiple = None if "PROGRESSIVE" in _product(loan) else loan.get("round_instalment_to_multiple_of")
    loan.set_aside("round_instalment_to_multiple_of")
    return Contract(
        _method_of(loan),
        minor(loan["principal"], digits),
        starts_on,
        count,
        rate_of(loan),
        frequency,
        day_count=_day_count(loan, progressive, daily, starts_on),
        instalment_multiple_minor=minor(multiple or Decimal(1).scaleb(-digits), digits),
        level_by_nominal_days=daily and not progressive,
        even_out=progressive,
        principal_grace=int(loan.get("grace_on_principal_periods") or 0),
        interest_grace=int(loan.get("grace_on_interest_payment_periods") or 0),
        interest_free=int(loan.get("interest_free_periods") or 0),
        down_payment=Fraction(str(loan.get("down_payment_percent") or 0)) / 100,
        on_actual_balance=bool(loan.get("interest_recalculation")),
        whole_periods=whole_periods
        or "RECALCULATION_SAME_AS_REPAYMENT" in _product(loan),  # recalculated at rest dates only
        prepayment=Prepayment.NEXT_ROWS if progressive else prepayment,
    )


def _progressive(loan: Fields) -> bool:
    return bool(loan["allocation_strategy"] == "advanced_payment_allocation")


def _product(loan: Fields) -> str:
    return str(loan.get("product") or "")


def _method_of(loan: Fields) -> Method:
    flat = loan.one_of("interest_type", {"flat": True, "declining_balance": False})
    level = {
        "equal_installments": Method.EQUAL_INSTALMENT,
        "equal_instalments": Method.EQUAL_INSTALMENT,
        "equal_principal_payments": Method.EQUAL_PRINCIPAL,
        "equal_principal": Method.EQUAL_PRINCIPAL,
    }
    amortization = loan.one_of("amortization", level)
    return Method.FLAT if flat else amortization


def _day_count(loan: Fields, progressive: bool, daily: bool, starts_on: date) -> DayCount:
    """Return the day count: the one stated by name, else what the kind of calculation means.

    A cumulative loan of actual days resolves the year's length once, at its start: it belongs in the contract.
    """
    stated = str(loan.get("day_count", "")).lower()
    of_its_first_year = DayCount(f"actual/{days_in_year(starts_on.year)}")
    if progressive and stated in set(DayCount):
        return DayCount(stated)
    if stated and stated not in set(DayCount) and "per product setting" not in stated:
        raise Refused(f"day count {stated}")
    if not daily:
        return DayCount.THIRTY_360
    return DayCount(stated) if stated in set(DayCount) - {DayCount.ACTUAL_ACTUAL} else of_its_first_year


def first_paid_out(contract: Contract, loan: Fields, amount_minor: int, on: date) -> Contract:
    """Return the contract once money was paid out, with what only the product's name says of it.

    A cumulative loan paid out in parts has the instalment of all that was approved; where repayment starts with the
    submission, due dates are counted from that day.
    """
    product = _product(loan)
    if "REPAYMENT_START_SUBMITTED" in product:
        due = tuple(step(contract.starts_on, contract.frequency, k) for k in range(1, contract.instalments + 1))
        contract = replace(contract, due_dates=due)
    if "MULTIDISB" in product and not _progressive(loan) and contract.method is Method.EQUAL_INSTALMENT:
        contract = replace(contract, instalment_minor=plan_rows(replace(contract, fees=()))[0].due.total)
    return replace(contract, principal_minor=amount_minor, starts_on=on)


def strategy_of(loan: Fields, surplus: Surplus | None = None) -> Strategy:
    """Return how the loan's payments are spread; `surplus` overrides the rule of the loan."""
    name = loan["allocation_strategy"]
    if name != "advanced_payment_allocation":
        if name not in STRATEGY_NAMES:
            raise Refused(f"allocation strategy {name}")
        return STRATEGIES[STRATEGY_NAMES[name]]
    if surplus is None:
        surplus = surplus_named(loan.get("future_allocation_by_transaction", {}).get("default", "next_instalment"))
    vertical = loan.one_of("processing", {"vertical": True, "horizontal": False}, "horizontal")
    return custom_strategy(loan["advanced_allocation_order"], vertical=vertical, surplus=surplus)


def surplus_named(name: str) -> Surplus:
    """Return where money goes that is more than what is due."""
    if name not in SURPLUS:
        raise Refused(f"future allocation {name!r}")
    return SURPLUS[name]


def late_terms_of(loan: Fields) -> LateTerms | None:
    """Return the late fee that only the product's name states: 1.5 % of what is open of the instalment."""
    product = _product(loan)
    if "OVERDUE_FROM_AMOUNT_INTEREST" in product:
        return LateTerms(fee_share=Fraction(3, 200), fee_base=LateBase.PRINCIPAL_AND_INTEREST)
    if "OVERDUE_FROM_AMOUNT" in product:
        return LateTerms(fee_share=Fraction(3, 200), fee_base=LateBase.PRINCIPAL)
    return None
