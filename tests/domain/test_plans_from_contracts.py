"""Plans from contracts: every row adds up, whatever the contract says, and figures of each method checked by hand."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.amortisation import amortise, plan_rows
from app.domain.calendars import BusinessDayRule, Calendar
from app.domain.charges import Fee, FeeBasis, FeeDue
from app.domain.contracts import Contract, Disbursement, Method, RateChange, Remainder
from app.domain.day_counts import DayCount, share_of_year
from app.domain.errors import ValidationError
from app.domain.periods import DayOfMonth, Frequency, Unit
from app.domain.replay import Account
from app.domain.rounding import Rounding
from app.domain.terms import LoanTerms
from tests.builders.random_loans import contracts, loans_on_actual_balance, plan_of

START = date(2026, 1, 1)
ONE_PER_CENT_A_MONTH = Fraction(12, 100)


def contract(method: Method, principal: int = 100_000, rows: int = 3, **changes: Any) -> Contract:
    return Contract(method, principal, START, rows, ONE_PER_CENT_A_MONTH, **changes)


def paid(made: Contract) -> list[tuple[int, int]]:
    """Principal and interest, row by row."""
    return [(row.due.principal, row.due.interest) for row in plan_rows(made)]


def due_days(made: Contract) -> list[str]:
    return [row.due_on.isoformat() for row in plan_rows(made)]


# --- whatever the contract says ------------------------------------------------------------------------------------------


@given(contracts())
def test_rows_pay_back_what_was_lent_and_no_part_is_negative(made: Contract) -> None:
    rows = plan_of(made)
    assume(rows)

    lent = made.principal_minor + sum(each.amount_minor for each in made.disbursements)
    assert sum(row.due.principal for row in rows) == lent
    assert all(min(row.due) >= 0 for row in rows)
    assert amortise(made)[-1].balance_minor == 0


@given(contracts())
def test_the_number_of_rows_is_the_contracts_and_they_ascend(made: Contract) -> None:
    rows = plan_of(made)
    assume(rows)

    down = 1 + len(made.disbursements) if made.down_payment else 0
    count = len(rows) - down
    if made.method is Method.SINGLE_PAYMENT:
        assert count == 1
    elif made.method is Method.FIXED_INSTALMENT:
        assert 1 <= count <= (made.instalments or count)
    else:
        assert count == made.instalments
    assert [row.row_no for row in rows] == list(range(1, len(rows) + 1))
    days = [each.period.due_on for each in amortise(made)]
    assert all(before < after for before, after in pairwise(days))
    assert [row.due_on for row in rows] == sorted(row.due_on for row in rows)


@given(contracts())
def test_the_balance_falls_by_each_rows_principal_and_bears_all_the_interest(made: Contract) -> None:
    assume(plan_of(made))
    rows = amortise(made)

    periods = [row.period.interest for row in rows]
    assert periods[0].from_on == made.starts_on
    assert all(before.to_on == after.from_on for before, after in pairwise(periods))
    if not made.interest_grace:
        assert not any(row.interest_minor for row in rows[: made.interest_free])
    if not made.annual_rate and not made.rate_changes:
        assert not any(row.interest_minor for row in rows)
    assert all(row.balance_minor >= 0 for row in rows)


@given(contracts(methods=tuple(method for method in Method if method is not Method.FLAT)))
def test_interest_is_that_of_the_balance_for_the_share_of_the_year(made: Contract) -> None:
    made = replace(made, disbursements=(), rate_changes=(), interest_grace=0, down_payment=Fraction(0))
    assume(plan_of(made))

    balance = made.principal_minor
    for k, row in enumerate(amortise(made)):
        share, year = share_of_year(made.day_count, row.period.interest)
        exact = 0 if k < made.interest_free else balance * made.annual_rate * share / year
        assert row.interest_minor == rounded(exact, made.rounding)
        balance -= row.principal_minor


def rounded(exact: Fraction | int, rounding: Rounding) -> int:
    """Round by other means than the kernel's."""
    ways = {
        Rounding.HALF_EVEN: round,
        Rounding.UP: ceil,
        Rounding.DOWN: floor,
        Rounding.HALF_UP: lambda x: floor(x + Fraction(1, 2)),
    }
    return ways[rounding](Fraction(exact))


@given(contracts(methods=(Method.EQUAL_INSTALMENT,)))
def test_all_rows_but_one_are_level(made: Contract) -> None:
    made = replace(made, disbursements=(), rate_changes=(), interest_grace=0, down_payment=Fraction(0), fees=())
    rows = plan_of(made)
    assume(rows)

    first = made.principal_grace + (1 if made.remainder is Remainder.FIRST else 0)
    level = [row.due.total for row in rows[first:-1] if row.due.principal]
    # A row whose interest is more than the instalment is that interest; one that ends the balance early is the rest of it.
    usual = {total for total, after in zip(level, rows[first + 1 :], strict=False) if after.due.principal}
    assert len(usual) <= 1
    if made.instalment_minor is None:
        assert all(total % made.instalment_multiple_minor == 0 for total in usual)


@given(st.integers(100_000, 900_000_000), st.integers(2, 60), st.integers(0, 3600), st.booleans())
def test_with_the_remainder_first_the_last_row_is_level_too(
    principal: int, count: int, basis_points: int, even_out: bool
) -> None:
    rate = Fraction(basis_points, 10_000)
    made = Contract(Method.EQUAL_INSTALMENT, principal, START, count, rate, remainder=Remainder.FIRST, even_out=even_out)
    totals = [row.due.total for row in plan_rows(made)]

    assert len(set(totals[1:-1])) <= 1
    if count > 2:
        assert abs(totals[-1] - totals[-2]) <= max(3, count // 2)  # the rows between round


@given(contracts(), st.integers(1, 1_000_000))
def test_money_paid_out_on_the_first_day_is_principal_like_the_first(made: Contract, more: int) -> None:
    assume(made.method is not Method.FLAT)
    made = replace(made, disbursements=(), down_payment=Fraction(0), fees=(), rate_changes=())
    together = replace(made, principal_minor=made.principal_minor + more)
    apart = replace(made, disbursements=(Disbursement(made.starts_on, more),))
    assume(plan_of(together))

    assert plan_rows(apart) == plan_rows(together)


@given(contracts(), st.sampled_from(BusinessDayRule), st.sets(st.integers(0, 700), max_size=40))
def test_a_due_date_that_moves_changes_no_amount(made: Contract, rule: BusinessDayRule, days_off: set[int]) -> None:
    calendar = Calendar("test").with_days(off=[made.starts_on + timedelta(days=day) for day in days_off])
    assume(plan_of(made) and not made.down_payment)

    moved = plan_rows(replace(made, business_day_rule=rule), calendar)

    assert [row.due for row in moved] == [row.due for row in plan_rows(made)]
    assert all(rule is BusinessDayRule.NONE or calendar.is_business_day(row.due_on) for row in moved)
    assert [row.due_on for row in moved] == sorted(row.due_on for row in moved)


@given(contracts())
def test_fees_come_on_top_and_change_nothing_else(made: Contract) -> None:
    rows = plan_of(made)
    assume(rows)

    bare = plan_rows(replace(made, fees=()))
    assert [row.due[:2] for row in rows] == [row.due[:2] for row in bare]
    assert all(not any(row.due[2:]) for row in bare)


@given(loans_on_actual_balance())
def test_on_the_actual_balance_a_loan_untouched_has_the_rows_of_its_plan(made: Contract) -> None:
    rows = plan_of(made)
    assume(rows)
    account = Account(rows, LoanTerms(contract=made))

    for on in (made.starts_on, rows[0].due_on):
        account.accrue(on)
        assert [tuple(row.due) for row in account.rows] == [tuple(row.due) for row in rows]


# --- figures checked by hand ---------------------------------------------------------------------------------------------


def test_equal_instalments() -> None:
    # 1200 x 0.01 x 1.01^3 / (1.01^3 - 1) = 408.0265: 12.00 on 1200.00, 8.04 on 803.97, 4.04 on 403.98.
    assert paid(contract(Method.EQUAL_INSTALMENT, 120_000)) == [(39603, 1200), (39999, 804), (40398, 404)]


def test_interest_exactly_between_two_units_goes_to_the_even_one() -> None:
    # 0.50, 1.50 and 2.50 of a cent, in the loop for equal periods and in the general one.
    for principal, interest in ((50, 0), (150, 2), (250, 2)):
        assert paid(contract(Method.EQUAL_INSTALMENT, principal, rows=1)) == [(principal, interest)]
        assert paid(contract(Method.INTEREST_ONLY, principal, rows=1)) == [(principal, interest)]


def test_equal_instalments_after_a_grace_on_principal() -> None:
    # Two rows of 1000 x 0.01 x 1.0201 / 0.0201 = 507.5124 after one of interest alone.
    made = contract(Method.EQUAL_INSTALMENT, principal_grace=1)

    assert paid(made) == [(0, 1000), (49751, 1000), (50249, 502)]


def test_equal_principal() -> None:
    assert paid(contract(Method.EQUAL_PRINCIPAL)) == [(33333, 1000), (33333, 667), (33334, 333)]
    first = contract(Method.EQUAL_PRINCIPAL, remainder=Remainder.FIRST)
    assert paid(first) == [(33334, 1000), (33333, 667), (33333, 333)]


def test_flat() -> None:
    # 1000 x 0.12 x 3/12 = 30.00 over three rows; 343.33 each, the last one takes the cent.
    assert paid(contract(Method.FLAT)) == [(33333, 1000), (33333, 1000), (33334, 1000)]
    whole = contract(Method.FLAT, instalment_multiple_minor=100)
    assert paid(whole) == [(33300, 1000), (33300, 1000), (33400, 1000)]


def test_interest_only() -> None:
    assert paid(contract(Method.INTEREST_ONLY)) == [(0, 1000), (0, 1000), (100_000, 1000)]


def test_a_single_payment() -> None:
    assert paid(contract(Method.SINGLE_PAYMENT)) == [(100_000, 3000)]
    # 1 January to 1 April are 90 days: 1000 x 0.12 x 90/365 = 29.589.
    assert paid(contract(Method.SINGLE_PAYMENT, day_count=DayCount.ACTUAL_365)) == [(100_000, 2959)]


def test_a_single_payment_due_on_a_day_of_its_own_bears_interest_until_that_day() -> None:
    # Half of the three months: 45 days of 30/360.
    made = contract(Method.SINGLE_PAYMENT, first_due_on=date(2026, 2, 16))

    assert paid(made) == [(100_000, 1500)]


def test_a_fixed_instalment() -> None:
    # 400.00 pays 390.00, then 393.90; 216.10 are left with 2.16 of interest.
    assert paid(contract(Method.FIXED_INSTALMENT, rows=0, instalment_minor=40_000)) == [
        (39000, 1000), (39390, 610), (21610, 216)
    ]  # fmt: skip


def test_a_first_period_that_is_longer_bears_more_interest() -> None:
    # 1 January to 16 February are 45 days of 30/360.
    made = contract(Method.INTEREST_ONLY, first_due_on=date(2026, 2, 16))

    assert paid(made) == [(0, 1500), (0, 1000), (100_000, 1000)]
    assert due_days(made) == ["2026-02-16", "2026-03-16", "2026-04-16"]


def test_graces_defer_or_forgive() -> None:
    assert paid(contract(Method.EQUAL_PRINCIPAL, interest_grace=1)) == [(33333, 0), (33333, 1667), (33334, 333)]
    assert paid(contract(Method.EQUAL_PRINCIPAL, interest_free=1)) == [(33333, 0), (33333, 667), (33334, 333)]


def test_a_down_payment_is_a_row_on_the_day_of_the_money() -> None:
    made = contract(Method.EQUAL_PRINCIPAL, rows=2, down_payment=Fraction(1, 4))

    assert paid(made) == [(25_000, 0), (37_500, 750), (37_500, 375)]
    assert due_days(made)[0] == "2026-01-01"


def test_money_paid_out_later_bears_interest_from_its_day() -> None:
    # January: 15 of 31 days on 1000.00 (4.84), 16 on 1500.00 (7.74), each rounded.
    made = contract(Method.EQUAL_PRINCIPAL, rows=2, disbursements=(Disbursement(date(2026, 1, 16), 50_000),))

    assert paid(made) == [(75_000, 484 + 774), (75_000, 750)]


def test_another_rate_holds_from_its_day() -> None:
    changes = (RateChange(date(2026, 3, 1), Fraction(0)), RateChange(date(2026, 2, 1), Fraction(24, 100)))

    # What is left is spread anew with each rate: half of 666.67 is 333.335, rounded to even.
    assert paid(contract(Method.EQUAL_PRINCIPAL, rate_changes=changes)) == [(33333, 1000), (33334, 1333), (33333, 0)]
    assert [row[1] for row in paid(contract(Method.FLAT, rate_changes=changes))] == [1000, 2000, 0]


def test_a_down_payment_is_as_round_as_an_instalment() -> None:
    made = contract(Method.EQUAL_PRINCIPAL, rows=2, down_payment=Fraction(1, 3), instalment_multiple_minor=100)

    assert paid(made)[0] == (33_300, 0)
    assert paid(replace(made, principal_minor=30))[0] == (0, 0)


def test_a_flat_rate_that_changes_inside_a_row_holds_from_its_day_too() -> None:
    # January: 15 of 31 days at 1 % a month, 16 at 2 %: 10.00 x 15/31 + 20.00 x 16/31.
    change = RateChange(date(2026, 1, 16), Fraction(24, 100))

    assert [row[1] for row in paid(contract(Method.FLAT, rate_changes=(change,)))] == [1516, 2000, 2000]


def test_a_fee_falls_due_with_instalments_and_a_down_payment_is_none() -> None:
    fees = (Fee("service", amount_minor=200), Fee("opening", due=FeeDue.FIRST_INSTALMENT, amount_minor=1000))

    rows = plan_rows(contract(Method.EQUAL_PRINCIPAL, rows=2, fees=fees, down_payment=Fraction(1, 4)))

    assert [row.due[2] for row in rows] == [0, 1200, 200]


def test_a_fee_on_the_principal_counts_what_is_paid_out_later() -> None:
    fee = Fee("opening", FeeBasis.PERCENT_OF_PRINCIPAL, FeeDue.FIRST_INSTALMENT, share=Fraction(1, 100))
    later = (Disbursement(date(2026, 1, 16), 50_000),)

    rows = plan_rows(contract(Method.EQUAL_PRINCIPAL, rows=2, fees=(fee,), disbursements=later))

    assert [row.due[2] for row in rows] == [1500, 0]


def test_fees_of_a_contract() -> None:
    fees = (
        Fee("service", amount_minor=200),
        Fee("opening", FeeBasis.PERCENT_OF_PRINCIPAL, FeeDue.FIRST_INSTALMENT, share=Fraction(1, 100), penalty=True),
    )

    rows = plan_rows(contract(Method.EQUAL_PRINCIPAL, rows=2, fees=fees))

    assert [row.due[2:] for row in rows] == [(200, 1000), (200, 0)]


@pytest.mark.parametrize(
    ("start", "more", "days"),
    [
        (date(2026, 1, 31), {}, ["2026-02-28", "2026-03-31", "2026-04-30"]),
        (date(2024, 1, 31), {}, ["2024-02-29", "2024-03-31", "2024-04-30"]),
        (date(2026, 2, 28), {}, ["2026-03-28", "2026-04-28", "2026-05-28"]),
        (date(2026, 2, 28), {"day_of_month": DayOfMonth.MONTH_END}, ["2026-03-31", "2026-04-30", "2026-05-31"]),
        (date(2026, 1, 15), {"day_of_month": DayOfMonth.FIRST_OF_NEXT}, ["2026-03-01", "2026-04-01", "2026-05-01"]),
        (date(2024, 2, 29), {"frequency": Frequency(12)}, ["2025-02-28", "2026-02-28", "2027-02-28"]),
        (date(2026, 1, 31), {"frequency": Frequency(1, Unit.HALF_MONTHS)}, ["2026-02-16", "2026-02-28", "2026-03-16"]),
    ],
)
def test_months_step_from_the_anchor_day(start: date, more: dict[str, Any], days: list[str]) -> None:
    assert due_days(Contract(Method.EQUAL_PRINCIPAL, 300, start, 3, **more)) == days


# --- what once went wrong ------------------------------------------------------------------------------------------------


def test_an_instalment_below_the_interest_pays_no_principal_rather_than_less_than_none() -> None:
    made = contract(Method.EQUAL_INSTALMENT, instalment_minor=500)

    assert paid(made) == [(0, 1000), (0, 1000), (100_000, 1000)]


def test_small_loans_leave_no_row_below_zero() -> None:
    level = contract(Method.EQUAL_PRINCIPAL, principal=15, rows=9, remainder=Remainder.FIRST)
    flat = Contract(Method.FLAT, 150, START, 26, Fraction(4, 100), rounding=Rounding.HALF_UP)

    assert all(min(row) >= 0 for row in [*paid(level), *paid(flat)])


def test_more_rows_free_of_interest_than_there_are_make_no_more_rows() -> None:
    assert paid(contract(Method.EQUAL_PRINCIPAL, rows=2, interest_free=5)) == [(50_000, 0), (50_000, 0)]
    assert paid(contract(Method.SINGLE_PAYMENT, interest_free=2)) == [(100_000, 0)]


def test_another_rate_inside_a_row_free_of_interest_leaves_it_free() -> None:
    change = RateChange(date(2026, 1, 16), Fraction(24, 100))

    made = contract(Method.EQUAL_PRINCIPAL, rows=2, interest_free=1, rate_changes=(change,))

    assert paid(made) == [(50_000, 0), (50_000, 1000)]


AFTER_THE_END = (Disbursement(date(2026, 3, 9), 1),)


@pytest.mark.parametrize(
    ("method", "more", "message"),
    [
        (Method.FIXED_INSTALMENT, {"instalment_minor": 500}, "does not pay the interest"),
        (Method.FIXED_INSTALMENT, {"instalment_minor": 40_000, "principal_grace": 1}, "it has no grace"),
        (Method.FIXED_INSTALMENT, {"instalment_minor": 99_000, "interest_grace": 2}, "interest_grace must leave"),
        (Method.FIXED_INSTALMENT, {"instalment_minor": 99_000, "disbursements": AFTER_THE_END}, "outside"),
        (Method.SINGLE_PAYMENT, {"interest_grace": 1}, "interest_grace must leave"),
        (Method.FLAT, {"disbursements": (Disbursement(date(2026, 2, 9), 100),)}, "Flat interest"),
        (Method.FLAT, {"on_actual_balance": True}, "Flat interest"),
        (Method.EQUAL_PRINCIPAL, {"on_actual_balance": True, "remainder": Remainder.FIRST}, "actual balance"),
        (Method.EQUAL_PRINCIPAL, {"rate_changes": (RateChange(date(2026, 4, 1), Fraction(0)),)}, "outside"),
        (Method.FLAT, {"rate_changes": (RateChange(date(2026, 4, 1), Fraction(0)),)}, "outside"),
        (Method.FLAT, {"rate_changes": (RateChange(date(2025, 12, 31), Fraction(0)),)}, "outside"),
    ],
)  # fmt: skip
def test_a_contract_that_cannot_be_kept_is_refused(method: Method, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        plan_rows(contract(method, **more))
