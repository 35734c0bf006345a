"""Contracts of the vectors' loans: how fields of other products map to ours, and what they leave to a product's name."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from app.domain.allocation import STRATEGIES, Strategy, Surplus
from app.domain.allocation_orders import custom_strategy
from app.domain.amortisation import plan_rows
from app.domain.contracts import Contract, Method, Prepayment
from app.domain.day_counts import DayCount, days_in_year
from app.domain.late_charges import LateBase, LateTerms
from app.domain.periods import Frequency, Unit
from tests.vectors.outcomes import Refused, day, minor

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


def day_count_of(month: str, year: str) -> DayCount:
    """Return the day count of two conventions named apart; a month convention says nothing of days and weeks."""
    month = "30" if month in ("30", "invalid") else "actual"
    try:
        return DayCount(f"{month}/{year}")
    except ValueError:
        raise Refused(f"day count {month}/{year}") from None


def contract_of(loan: dict[str, Any]) -> Contract:
    """Return the contract of a loan that states its terms (cumulative and progressive)."""
    if loan.get("compounding", "none") != "none":
        raise Refused("compounding of unpaid interest")
    digits = int(loan.get("currency_digits", 2))
    principal, starts_on = minor(loan["principal"], digits), day(loan["submitted_on"])
    down = Fraction(str(loan.get("down_payment_percent") or 0)) / 100
    progressive = loan["allocation_strategy"] == "advanced_payment_allocation"
    daily = loan.get("interest_calculation_period") == "daily"
    stated = str(loan.get("day_count", ""))
    if progressive and "/" in stated and not stated.upper().startswith("ACTUAL"):
        day_count = DayCount(stated)
    elif daily:
        # The year's length is resolved once, at the start: it belongs in the contract.
        day_count = DayCount(f"actual/{days_in_year(starts_on.year)}")
    else:
        day_count = DayCount.THIRTY_360
    if loan["interest_type"] == "flat":
        method = Method.FLAT
    elif loan["amortization"] == "equal_principal_payments":
        method = Method.EQUAL_PRINCIPAL
    else:
        method = Method.EQUAL_INSTALMENT
    return Contract(
        method,
        principal,
        starts_on,
        int(loan["number_of_repayments"]),
        Fraction(str(loan["annual_rate_percent"])) / 100,
        Frequency(int(loan["repay_every"]), UNITS[loan["repay_unit"]]),
        day_count=day_count,
        instalment_multiple_minor=minor(loan.get("round_instalment_to_multiple_of") or "0.01", digits),
        level_by_nominal_days=daily and not progressive,
        even_out=progressive,
        principal_grace=int(loan.get("grace_on_principal_periods") or 0),
        interest_grace=int(loan.get("grace_on_interest_payment_periods") or 0),
        interest_free=int(loan.get("interest_free_periods") or 0),
        down_payment=down,
        on_actual_balance=bool(loan.get("interest_recalculation")),
        whole_periods=loan.get("preclosure_interest") == "till_rest_frequency_date"
        or "RECALCULATION_SAME_AS_REPAYMENT" in loan.get("product", ""),  # recalculated at rest dates only
        prepayment=Prepayment.NEXT_ROWS
        if progressive
        else PREPAYMENT[loan.get("prepayment_adjustment", "reduce_emi_amount")],
    )


def first_paid_out(contract: Contract, loan: dict[str, Any]) -> Contract:
    """Return the contract of a loan paid out in parts: its instalment (cumulative) is that of all that was approved."""
    in_parts = "MULTIDISB" in loan.get("product", "") and loan["allocation_strategy"] != "advanced_payment_allocation"
    if not in_parts or contract.method is not Method.EQUAL_INSTALMENT:
        return contract
    return replace(contract, instalment_minor=plan_rows(replace(contract, fees=()))[0].due.total)


def strategy_of(loan: dict[str, Any], surplus: Surplus | None = None) -> Strategy:
    """Return how the loan's payments are spread; `surplus` overrides the rule of the loan."""
    name = loan["allocation_strategy"]
    if name != "advanced_payment_allocation":
        if name not in STRATEGY_NAMES:
            raise Refused(f"allocation strategy {name}")
        return STRATEGIES[STRATEGY_NAMES[name]]
    if surplus is None:
        surplus = SURPLUS[loan.get("future_allocation_by_transaction", {}).get("default", "next_instalment")]
    order = loan["advanced_allocation_order"]
    return custom_strategy(order, vertical=loan.get("processing") == "vertical", surplus=surplus)


def late_terms_of(loan: dict[str, Any]) -> LateTerms | None:
    """Return the late fee that only the product's name states: 1.5 % of what is open of the instalment."""
    product = loan.get("product", "")
    if "OVERDUE_FROM_AMOUNT_INTEREST" in product:
        return LateTerms(fee_share=Fraction(3, 200), fee_base=LateBase.PRINCIPAL_AND_INTEREST)
    if "OVERDUE_FROM_AMOUNT" in product:
        return LateTerms(fee_share=Fraction(3, 200), fee_base=LateBase.PRINCIPAL)
    return None
