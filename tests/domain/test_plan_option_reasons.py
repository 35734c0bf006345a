"""Why a plan option is not offered: each reason is given where it holds, and only there."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from app.domain.amortisation import plan_rows
from app.domain.caps import Cap
from app.domain.contracts import Method
from app.domain.errors import PlanNotEligibleError, ValidationError
from app.domain.option_cases import EarlierAgreement, EarlierAgreements, frequency_of
from app.domain.option_offers import options_for
from app.domain.periods import Frequency, Unit
from app.domain.plan_options import CODES, OptionKind
from tests.builders.option_cases import (
    CONTRACT,
    ON_TIME,
    PAID,
    RULES,
    TWO_LATE,
    ZONE_CAP,
    a_case,
    an_option,
    rules_with,
)
from tests.builders.random_ledgers import payment

DAY = date(2024, 4, 20)
ENDED = EarlierAgreements((EarlierAgreement(OptionKind.EXTEND, date(2024, 2, 1), date(2024, 4, 1)),))
STANDS = EarlierAgreements((EarlierAgreement(OptionKind.EXTEND, date(2024, 2, 1)),))
AHEAD = [*PAID, payment("a", 94_500 - 1, ON_TIME)]
SINGLE = replace(CONTRACT, method=Method.SINGLE_PAYMENT, instalments=12)
WEEKLY = replace(CONTRACT, frequency=Frequency(1, Unit.WEEKS))
DEAR = replace(CONTRACT, annual_rate=Fraction("0.24"))
CAPPED = {"cap": replace(ZONE_CAP, annual_rate=Decimal("0.1180"))}
UNKNOWN = {"cap": Cap("unknown", None, "SPC", "", "fixing-missing", may_bind=True)}
REASONS: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]] = [
    # code, kind, terms, of the case, of the rules
    ("loan_closed", "extend", {"instalments": 1}, {"status": "closed"}, {}),
    ("not_by_law", "extend", {"instalments": 1}, {}, {"allowed": False, "closed_by": "law"}),
    ("not_by_lender", "extend", {"instalments": 1}, {}, {"allowed": False}),
    (
        "hold_stands",
        "extend",
        {"instalments": 1},
        {"holds": frozenset({"dispute"})},
        {"not_under_holds": frozenset({"dispute"})},
    ),
    ("not_past_due", "extend", {"instalments": 1}, {}, {"dpd_from": 1}),
    ("too_early", "catch_up", {"rows": 2}, {"today": TWO_LATE}, {"dpd_from": 60}),
    ("too_late", "catch_up", {"rows": 2}, {"today": TWO_LATE}, {"dpd_to": 30}),
    ("arrangement_active", "extend", {"instalments": 1}, {"earlier": STANDS}, {}),
    ("arrangement_active", "extend", {"instalments": 1}, {"holds": frozenset({"plan_agreed"})}, {}),
    ("plan_incomplete", "extend", {"instalments": 1}, {"marks": frozenset({"estimated_plan"})}, {}),
    ("figures_differ", "extend", {"instalments": 1}, {"is_of_core": True}, {}),
    ("after_maturity", "catch_up", {"rows": 2}, {"today": date(2025, 1, 15)}, {"before_maturity": True}),
    ("too_few_paid", "extend", {"instalments": 1}, {}, {"min_rows_paid": 4}),
    ("too_often", "extend", {"instalments": 1}, {"earlier": ENDED}, {"max_per_12_months": 1}),
    ("too_often", "extend", {"instalments": 1}, {"earlier": ENDED}, {"max_over_life": 1}),
    ("cooling_off", "lengthen", {"rows": 1}, {"earlier": ENDED}, {"cooling_days": 20}),
    ("contract_unknown", "lengthen", {"rows": 1}, {"contract": None}, {}),
    ("contract_differs", "extend", {"instalments": 1}, {"contract": DEAR}, {}),
    ("not_for_method", "lengthen", {"rows": 1}, {"contract": SINGLE, "rows": plan_rows(SINGLE), "entries": []}, {}),
    ("not_monthly", "change_due_day", {"day": 5}, {"contract": WEEKLY}, {}),
    ("paid_ahead", "extend", {"instalments": 1}, {"entries": AHEAD}, {}),
    ("nothing_ahead", "extend", {"instalments": 1}, {"today": date(2025, 2, 1)}, {}),
    ("nothing_due", "pay_part", {"amount_minor": 5}, {}, {}),
    ("not_a_part", "pay_part", {"amount_minor": 21_700}, {"today": TWO_LATE}, {}),
    ("day_not_allowed", "change_due_day", {"day": 29}, {}, {}),
    ("no_change", "change_due_day", {"day": 15}, {}, {}),
    ("too_many_rows", "lengthen", {"rows": 4}, {}, {"max_rows": 3}),
    ("too_long", "extend", {"instalments": 2}, {}, {"max_extra_days": 31}),
    ("too_long", "change_due_day", {"day": 14}, {}, {"max_extra_days": 29}),
    ("above_cap", "extend", {"instalments": 1}, CAPPED, {}),
    ("cap_unknown", "extend", {"instalments": 1}, UNKNOWN, {}),
    ("not_quotable", "settle", {}, {"rows": plan_rows(CONTRACT)[:-1]}, {}),
    ("not_computable", "lengthen", {"rows": 2000}, {}, {}),
]


@pytest.mark.parametrize(("code", "kind", "terms", "of_case", "of_rules"), REASONS)
def test_each_reason_is_given_where_it_holds(
    code: str, kind: str, terms: Mapping[str, Any], of_case: Mapping[str, Any], of_rules: Mapping[str, Any]
):
    case = a_case(**{"today": DAY, **of_case})
    with pytest.raises(PlanNotEligibleError) as refusal:
        an_option(case, kind, rules_with(**of_rules), **terms)
    assert (refusal.value.facts["reason"], refusal.value.facts["kind"]) == (code, kind)
    assert refusal.value.facts["rule"]


def test_every_reason_has_its_example():
    assert {each[0] for each in REASONS} == set(CODES)


def test_up_to_the_cap_an_option_that_costs_nothing_is_offered_though_the_cap_is_not_known():
    assert an_option(a_case(TWO_LATE, **UNKNOWN), "catch_up", rows=2).extra_minor == 0
    assert an_option(a_case(ON_TIME, cap=ZONE_CAP), "extend", instalments=1).extra_minor == 900


def test_a_law_that_refuses_a_kind_is_named():
    found = options_for(a_case(ON_TIME, refused_by_law={OptionKind.SETTLE: "art. 677"}), RULES)
    assert [(each.code, each.rule) for each in found.not_offered if each.kind is OptionKind.SETTLE] == [
        ("not_by_law", "art. 677")
    ]


def test_a_list_has_each_kind_once_offered_or_refused():
    found = options_for(a_case(TWO_LATE), RULES)
    offered, refused = {each.kind for each in found.offered}, [each.kind for each in found.not_offered]
    assert offered | set(refused) == set(OptionKind)
    assert not offered & set(refused)
    assert len(refused) == len(set(refused))


@pytest.mark.parametrize(
    ("kind", "terms", "pointer"),
    [
        ("extend", {}, "/terms/instalments"),
        ("extend", {"instalments": 0}, "/terms/instalments"),
        ("extend", {"instalments": True}, "/terms/instalments"),
        ("extend", {"rows": 1}, "/terms/rows"),
        ("settle", {"amount_minor": 5}, "/terms/amount_minor"),
    ],
)
def test_terms_that_a_kind_does_not_have_are_refused_at_their_place(kind: str, terms: dict[str, Any], pointer: str):
    with pytest.raises(ValidationError) as refusal:
        an_option(a_case(ON_TIME), kind, **terms)
    assert [each.pointer for each in refusal.value.errors] == [pointer]


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ([date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)], Frequency(1, Unit.MONTHS)),
        ([date(2024, 1, 1), date(2024, 4, 1), date(2024, 7, 1)], Frequency(3, Unit.MONTHS)),
        ([date(2024, 1, 1), date(2024, 1, 15), date(2024, 1, 29)], Frequency(2, Unit.WEEKS)),
        ([date(2024, 1, 1), date(2024, 1, 11)], Frequency(10, Unit.DAYS)),
        ([date(2024, 1, 1)], Frequency(1, Unit.MONTHS)),
    ],
)
def test_how_far_rows_lie_apart_is_read_from_them(days: list[date], found: Frequency):
    assert frequency_of(days) == found
