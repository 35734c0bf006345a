"""Rates shown to people: the official example, streams that are odd, and what a loan costs in all."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import ValidationError
from app.domain.plans import PlanRow
from app.domain.rates import (
    AnnualisedRate,
    Flow,
    all_in_cost,
    annualised_rate,
    annualised_rate_of_months,
    flows_of_plan,
    percent,
    period_rate,
)
from app.domain.splits import Split
from app.domain.unit_periods import UNITS, dates_every

START = date(2026, 1, 15)


def shown(rate: AnnualisedRate) -> tuple[str, str]:
    return str(percent(rate.simple)), str(percent(rate.compound))


def test_the_official_example_has_its_official_rates() -> None:
    found = annualised_rate_of_months([9_900_000, *[-883_330] * 12])

    assert str(percent(found.period_rate, 5)) == "1.06698"
    assert shown(found) == ("12.80", "13.58")


def test_without_the_fee_the_official_example_is_cheaper() -> None:
    assert shown(annualised_rate_of_months([10_000_000, *[-883_330] * 12])) == ("10.90", "11.46")


def test_the_same_example_with_dates_is_the_same() -> None:
    flows = [Flow(START, 9_900_000), *(Flow(on, -883_330) for on in dates_every(UNITS["month"], date(2026, 2, 15), 12))]

    assert annualised_rate(flows[::-1]) == annualised_rate_of_months([9_900_000, *[-883_330] * 12])


@pytest.mark.parametrize("day", [29, 30, 31])
def test_a_month_too_short_for_the_day_is_still_a_month(day: int) -> None:
    flows = [Flow(date(2026, 1, day), 100_000)]
    flows += [Flow(on, -9_000) for on in (date(2026, 2, 28), date(2026, 3, day), date(2026, 4, min(day, 30)))]
    flows.append(Flow(date(2026, 5, day), -80_000))

    assert annualised_rate(flows).unit == "month"


def test_irregular_dates_are_counted_in_days_of_a_365th_and_say_so() -> None:
    found = annualised_rate([Flow(START, 100_000), Flow(START + timedelta(days=73), -102_000)])

    assert found.unit == "day"
    assert shown(found)[1] == "10.41"  # 1.02 ^ (365 / 73) - 1


def test_a_whole_year_in_one_payment_is_what_it_says() -> None:
    found = annualised_rate([Flow(date(2025, 1, 15), 100_000), Flow(START, -112_000)])

    assert percent(found.compound) == Decimal("12.00")


def test_a_loan_without_charge_has_the_rate_zero() -> None:
    assert shown(annualised_rate_of_months([1_200, *[-100] * 12])) == ("0.00", "0.00")


def test_less_repaid_than_lent_is_a_negative_rate() -> None:
    assert period_rate([10_000, -9_900]) == Decimal("-0.01")


def test_drawn_again_after_it_was_repaid_is_one_rate_still() -> None:
    assert period_rate([100, -110, 100, -110]) == Decimal("0.1")
    assert period_rate([70_000, -80_000, 70_000, -80_000]) == Decimal("0.1428571429")


def test_drawn_in_stages_is_one_rate() -> None:
    rate = period_rate([60_000, 40_000, -55_000, -55_000])

    growth = 1 + Fraction(rate)
    assert abs(60_000 * growth**3 + 40_000 * growth**2 - 55_000 * growth - 55_000) < Fraction(1, 100)


@pytest.mark.parametrize(
    ("amounts", "why"),
    [
        ([], "nothing is lent"),
        ([0, 0], "nothing is lent"),
        ([-100, 110], "nothing is lent"),
        ([100], "nothing is repaid"),
        ([100, -50, 200], "nothing is repaid"),
        ([100, -1_000, 2_310, -1_400], "no single rate"),
        ([100, -230, 132, -1], "no single rate"),
        ([10**15, -1], "almost nothing is repaid"),
        ([1, -(10**15)], "beyond every measure"),
    ],
)
def test_where_no_rate_can_be_given_it_is_said_why(amounts: list[int], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        period_rate(amounts)


def test_a_rate_by_the_day_that_no_one_could_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="beyond every measure"):
        annualised_rate([Flow(START, 100), Flow(START + timedelta(days=1), -200)])


@given(
    lent=st.integers(1, 10**8),
    paid=st.lists(st.integers(0, 10**8), min_size=1, max_size=24).filter(lambda paid: paid[-1] > 0),
)
def test_at_the_rate_of_a_loan_nothing_is_left_at_its_end(lent: int, paid: list[int]) -> None:
    rate = Fraction(period_rate([lent, *(-amount for amount in paid)]))

    def left(at: Fraction) -> Fraction:
        balance = Fraction(lent)
        for amount in paid:
            balance = balance * (1 + at) - amount
        return balance

    # Given to ten places: a step of one in the last leads to either side of nothing owed.
    step = Fraction(1, 10**10)
    assert left(rate - step) <= 0 <= left(rate + step)


@given(
    amounts=st.lists(st.integers(-(10**6), 10**6), max_size=12),
    gaps=st.lists(st.integers(0, 400), min_size=12, max_size=12),
)
def test_any_stream_ends_in_a_rate_or_in_a_refusal(amounts: list[int], gaps: list[int]) -> None:
    on, flows = START, []
    for amount, gap in zip(amounts, gaps, strict=False):
        on += timedelta(days=gap)
        flows.append(Flow(on, amount))

    refused = found = None
    try:
        found = annualised_rate(flows)
    except ValidationError as error:
        refused = error.detail

    assert (found and -1 <= found.compound <= 10**9) or (refused and refused.startswith("There is no"))


@given(st.integers(1, 10**9), st.integers(0, 100), st.integers(1, 48))
def test_a_fee_up_front_never_lowers_the_rate(lent: int, percent_of_it: int, months: int) -> None:
    payment = (lent + lent * percent_of_it // 100) // months + 1
    paid = [-payment] * months

    without, with_fee = (annualised_rate_of_months([lent - fee, *paid]) for fee in (0, lent // 50))

    assert with_fee.simple >= without.simple


def plan() -> list[PlanRow]:
    dates = dates_every(UNITS["month"], date(2026, 2, 15), 3)
    return [PlanRow(no, on, Split(10_000, 300, 50, 7)) for no, on in enumerate(dates, 1)]


def test_the_flows_of_a_plan_leave_penalties_out_and_net_the_fee_up_front() -> None:
    assert flows_of_plan([(START, 30_000)], 600, plan()) == (
        Flow(START, 29_400),
        Flow(date(2026, 2, 15), -10_350),
        Flow(date(2026, 3, 15), -10_350),
        Flow(date(2026, 4, 15), -10_350),
    )


def test_the_all_in_cost_is_interest_and_every_fee() -> None:
    cost = all_in_cost([(START, 20_000), (START, 10_000)], 600, plan())

    assert {item.name: item.amount_minor for item in cost.items} == {"interest": 900, "fees": 150, "fees_upfront": 600}
    assert (cost.charge_minor, cost.total_minor) == (1_650, 31_650)
    assert cost.share_of_principal == Decimal("0.055")


def test_nothing_disbursed_is_nothing_to_rate() -> None:
    with pytest.raises(ValidationError, match="Nothing was disbursed"):
        flows_of_plan([], 0, plan())
    with pytest.raises(ValidationError, match="Nothing was disbursed"):
        all_in_cost([], 0, plan())
