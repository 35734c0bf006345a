"""Interest on the balance really owed: figures checked by hand, and what once went wrong."""

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest

from app.domain.amortisation import plan_rows
from app.domain.contracts import Contract, Disbursement, Method, Prepayment, RateChange
from app.domain.late_charges import LateTerms
from app.domain.ledger import LedgerEntry
from app.domain.periods import Frequency, Unit
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import position_at, replay
from app.domain.quotes import payoff_quote
from app.domain.replans import re_amortise
from app.domain.replay import Account, allocate
from app.domain.splits import Split
from app.domain.terms import LoanTerms
from tests.builders.random_ledgers import payment

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


def test_a_row_that_asks_for_more_again_is_served_again() -> None:
    """Money that spills over row 1 lowers the interest of row 2, so the level rows are worked out with more principal."""
    named = payment("a", 60_000, START, row_no=1)
    divided = payment("b", 10_000, date(2026, 1, 16), split=Split(10_000))

    made = contract(Method.EQUAL_INSTALMENT, prepayment=Prepayment.NEXT_ROWS)
    account = allocate(plan_rows(made), [named, divided], LoanTerms(contract=made))

    assert [row.open for row in account.rows] == [[0, 0, 0, 0], [31_502, 0, 0, 0]]


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
