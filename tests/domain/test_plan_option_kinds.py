"""Each kind of plan option on a loan that can be worked out by hand, and each reason why one is not offered.

The loan: 1,200.00 lent on 15 January 2024 at 12 % a year, 30/360, paid back in 12 rows of 100.00 principal each, so that
row k bears 1 % of what is left: 12.00, 11.00, ... 1.00. Three rows are paid on their days.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from app.domain.amortisation import plan_rows
from app.domain.calendars import BusinessDayRule, Calendar
from app.domain.caps import Cap
from app.domain.contracts import Contract, Method
from app.domain.errors import PlanNotEligibleError, ValidationError
from app.domain.late_charges import LateTerms
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.option_cases import EarlierAgreement, EarlierAgreements, OptionCase, frequency_of
from app.domain.option_offers import option_for, options_for
from app.domain.option_rules import OptionRule, OptionRules, Threshold
from app.domain.periods import Frequency, Unit
from app.domain.plan_options import CODES, OptionKind, PlanOption
from app.domain.plans import PlanVersion
from app.domain.positions import position_at, replay
from app.domain.splits import Split
from app.domain.terms import EarlySettlement, LoanTerms
from tests.builders.random_ledgers import known_at, payment

START = date(2024, 1, 15)
CONTRACT = Contract(Method.EQUAL_PRINCIPAL, 120_000, START, 12, Fraction("0.12"))
PAID = [payment(f"p{k}", 10_000 + 1_300 - 100 * k, date(2024, 1 + k, 15)) for k in (1, 2, 3)]
ON_TIME, TWO_LATE = date(2024, 4, 20), date(2024, 6, 20)
RULE = OptionRule(days=tuple(range(1, 29)), listed=(1, 2))
RULES = OptionRules(("test",), dict.fromkeys(OptionKind, RULE))
ZONE_CAP = Cap("applies", Decimal("0.12"), "SPC art. 25", "", "four-times-lpr")


def _case(
    today: date, *, entries: list[LedgerEntry] | None = None, terms: LoanTerms | None = None, **more: Any
) -> OptionCase:
    terms = terms or LoanTerms(starts_on=START)
    entries = PAID if entries is None else entries
    version = PlanVersion(1, more.pop("rows", plan_rows(CONTRACT)), known_at(START))
    position = position_at(replay(120_000, [version], entries, today, terms=terms), today, terms=terms)
    fields = {"contract": CONTRACT, "principal_minor": 120_000, "disbursed_on": START, "currency": "CNY"} | more
    return OptionCase(version=version, entries=entries, terms=terms, position=position, today=today, **fields)


def _option(case: OptionCase, kind: str, rules: OptionRules = RULES, **terms: Any) -> PlanOption:
    return option_for(case, rules, OptionKind(kind), terms)


def _figures(option: PlanOption) -> tuple[Any, ...]:
    return option.total_minor, option.extra_minor, option.last_due_on, len(option.to_pay)


def _rules(**changes: Any) -> OptionRules:
    return OptionRules(("test",), dict.fromkeys(OptionKind, replace(RULE, **changes)))


# --- kinds that make a new plan -----------------------------------------------------------------------------------------


def test_a_skipped_instalment_comes_at_the_end_and_interest_runs_on_for_the_month():
    option = _option(_case(ON_TIME), "extend", instalments=1)

    assert _figures(option) == (94_500 + 900, 900, date(2025, 2, 15), 9)
    assert [(row.due_on, row.due) for row in option.to_pay[:2]] == [
        (date(2024, 6, 15), Split(10_000, 1_800)),
        (date(2024, 7, 15), Split(10_000, 800)),
    ]
    # Nine rows of 100.00, each owed a month longer: 276 days in all.
    assert option.extra_annual_rate == Decimal("0.119022")


def test_more_rows_are_smaller_and_cost_interest_for_longer():
    option = _option(_case(ON_TIME), "lengthen", rows=3)

    assert _figures(option) == (90_000 + 5_850, 1_350, date(2025, 4, 15), 12)
    assert option.to_pay[0].due == Split(7_500, 900)
    assert [row.row_no for row in option.rows] == list(range(1, 16))


def test_interest_alone_for_two_rows_puts_the_end_off_by_two():
    option = _option(_case(ON_TIME), "interest_only", rows=2)

    assert _figures(option) == (94_500 + 1_800, 1_800, date(2025, 3, 15), 11)
    assert [row.due for row in option.to_pay[:3]] == [Split(0, 900), Split(0, 900), Split(10_000, 900)]


@pytest.mark.parametrize(("day", "first", "extra"), [(25, date(2024, 5, 25), 300), (5, date(2024, 6, 5), 600)])
def test_another_due_day_is_the_next_such_day_and_costs_the_days_between(day: int, first: date, extra: int):
    option = _option(_case(ON_TIME), "change_due_day", day=day)

    assert option.to_pay[0].due_on == first
    assert {row.due_on.day for row in option.to_pay} == {day}
    assert option.extra_minor == extra


def test_what_is_past_due_is_spread_over_the_next_rows_and_costs_nothing():
    option = _option(_case(TWO_LATE), "catch_up", rows=2)

    assert _figures(option) == (94_500, 0, date(2025, 1, 15), 7)
    assert [row.due for row in option.to_pay[:3]] == [Split(20_000, 1_550), Split(20_000, 1_450), Split(10_000, 500)]
    assert (option.still_due_minor, option.extra_annual_rate) == (0, None)


def test_over_more_rows_than_are_left_new_ones_follow_the_last():
    option = _option(_case(TWO_LATE), "catch_up", rows=12)

    assert [(row.row_no, row.due_on) for row in option.rows[-5:]] == [
        (13, date(2025, 2, 15)), (14, date(2025, 3, 15)), (15, date(2025, 4, 15)), (16, date(2025, 5, 15)),
        (17, date(2025, 6, 15)),
    ]  # fmt: skip
    assert option.rows[-1].due == Split(20_000 - 11 * 1_666, 1_700 - 11 * 141)


def test_after_the_last_row_what_is_left_is_spread_from_a_period_after_today():
    option = _option(_case(date(2025, 3, 20)), "catch_up", rows=3)

    assert [row.due_on for row in option.to_pay] == [date(2025, 4, 20), date(2025, 5, 20), date(2025, 6, 20)]
    assert option.total_minor == 94_500


def test_what_lateness_has_cost_comes_along_and_grows_no_more():
    terms = LoanTerms(late=LateTerms(annual_rate=Fraction("0.18")), starts_on=START)
    option = _option(_case(TWO_LATE, terms=terms), "catch_up", rows=2)

    # 100.00 for 36 days and for 5, at 18 % over 365: 1.78 and 0.25.
    assert [row.due.penalties for row in option.to_pay[:3]] == [101, 102, 0]
    assert option.total_minor == 94_500 + 203
    assert (option.extra_minor, option.still_due_minor) == (0, 0)


def test_a_charge_that_was_levied_stays_due_where_it_fell_due():
    fee = LedgerEntry("c", EntryKind.CHARGE, 500, date(2024, 5, 20), known_at(date(2024, 5, 20)), split=Split(fees=500))
    option = _option(_case(TWO_LATE, entries=[*PAID, fee]), "catch_up", rows=2)

    assert option.still_due_minor == 500
    assert option.total_minor == 95_000


def test_fees_of_the_plan_keep_their_row():
    rows = tuple(row._replace(due=row.due._replace(fees=70)) for row in plan_rows(CONTRACT))
    entries = [replace(each, amount_minor=each.amount_minor + 70) for each in PAID]
    option = _option(_case(ON_TIME, rows=rows, entries=entries), "extend", instalments=1)

    assert [row.due.fees for row in option.to_pay] == [70] * 9
    assert option.extra_minor == 900


@pytest.mark.parametrize(
    ("kind", "terms", "first", "last"),
    [
        ("extend", {"instalments": 2}, date(2024, 7, 15), date(2025, 3, 15)),
        ("change_due_day", {"day": 28}, date(2024, 5, 28), date(2025, 1, 28)),
    ],
)
def test_without_a_contract_rows_move_as_they_are(kind: str, terms: dict[str, int], first: date, last: date):
    option = _option(_case(ON_TIME, contract=None), kind, **terms)

    assert (option.to_pay[0].due_on, option.last_due_on) == (first, last)
    assert [row.due for row in option.to_pay] == [row.due for row in plan_rows(CONTRACT)[3:]]
    assert option.extra_minor == 0


def test_the_31st_stays_the_31st_after_a_short_month():
    contract = replace(CONTRACT, starts_on=date(2024, 1, 31))
    paid = [payment("p", 11_200, date(2024, 2, 29))]
    case = _case(date(2024, 3, 1), entries=paid, rows=plan_rows(contract), contract=contract)

    assert [row.due_on.day for row in _option(case, "lengthen", rows=2).to_pay[:3]] == [31, 30, 31]
    assert [row.due_on for row in _option(case, "extend", instalments=1).to_pay][-2:] == [
        date(2025, 1, 31),
        date(2025, 2, 28),
    ]


def test_a_due_date_that_a_holiday_moved_moves_no_other():
    days = Calendar("weekends")
    contract = replace(CONTRACT, business_day_rule=BusinessDayRule.FOLLOWING)
    rows = plan_rows(contract, days)
    assert rows[5].due_on == date(2024, 7, 15)
    assert rows[4].due_on == date(2024, 6, 17)
    paid = [payment(f"p{row.row_no}", row.due.total, row.due_on) for row in rows[:4]]
    option = _option(
        _case(date(2024, 5, 20), entries=paid, rows=rows, contract=contract, calendar=days), "extend", instalments=1
    )

    assert [row.due_on for row in option.to_pay[:3]] == [date(2024, 7, 15), date(2024, 8, 15), date(2024, 9, 16)]
    assert option.extra_minor == 800


# --- kinds that move money ----------------------------------------------------------------------------------------------


def test_paying_now_takes_what_is_due():
    option = _option(_case(TWO_LATE), "pay_now")

    assert (option.pay_minor, option.total_minor, option.still_due_minor) == (21_700, 94_500, 0)
    assert option.facts["days_past_due_after"] == 0


def test_paying_now_with_nothing_due_takes_the_next_instalment():
    option = _option(_case(ON_TIME), "pay_now")

    assert (option.pay_minor, option.facts["next_on"]) == (10_900, "2024-05-15")
    assert option.valid_until == date(2024, 4, 27)


def test_a_part_pays_the_oldest_row_and_says_what_stays_late():
    option = _option(_case(TWO_LATE), "pay_part", amount_minor=10_900)

    assert (option.pay_minor, option.still_due_minor, option.facts["days_past_due_after"]) == (10_900, 10_800, 5)
    assert option.credit_effect == "arrears_stay"


def test_settling_takes_the_payoff_quote_and_saves_the_interest_that_is_not_earned():
    terms = LoanTerms(early_settlement=EarlySettlement.ACTUAL_PERIOD, starts_on=START)
    option = _option(_case(ON_TIME, terms=terms), "settle")

    # 5 of 30 days of 9.00.
    assert (option.pay_minor, option.total_minor, option.extra_minor) == (90_150, 90_150, -4_350)
    assert (option.last_due_on, option.valid_until) == (ON_TIME, ON_TIME)


# --- until when, by whom ------------------------------------------------------------------------------------------------


def test_an_offer_stands_as_long_as_the_rules_say_but_not_beyond_the_first_row_it_changes():
    assert _option(_case(TWO_LATE), "catch_up", rows=2).valid_until == date(2024, 6, 27)
    assert _option(_case(date(2024, 6, 30)), "catch_up", _rules(offer_valid_days=30), rows=2).valid_until == date(
        2024, 7, 15
    )


@pytest.mark.parametrize(("rows", "approvals"), [(2, 0), (3, 1), (7, 2)])
def test_the_longer_the_more_people_agree(rows: int, approvals: int):
    rules = _rules(staff=Threshold(above_rows=2), four_eyes=Threshold(above_rows=6))
    assert _option(_case(TWO_LATE), "catch_up", rules, rows=rows).approvals == approvals


@pytest.mark.parametrize(("limit", "approvals"), [({"CNY": 21_700}, 0), ({"CNY": 21_699}, 2), ({"USD": 10**9}, 2)])
def test_the_more_is_put_off_the_more_people_agree(limit: dict[str, int], approvals: int):
    rules = _rules(four_eyes=Threshold(limit))
    assert _option(_case(TWO_LATE), "catch_up", rules, rows=2).approvals == approvals


# --- what is not offered ------------------------------------------------------------------------------------------------

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
    case = _case(**{"today": DAY, **of_case})
    with pytest.raises(PlanNotEligibleError) as refusal:
        _option(case, kind, _rules(**of_rules), **terms)
    assert (refusal.value.facts["reason"], refusal.value.facts["kind"]) == (code, kind)
    assert refusal.value.facts["rule"]


def test_every_reason_has_its_example():
    assert {each[0] for each in REASONS} == set(CODES)


def test_up_to_the_cap_an_option_that_costs_nothing_is_offered_though_the_cap_is_not_known():
    assert _option(_case(TWO_LATE, **UNKNOWN), "catch_up", rows=2).extra_minor == 0
    assert _option(_case(ON_TIME, cap=ZONE_CAP), "extend", instalments=1).extra_minor == 900


def test_a_law_that_refuses_a_kind_is_named():
    found = options_for(_case(ON_TIME, refused_by_law={OptionKind.SETTLE: "art. 677"}), RULES)
    assert [(each.code, each.rule) for each in found.not_offered if each.kind is OptionKind.SETTLE] == [
        ("not_by_law", "art. 677")
    ]


def test_a_list_has_each_kind_once_offered_or_refused():
    found = options_for(_case(TWO_LATE), RULES)
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
        _option(_case(ON_TIME), kind, **terms)
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
