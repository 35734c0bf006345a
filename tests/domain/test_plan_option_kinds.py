"""Each kind of plan option on a loan that can be worked out by hand (tests/builders/option_cases.py)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from app.domain.allocation import STANDARD, Surplus
from app.domain.amortisation import plan_rows
from app.domain.calendars import BusinessDayRule, Calendar
from app.domain.late_charges import LateTerms
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.option_rules import Threshold
from app.domain.splits import Split
from app.domain.terms import EarlySettlement, LoanTerms
from tests.builders.option_cases import CONTRACT, ON_TIME, PAID, START, TWO_LATE, a_case, an_option, figures_of, rules_with
from tests.builders.random_ledgers import known_at, payment

# --- kinds that make a new plan -----------------------------------------------------------------------------------------


def test_a_skipped_instalment_comes_at_the_end_and_interest_runs_on_for_the_month():
    option = an_option(a_case(ON_TIME), "extend", instalments=1)

    assert figures_of(option) == (94_500 + 900, 900, date(2025, 2, 15), 9)
    assert [(row.due_on, row.due) for row in option.to_pay[:2]] == [
        (date(2024, 6, 15), Split(10_000, 1_800)),
        (date(2024, 7, 15), Split(10_000, 800)),
    ]
    # Nine rows of 100.00, each owed a month longer: 276 days in all.
    assert option.extra_annual_rate == Decimal("0.119022")


def test_more_rows_are_smaller_and_cost_interest_for_longer():
    option = an_option(a_case(ON_TIME), "lengthen", rows=3)

    assert figures_of(option) == (90_000 + 5_850, 1_350, date(2025, 4, 15), 12)
    assert option.to_pay[0].due == Split(7_500, 900)
    assert [row.row_no for row in option.rows] == list(range(1, 16))


def test_interest_alone_for_two_rows_puts_the_end_off_by_two():
    option = an_option(a_case(ON_TIME), "interest_only", rows=2)

    assert figures_of(option) == (94_500 + 1_800, 1_800, date(2025, 3, 15), 11)
    assert [row.due for row in option.to_pay[:3]] == [Split(0, 900), Split(0, 900), Split(10_000, 900)]


@pytest.mark.parametrize(("day", "first", "extra"), [(25, date(2024, 5, 25), 300), (5, date(2024, 6, 5), 600)])
def test_another_due_day_is_the_next_such_day_and_costs_the_days_between(day: int, first: date, extra: int):
    option = an_option(a_case(ON_TIME), "change_due_day", day=day)

    assert option.to_pay[0].due_on == first
    assert {row.due_on.day for row in option.to_pay} == {day}
    assert option.extra_minor == extra


def test_what_is_past_due_is_spread_over_the_next_rows_and_costs_nothing():
    option = an_option(a_case(TWO_LATE), "catch_up", rows=2)

    assert figures_of(option) == (94_500, 0, date(2025, 1, 15), 7)
    assert [row.due for row in option.to_pay[:3]] == [Split(20_000, 1_550), Split(20_000, 1_450), Split(10_000, 500)]
    assert (option.still_due_minor, option.extra_annual_rate) == (0, None)


def test_over_more_rows_than_are_left_new_ones_follow_the_last():
    option = an_option(a_case(TWO_LATE), "catch_up", rows=12)

    assert [(row.row_no, row.due_on) for row in option.rows[-5:]] == [
        (13, date(2025, 2, 15)), (14, date(2025, 3, 15)), (15, date(2025, 4, 15)), (16, date(2025, 5, 15)),
        (17, date(2025, 6, 15)),
    ]  # fmt: skip
    assert option.rows[-1].due == Split(20_000 - 11 * 1_666, 1_700 - 11 * 141)


def test_after_the_last_row_what_is_left_is_spread_from_a_period_after_today():
    option = an_option(a_case(date(2025, 3, 20)), "catch_up", rows=3)

    assert [row.due_on for row in option.to_pay] == [date(2025, 4, 20), date(2025, 5, 20), date(2025, 6, 20)]
    assert option.total_minor == 94_500


def test_what_lateness_has_cost_comes_along_and_grows_no_more():
    terms = LoanTerms(late=LateTerms(annual_rate=Fraction("0.18")), starts_on=START)
    option = an_option(a_case(TWO_LATE, terms=terms), "catch_up", rows=2)

    # 100.00 for 36 days and for 5, at 18 % over 365: 1.78 and 0.25.
    assert [row.due.penalties for row in option.to_pay[:3]] == [101, 102, 0]
    assert option.total_minor == 94_500 + 203
    assert (option.extra_minor, option.still_due_minor) == (0, 0)


def test_a_charge_that_was_levied_stays_due_where_it_fell_due():
    fee = LedgerEntry("c", EntryKind.CHARGE, 500, date(2024, 5, 20), known_at(date(2024, 5, 20)), split=Split(fees=500))
    option = an_option(a_case(TWO_LATE, entries=[*PAID, fee]), "catch_up", rows=2)

    assert option.still_due_minor == 500
    assert option.total_minor == 95_000


def test_fees_of_the_plan_keep_their_row():
    rows = tuple(row._replace(due=row.due._replace(fees=70)) for row in plan_rows(CONTRACT))
    entries = [replace(each, amount_minor=each.amount_minor + 70) for each in PAID]
    option = an_option(a_case(ON_TIME, rows=rows, entries=entries), "extend", instalments=1)

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
    option = an_option(a_case(ON_TIME, contract=None), kind, **terms)

    assert (option.to_pay[0].due_on, option.last_due_on) == (first, last)
    assert [row.due for row in option.to_pay] == [row.due for row in plan_rows(CONTRACT)[3:]]
    assert option.extra_minor == 0


def test_the_31st_stays_the_31st_after_a_short_month():
    contract = replace(CONTRACT, starts_on=date(2024, 1, 31))
    paid = [payment("p", 11_200, date(2024, 2, 29))]
    case = a_case(date(2024, 3, 1), entries=paid, rows=plan_rows(contract), contract=contract)

    assert [row.due_on.day for row in an_option(case, "lengthen", rows=2).to_pay[:3]] == [31, 30, 31]
    assert [row.due_on for row in an_option(case, "extend", instalments=1).to_pay][-2:] == [
        date(2025, 1, 31),
        date(2025, 2, 28),
    ]


def test_a_due_date_that_a_weekend_moved_moves_no_other():
    days = Calendar("weekends")
    contract = replace(CONTRACT, business_day_rule=BusinessDayRule.FOLLOWING)
    rows = plan_rows(contract, days)
    assert (rows[3].due_on, rows[4].due_on) == (date(2024, 5, 15), date(2024, 6, 17))
    paid = [payment(f"p{row.row_no}", row.due.total, row.due_on) for row in rows[:3]]
    case = a_case(ON_TIME, entries=paid, rows=rows, contract=contract, calendar=days)
    option = an_option(case, "extend", instalments=1)

    assert [row.due_on for row in option.to_pay[:3]] == [date(2024, 6, 17), date(2024, 7, 15), date(2024, 8, 15)]
    assert option.extra_minor == 900


def test_what_rows_ask_beyond_the_contract_by_rounding_stays_with_them():
    rows = tuple(row._replace(due=row.due._replace(interest=row.due.interest + 1)) for row in plan_rows(CONTRACT))
    paid = [replace(each, amount_minor=each.amount_minor + 1) for each in PAID]
    option = an_option(a_case(ON_TIME, rows=rows, entries=paid), "extend", instalments=1)

    assert [row.due.interest for row in option.to_pay[:3]] == [1_801, 801, 701]
    assert option.extra_minor == 900


def test_a_row_paid_late_and_in_part_keeps_what_its_lateness_has_cost():
    terms = LoanTerms(STANDARD, LateTerms(Fraction("0.18")), starts_on=START)
    part = payment("part", 5_000, date(2024, 6, 1))
    case = a_case(TWO_LATE, entries=[*PAID, part], terms=terms)
    option = an_option(case, "catch_up", rows=2)

    assert sum(row.due.penalties for row in option.to_pay) == case.open.penalties > 0
    assert option.total_minor == case.open.total
    assert option.still_due_minor == 0


LEVIED = LedgerEntry("c", EntryKind.CHARGE, 500, date(2024, 4, 18), known_at(date(2024, 4, 18)), split=Split(fees=500))
AFTER_ALL = replace(LEVIED, due_on=date(2025, 2, 1))


@pytest.mark.parametrize("charge", [LEVIED, AFTER_ALL])
def test_a_charge_on_a_row_to_come_or_after_the_last_stands_in_no_option_s_way(charge: LedgerEntry):
    option = an_option(a_case(ON_TIME, entries=[*PAID, charge]), "extend", instalments=1)

    assert sum(row.due.fees for row in option.to_pay) == 500
    assert option.extra_minor == 900


@pytest.mark.parametrize(
    ("more", "terms", "stays"),
    [
        ([], {}, True),
        ([LEVIED], {}, False),
        ([AFTER_ALL], {}, False),
        ([payment("x", 100, ON_TIME)], {"early_settlement": EarlySettlement.ACTUAL_PERIOD}, False),
        (
            [payment("x", 10_900, ON_TIME), LedgerEntry("r", EntryKind.REFUND, 10_900, ON_TIME, known_at(ON_TIME, 9))],
            {},
            False,
        ),
        ([payment("x", 0, ON_TIME, row_no=4)], {}, False),
        ([payment("x", 0, ON_TIME, row_no=13)], {}, False),
        ([payment("x", 0, ON_TIME, surplus=Surplus.EVENLY)], {}, False),
        ([LedgerEntry("w", EntryKind.PREPAYMENT, 100, ON_TIME, known_at(ON_TIME))], {}, False),
        ([], {"strategy": replace(STANDARD, surplus=Surplus.EVENLY)}, False),
        ([], {"contract": CONTRACT}, False),
    ],
)
def test_the_ledger_is_played_again_wherever_it_could_come_out_otherwise(
    more: list[LedgerEntry], terms: dict[str, Any], stays: bool
):
    case = a_case(ON_TIME, entries=[*PAID, *more], terms=LoanTerms(starts_on=START, **terms))
    assert case.history_stays is stays


# --- kinds that move money ----------------------------------------------------------------------------------------------


def test_paying_now_takes_what_is_due():
    option = an_option(a_case(TWO_LATE), "pay_now")

    assert (option.pay_minor, option.total_minor, option.still_due_minor) == (21_700, 94_500, 0)
    assert option.facts["days_past_due_after"] == 0


def test_paying_now_with_nothing_due_takes_the_next_instalment():
    option = an_option(a_case(ON_TIME), "pay_now")

    assert (option.pay_minor, option.facts["next_on"]) == (10_900, "2024-05-15")
    assert option.valid_until == date(2024, 4, 27)


def test_a_part_pays_the_oldest_row_and_says_what_stays_late():
    option = an_option(a_case(TWO_LATE), "pay_part", amount_minor=10_900)

    assert (option.pay_minor, option.still_due_minor, option.facts["days_past_due_after"]) == (10_900, 10_800, 5)
    assert option.credit_effect == "arrears_stay"


def test_settling_takes_the_payoff_quote_and_saves_the_interest_that_is_not_earned():
    terms = LoanTerms(early_settlement=EarlySettlement.ACTUAL_PERIOD, starts_on=START)
    option = an_option(a_case(ON_TIME, terms=terms), "settle")

    # 5 of 30 days of 9.00.
    assert (option.pay_minor, option.total_minor, option.extra_minor) == (90_150, 90_150, -4_350)
    assert (option.last_due_on, option.valid_until) == (ON_TIME, ON_TIME)


# --- until when, by whom ------------------------------------------------------------------------------------------------


def test_an_offer_stands_as_long_as_the_rules_say_but_not_beyond_the_first_row_it_changes():
    assert an_option(a_case(TWO_LATE), "catch_up", rows=2).valid_until == date(2024, 6, 27)
    assert an_option(a_case(date(2024, 6, 30)), "catch_up", rules_with(offer_valid_days=30), rows=2).valid_until == date(
        2024, 7, 15
    )


@pytest.mark.parametrize(("rows", "approvals"), [(2, 0), (3, 1), (7, 2)])
def test_the_longer_the_more_people_agree(rows: int, approvals: int):
    rules = rules_with(staff=Threshold(above_rows=2), four_eyes=Threshold(above_rows=6))
    assert an_option(a_case(TWO_LATE), "catch_up", rules, rows=rows).approvals == approvals


@pytest.mark.parametrize(("limit", "approvals"), [({"CNY": 21_700}, 0), ({"CNY": 21_699}, 2), ({"USD": 10**9}, 2)])
def test_the_more_is_put_off_the_more_people_agree(limit: dict[str, int], approvals: int):
    rules = rules_with(four_eyes=Threshold(limit))
    assert an_option(a_case(TWO_LATE), "catch_up", rules, rows=2).approvals == approvals
