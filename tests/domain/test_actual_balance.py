"""Interest on the balance really owed: figures checked by hand, and what once went wrong."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.allocation import STANDARD, Strategy, Surplus
from app.domain.allocation_orders import custom_strategy
from app.domain.amortisation import plan_rows
from app.domain.contracts import Contract, Disbursement, Method, Prepayment, RateChange
from app.domain.day_counts import DayCount
from app.domain.late_charges import LateTerms
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.periods import DayOfMonth, Frequency, Unit
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import position_at, replay
from app.domain.quotes import payoff_quote
from app.domain.replans import re_amortise
from app.domain.replay import Account, allocate
from app.domain.splits import Split
from app.domain.terms import LoanTerms
from tests.builders.random_ledgers import known_at, last_of_the_day, payment

START = date(2026, 1, 1)
KNOWN = datetime(2025, 12, 1, tzinfo=UTC)


def contract(method: Method = Method.EQUAL_PRINCIPAL, rows: int = 2, **changes: Any) -> Contract:
    """1000.00 at 1 % a month, principal in level parts."""
    return Contract(method, 100_000, START, rows, Fraction(12, 100), on_actual_balance=True, **changes)


def account_of(made: Contract, *entries: LedgerEntry, until: date) -> Account:
    account = allocate(plan_rows(made), entries, LoanTerms(contract=made))
    account.accrue(until)
    return account


def dues(account: Account) -> list[tuple[int, int]]:
    return [(row.due[0], row.due[1]) for row in account.rows]


def test_late_principal_bears_interest_until_it_is_paid() -> None:
    # Paid 14 of the 28 days of February late: 14/28 x 10.00 on 1000.00 and 14/28 x 5.00 on 500.00.
    late = payment("a", 51_000, date(2026, 2, 15))

    assert dues(account_of(contract(), late, until=date(2026, 3, 1))) == [(50_000, 1000), (50_000, 500 + 250)]


def test_early_principal_saves_interest_from_its_day() -> None:
    # 300.00 on 16 January: 15/31 x 10.00 (4.84), then 16/31 x 7.00 (3.61).
    early = payment("a", 30_000, date(2026, 1, 16))

    account = account_of(contract(prepayment=Prepayment.NEXT_ROWS), early, until=date(2026, 2, 1))

    assert dues(account) == [(50_000, 484 + 361), (50_000, 500)]
    assert account.rows[0].open == [20_000, 845, 0, 0]


def test_the_payoff_is_the_balance_and_its_interest_to_the_day() -> None:
    made = contract()

    quote = payoff_quote(plan_rows(made), [], date(2026, 1, 16), LoanTerms(contract=made))

    # 15/31 x 10.00; another day makes it 16/31.
    assert (quote.owed, quote.per_diem) == (Split(100_000, 484), Split(0, 32))
    assert (quote.saved_interest_minor, quote.expires_on) == (1500 - 484, date(2026, 1, 16))


# --- what once went wrong ------------------------------------------------------------------------------------------------


def test_late_charges_are_counted_once_on_a_day_after_the_last_entry() -> None:
    made = contract()
    terms = LoanTerms(late=LateTerms(Fraction(365, 1000)), contract=made)
    versions, as_of = [PlanVersion(1, plan_rows(made), KNOWN)], date(2026, 2, 11)

    position = position_at(replay(100_000, versions, [], as_of, terms=terms), as_of, terms=terms)

    assert position.due_to_date.penalties == 500  # 10 days of a thousandth of 500.00


def test_a_loan_whose_plan_is_not_known_yet_owes_its_principal() -> None:
    made = contract()
    paid = [payment("a", 100, START)]

    snapshot = replay(100_000, [], paid, START, None, LoanTerms(contract=made))

    assert (snapshot.principal_balance_minor, snapshot.unapplied_minor) == (100_000, 100)


def test_a_plan_of_other_rows_than_the_contracts_is_kept_as_given() -> None:
    made = contract()
    rows = tuple(PlanRow(number, date(2026, 3 + number, 1), Split(25_000, 700)) for number in (1, 2, 3, 4))

    account = Account(rows, LoanTerms(contract=made))
    account.accrue(date(2026, 5, 5))

    assert dues(account) == [(25_000, 700)] * 4


def test_a_fixed_instalment_follows_the_balance_over_the_rows_of_its_plan() -> None:
    made = contract(Method.FIXED_INSTALMENT, 0, instalment_minor=60_000)
    account = account_of(made, until=date(2026, 2, 15))

    # 600.00 less 10.00, then what is left: 14 days of February on 1000.00, 14 on 410.00.
    assert dues(account) == [(59_000, 1000), (41_000, 500 + 205)]


def test_principal_paid_ahead_in_a_later_row_is_not_asked_for_again() -> None:
    named = payment("a", 33_334, START, row_no=3, split=Split(33_334))
    early = payment("b", 50_000, START, 1)

    account = account_of(contract(rows=3), named, early, until=START)

    assert sum(row.due[0] for row in account.rows) == 100_000
    assert [row.open[0] for row in account.rows] == [0, 16_666, 0]


def test_money_that_names_a_row_and_spills_over_comes_off_the_balance() -> None:
    """Row 1 has its 10.00 of interest and 497.51; the rest is principal, and so is what the core says is principal."""
    named = payment("a", 60_000, START, row_no=1)
    divided = payment("b", 10_000, date(2026, 1, 16), split=Split(10_000))

    made = contract(Method.EQUAL_INSTALMENT, prepayment=Prepayment.NEXT_ROWS)
    account = allocate(plan_rows(made), [named, divided], LoanTerms(contract=made))

    assert [row.open for row in account.rows] == [[0, 0, 0, 0], [31_000, 310, 0, 0]]


def test_a_quote_paid_by_the_name_of_a_row_closes_the_loan_too() -> None:
    made = contract(Method.INTEREST_ONLY, rows=6)
    on, terms = date(2026, 2, 1), LoanTerms(contract=made)

    quote = payoff_quote(plan_rows(made), [], on, terms)
    account = allocate(plan_rows(made), [payment("a", quote.total_minor, on, row_no=1)], terms)

    assert quote.total_minor == 101_000
    assert not any(any(row.open) for row in account.rows)


def test_what_is_lent_later_is_in_the_rows_although_all_was_paid_before() -> None:
    made = Contract(
        Method.EQUAL_INSTALMENT, 100_000, START, 3, Fraction(12, 100), on_actual_balance=True,
        prepayment=Prepayment.NEXT_ROWS, disbursements=(Disbursement(date(2026, 2, 15), 50_000),),
    )  # fmt: skip

    account = allocate(plan_rows(made), [payment("p", 100_484, date(2026, 1, 16))], LoanTerms(contract=made))
    account.accrue(date(2026, 2, 20))

    assert sum(row.due[0] for row in account.rows) == 150_000
    assert sum(row.open[0] for row in account.rows) == 50_000
    assert [any(row.open) for row in account.rows] == [False, True, True]


def test_a_day_on_which_a_row_is_due_is_not_yet_a_day_of_the_next_period() -> None:
    made = contract(Method.INTEREST_ONLY, rows=3, whole_periods=True)
    days = (date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 2))

    quotes = [payoff_quote(plan_rows(made), [], on, LoanTerms(contract=made)).owed for on in days]

    assert quotes == [Split(100_000, 1_000), Split(100_000, 1_000), Split(100_000, 2_000)]


def test_rows_free_of_interest_count_in_the_level_instalment() -> None:
    made = Contract(
        Method.EQUAL_INSTALMENT, 130, START, 3, Fraction(48, 100), Frequency(4, Unit.WEEKS), interest_free=3,
        on_actual_balance=True,
    )  # fmt: skip

    assert dues(account_of(made, until=START)) == [(43, 0), (43, 0), (44, 0)]


@pytest.mark.parametrize("method", [Method.SINGLE_PAYMENT, Method.INTEREST_ONLY])
def test_methods_without_an_instalment_need_no_rows_with_principal(method: Method) -> None:
    made = contract(method, 6, principal_grace=4)

    assert dues(account_of(made, until=START)) == [(row.due[0], row.due[1]) for row in plan_rows(made)]


def test_what_was_agreed_anew_over_as_many_rows_stands_as_agreed() -> None:
    """A contract worked out again would undo what was agreed."""
    made = contract(rows=4)
    on, terms = date(2026, 3, 15), LoanTerms(contract=made)
    agreed = re_amortise(account_of(made, until=on), [], on)

    account = allocate(agreed, [payment("a", 1_000, on)], terms)
    account.accrue(date(2026, 6, 1))

    assert [tuple(row.due) for row in account.rows] == [row.due for row in agreed]


def test_money_paid_out_later_and_another_rate_count_from_their_day() -> None:
    # January: 15 days on 1000.00 and 16 on 1500.00 at 1 % a month; then 2 %, on 750.00 or, with nothing paid, on 1500.00.
    made = contract(
        rows=2,
        disbursements=(Disbursement(date(2026, 1, 16), 50_000),),
        rate_changes=(RateChange(date(2026, 2, 1), Fraction(24, 100)),),
    )

    assert dues(account_of(made, until=START)) == [(75_000, 484 + 774), (75_000, 1500)]
    assert dues(account_of(made, until=date(2026, 3, 1))) == [(75_000, 484 + 774), (75_000, 3000)]
    # 500.00 on the 16th, the day the second part comes: the balance stays 1000.00.
    early = payment("a", 50_000, date(2026, 1, 16))
    assert dues(account_of(made, early, until=date(2026, 1, 20)))[0][1] == 484 + 516


def test_a_down_payment_bears_no_interest_and_is_not_part_of_the_balance() -> None:
    made = contract(rows=2, down_payment=Fraction(1, 4))

    unpaid, paid = (account_of(made, *money, until=date(2026, 2, 1)) for money in ((), (payment("a", 25_000, START),)))

    assert dues(unpaid) == [(25_000, 0), (37_500, 750), (37_500, 375)]
    assert dues(paid) == dues(unpaid)
    assert paid.rows[0].open == [0, 0, 0, 0]


def test_money_that_is_more_than_was_lent_by_then_earns_nothing() -> None:
    made = contract(rows=2, disbursements=(Disbursement(date(2026, 1, 16), 50_000),), prepayment=Prepayment.REDUCE_TERM)

    account = account_of(made, payment("a", 120_000, date(2026, 1, 10)), until=date(2026, 2, 1))

    # 9 days on 1000.00, none on nothing, 16 on the second part, of which the rest of the money pays the interest ahead.
    assert account.rows[0].due[1] == 290 + 258
    assert account.rows[0].open == [0, 0, 0, 0]
    assert account.unapplied_minor == 0


LEVEL = Contract(
    Method.EQUAL_INSTALMENT, 10_000, date(2024, 1, 1), 6, Fraction(7, 100), even_out=True, on_actual_balance=True,
    prepayment=Prepayment.NEXT_ROWS,
)  # fmt: skip
"""100.00 at 7 % over six months: 17.01 a month. Source: Fineract, ProgressiveEMICalculatorTest."""
AHEAD_PRINCIPAL = custom_strategy(
    [f"{when}_{part}" for when in ("past_due", "due", "in_advance") for part in ("penalty", "fee", "principal", "interest")]
)


def level_account(*entries: LedgerEntry, until: date, strategy: Strategy = AHEAD_PRINCIPAL) -> Account:
    account = allocate(plan_rows(LEVEL), entries, LoanTerms(strategy, contract=LEVEL))
    account.accrue(until)
    return account


def test_an_instalment_paid_before_its_day_is_paid_and_the_days_left_fall_due_with_the_next() -> None:
    # 14 of 29 days of February: 0.24 of 0.49. The other 15 days on 66.80 are 0.20, with March 0.59.
    first, early = payment("a", 1701, date(2024, 2, 1)), payment("b", 1701, date(2024, 2, 15))

    account = level_account(first, early, until=date(2024, 2, 15))

    assert dues(account)[:4] == [(1643, 58), (1677, 24), (1642, 59), (1672, 29)]
    assert [row.paid_on for row in account.rows[:3]] == [date(2024, 2, 1), date(2024, 2, 15), None]
    assert account.allocations[-1].split == Split(1677, 24)


def test_several_instalments_paid_ahead_leave_their_interest_to_the_row_after_them() -> None:
    account = level_account(payment("a", 3 * 1701 + 500, date(2024, 1, 15)), until=date(2024, 1, 15))

    # 14 of 31 days are earned. The balance is then 44.23: 17 days of January are 0.14, February to April 0.26 each.
    assert dues(account)[:3] == [(1675, 26), (1701, 0), (1701, 0)]
    assert account.rows[3].due[1] == 14 + 3 * 26
    assert [any(row.open) for row in account.rows] == [False] * 3 + [True] * 3
    assert sum(row.open[0] for row in account.rows) == 10_000 - 1675 - 2 * 1701 - 500


@pytest.mark.parametrize(
    ("strategy", "paid"),
    [(AHEAD_PRINCIPAL, Split(1675, 15)), (STANDARD, Split(1664, 26))],
    ids=["principal first", "interest first"],
)
def test_less_than_an_instalment_is_paid_into_it_in_the_loans_order(strategy: Strategy, paid: Split) -> None:
    account = level_account(payment("a", 1690, date(2024, 1, 15)), until=date(2024, 1, 15), strategy=strategy)

    assert account.rows[0].paid == paid
    assert account.rows[0].open[1] > 0
    whole = level_account(
        payment("a", 1690, date(2024, 1, 15)),
        payment("b", 11, date(2024, 1, 15), 1),
        until=date(2024, 1, 15),
        strategy=strategy,
    )
    assert dues(whole) == dues(
        level_account(payment("a", 1701, date(2024, 1, 15)), until=date(2024, 1, 15), strategy=strategy)
    )


def test_an_instalment_given_back_is_open_again_with_all_its_interest() -> None:
    early = payment("a", 1701, date(2024, 1, 15))
    back = LedgerEntry("b", EntryKind.REFUND, 1701, date(2024, 1, 15), known_at(date(2024, 1, 15), 1))

    account = level_account(early, back, until=date(2024, 2, 1))

    assert dues(account) == [(row.due[0], row.due[1]) for row in plan_rows(LEVEL)]


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(1, 4_000)), max_size=5), st.integers(150, 250))
def test_early_instalments_never_ask_twice_and_the_payoff_closes(paid: list[tuple[int, int]], days: int) -> None:
    entries = [payment(f"p{n}", minor, LEVEL.starts_on + timedelta(days=on)) for n, (on, minor) in enumerate(paid)]
    on, terms = LEVEL.starts_on + timedelta(days=days), LoanTerms(AHEAD_PRINCIPAL, contract=LEVEL)

    account = allocate(plan_rows(LEVEL), entries, terms)

    assert sum(row.due[0] for row in account.rows) == 10_000
    assert all(0 <= still <= due for row in account.rows for still, due in zip(row.open, row.due, strict=True))
    assert sum(minor for _, minor in paid) == sum(row.paid.total for row in account.rows) + account.unapplied_minor
    quote = payoff_quote(plan_rows(LEVEL), entries, on, terms)
    closed = allocate(plan_rows(LEVEL), [*entries, last_of_the_day(quote.total_minor, on)], terms)
    closed.accrue(on)
    assert not any(any(row.open) for row in closed.rows)
    assert closed.unapplied_minor == account.unapplied_minor


def test_what_was_paid_by_name_in_a_later_row_leaves_less_to_close() -> None:
    """No row takes more than is owed, so none is paid back below nothing."""
    made = Contract(
        Method.EQUAL_INSTALMENT, 317_417, date(2025, 6, 17), 5, day_of_month=DayOfMonth.MONTH_END,
        day_count=DayCount.ACTUAL_366, on_actual_balance=True, prepayment=Prepayment.NEXT_ROWS,
        rate_changes=(RateChange(date(2025, 7, 17), Fraction(1, 20)), RateChange(date(2025, 6, 17), Fraction(12, 25))),
    )  # fmt: skip
    paid = [
        payment("a", 120_455, date(2025, 7, 2), surplus=Surplus.NEXT),
        payment("b", 156_273, date(2025, 7, 15), row_no=4),
    ]

    account = allocate(plan_rows(made), paid, LoanTerms(contract=made))

    assert all(0 <= still <= due for row in account.rows for still, due in zip(row.open, row.due, strict=True))
    assert sum(row.due[0] for row in account.rows) == 317_417
