"""Vectors that stand alone: inputs and the figures expected of them, one function a kind.

A function reads all its inputs before it compares, so that an input nobody understands is named even where a figure is off.
"""

from collections.abc import Callable
from typing import Any

from tests.vectors.fields import Fields
from tests.vectors.outcomes import Mismatch, Refused
from tests.vectors.payment_figures import accrual, allocation, collateral, day_count, delinquency_days, payoff_quote, penalty
from tests.vectors.plan_figures import (
    instalment_rounding_defect,
    schedule,
    schedule_dates,
    schedule_fixed_instalment,
    schedule_summary,
)
from tests.vectors.progressive import annuity_factor, day_count_rate_factor
from tests.vectors.rate_figures import apr, irr, rate_cap

FIGURES: dict[str, Callable[[Fields, Any], None]] = {
    "schedule": schedule,
    "schedule_fixed_instalment": schedule_fixed_instalment,
    "schedule_summary": schedule_summary,
    "schedule_dates": schedule_dates,
    "instalment_rounding_defect": instalment_rounding_defect,
    "day_count_rate_factor": day_count_rate_factor,
    "annuity_factor": annuity_factor,
    "day_count": day_count,
    "accrual": accrual,
    "allocation": allocation,
    "payoff_quote": payoff_quote,
    "penalty": penalty,
    "delinquency_days": delinquency_days,
    "collateral": collateral,
    "apr": apr,
    "irr": irr,
    "annualised_rate": irr,
    "effective_rate": irr,
    "rate_cap": rate_cap,
}


def run_figures(vector: Fields) -> None:
    """Compare what a vector expects with what our kernel gives."""
    run = FIGURES.get(vector["kind"])
    if run is None:
        raise Refused(f"vectors of kind {vector['kind']}")
    inputs = vector.child("inputs")
    try:
        # A list of states or an object of figures, as the kind has it.
        run(inputs, vector.children("expected") if isinstance(vector["expected"], list) else vector.child("expected"))
    except Mismatch:
        inputs.refuse_unread()
        raise
