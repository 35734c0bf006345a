"""Plan options: what a borrower may choose now about a loan, each with its full consequence before it is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.domain.plans import PlanRow


class OptionKind(StrEnum):
    """What can be chosen. The first three and `settle` move money and change no plan; the others make a new plan version."""

    PAY_NOW = "pay_now"
    PAY_PART = "pay_part"
    SETTLE = "settle"
    CHANGE_DUE_DAY = "change_due_day"
    EXTEND = "extend"
    """Skip one or more instalments: they move to the end."""
    LENGTHEN = "lengthen"
    INTEREST_ONLY = "interest_only"
    CATCH_UP = "catch_up"
    """What is past due is spread over the next N rows."""


CODES = (
    "loan_closed", "not_by_law", "not_by_lender", "hold_stands", "not_past_due", "too_early", "too_late",
    "arrangement_active", "plan_incomplete", "figures_differ", "after_maturity", "too_few_paid", "too_often", "cooling_off",
    "contract_unknown", "contract_differs", "not_for_method", "not_monthly", "paid_ahead", "nothing_ahead", "nothing_due",
    "not_a_part", "day_not_allowed", "no_change", "too_many_rows", "too_long", "above_cap", "cap_unknown", "not_quotable",
    "not_computable",
)  # fmt: skip
"""Why an option is not offered; `wording/option_words.py` has the words. Stable for ever."""


@dataclass(frozen=True, slots=True)
class PlanOption:
    """One option that may be chosen. Amounts in minor units of the loan's currency."""

    kind: OptionKind
    terms: Mapping[str, Any]
    """The choice itself, JSON values: {"day": 25}, {"rows": 6}, {"instalments": 3}. Asked with the same, the same comes."""
    rows: tuple[PlanRow, ...] = ()
    """The whole plan after it, as `queries.positions` would read it; empty where no plan changes."""
    to_pay: tuple[PlanRow, ...] = ()
    """What is then open of each row, charges and late charges up to today included; adds up to `total_minor`."""
    pay_minor: int | None = None
    """What it takes now, of options that move money."""
    total_minor: int = 0
    """What is still to be paid from now on, all in."""
    still_due_minor: int = 0
    """What is due by today all the same, once it is chosen."""
    extra_minor: int = 0
    """How much more than by the plan as it stands; negative: less."""
    extra_annual_rate: Decimal | None = None
    """The extra cost as an annual rate on the balance it is owed for; None where nothing is added or no balance runs."""
    last_due_on: date | None = None
    """Of what is still to be paid."""
    credit_effect: str = "none"
    """How it shows in credit reports: a code of the option rules."""
    approvals: int = 0
    """0: agreed by itself within the lender's limits; 1: staff; 2: four eyes."""
    valid_until: date | None = None
    """Last day, in the loan's zone, on which it may be chosen on these figures."""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotOffered:
    """An option that may not be chosen now. `code` is stable; `rule` names the line of the option rules or the law."""

    kind: OptionKind
    code: str
    rule: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """All that can be said about one loan now."""

    offered: tuple[PlanOption, ...]
    not_offered: tuple[NotOffered, ...]
