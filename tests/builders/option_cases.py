"""One small loan whose plan options can be worked out by hand.

1,200.00 lent on 15 January 2024 at 12 % a year, 30/360, paid back in 12 rows of 100.00 principal each, so that row k bears
1 % of what is left: 12.00, 11.00, ... 1.00. Three rows are paid on their days.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.domain.amortisation import plan_rows
from app.domain.caps import Cap
from app.domain.contracts import Contract, Method
from app.domain.ledger import LedgerEntry
from app.domain.option_cases import OptionCase
from app.domain.option_offers import option_for
from app.domain.option_rules import OptionRule, OptionRules
from app.domain.plan_options import OptionKind, PlanOption
from app.domain.plans import PlanVersion
from app.domain.positions import position_at, replay
from app.domain.terms import LoanTerms
from tests.builders.random_ledgers import known_at, payment

START = date(2024, 1, 15)
CONTRACT = Contract(Method.EQUAL_PRINCIPAL, 120_000, START, 12, Fraction("0.12"))
PAID = [payment(f"p{k}", 10_000 + 1_300 - 100 * k, date(2024, 1 + k, 15)) for k in (1, 2, 3)]
ON_TIME, TWO_LATE = date(2024, 4, 20), date(2024, 6, 20)
RULE = OptionRule(days=tuple(range(1, 29)), listed=(1, 2))
RULES = OptionRules(("test",), dict.fromkeys(OptionKind, RULE))
ZONE_CAP = Cap("applies", Decimal("0.12"), "SPC art. 25", "", "four-times-lpr")


def a_case(
    today: date, *, entries: list[LedgerEntry] | None = None, terms: LoanTerms | None = None, **more: Any
) -> OptionCase:
    terms = terms or LoanTerms(starts_on=START)
    entries = PAID if entries is None else entries
    version = PlanVersion(1, more.pop("rows", plan_rows(CONTRACT)), known_at(START))
    position = position_at(replay(120_000, [version], entries, today, terms=terms), today, terms=terms)
    fields = {"contract": CONTRACT, "principal_minor": 120_000, "disbursed_on": START, "currency": "CNY"} | more
    return OptionCase(version=version, entries=entries, terms=terms, position=position, today=today, **fields)


def an_option(case: OptionCase, kind: str, rules: OptionRules = RULES, **terms: Any) -> PlanOption:
    return option_for(case, rules, OptionKind(kind), terms)


def figures_of(option: PlanOption) -> tuple[Any, ...]:
    return option.total_minor, option.extra_minor, option.last_due_on, len(option.to_pay)


def rules_with(**changes: Any) -> OptionRules:
    return OptionRules(("test",), dict.fromkeys(OptionKind, replace(RULE, **changes)))
