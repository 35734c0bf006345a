"""Early settlement for the actual period: in one part or many, said by the core or not, waived, refunded, unfinished."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.account_rows import Allocation
from app.domain.amortisation import plan_rows
from app.domain.contracts import Contract, Method
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.periods import MONTHLY
from app.domain.plans import PlanRow, PlanVersion
from app.domain.quotes import payoff_quote
from app.domain.replans import re_age
from app.domain.replay import Account, allocate, terms_under
from app.domain.splits import Split
from app.domain.terms import EarlySettlement, LoanTerms
from tests.builders.random_ledgers import known_at, last_of_the_day, payment

DAY = date(2026, 3, 1)
TERMS = LoanTerms(early_settlement=EarlySettlement.ACTUAL_PERIOD)
ROWS = (PlanRow(1, DAY, Split(100, 31)), PlanRow(2, DAY + timedelta(days=30), Split(100, 30)))
"""On the day the first row is due, what is owed is 231: the second one's interest is all for later days."""


def paid(*amounts: int, on: date = DAY) -> Account:
    return allocate(ROWS, [payment(f"p{n}", amount, on, n) for n, amount in enumerate(amounts)], TERMS)


def said(entry_id: str, split: Split, kind: EntryKind = EntryKind.REPAYMENT, seconds: int = 0) -> LedgerEntry:
    return LedgerEntry(entry_id, kind, split.total, DAY, known_at(DAY, seconds), split=split)


@pytest.mark.parametrize("parts", [(231,), (150, 81), (1, 230), (230, 1), (77, 77, 77), (131, 100), (131, 99, 1)])
def test_the_parts_make_no_difference(parts: tuple[int, ...]) -> None:
    account = paid(*parts)

    assert [row.open for row in account.rows] == [[0, 0, 0, 0], [0, 0, 0, 0]]
    assert [row.due for row in account.rows] == [[100, 31, 0, 0], [100, 0, 0, 0]]
    assert account.unapplied_minor == 0
    assert [row.paid_on for row in account.rows] == [DAY, DAY]


@pytest.mark.parametrize("parts", [(230,), (150, 80), (131, 99)])
def test_a_unit_less_is_not_enough(parts: tuple[int, ...]) -> None:
    account = paid(*parts)

    assert account.rows[1].due == [100, 30, 0, 0]
    assert sum(account.rows[1].open) == 31


@pytest.mark.parametrize("parts", [(250,), (150, 100), (261,), (230, 31)])
def test_what_is_over_is_the_borrowers(parts: tuple[int, ...]) -> None:
    account = paid(*parts)

    assert not any(any(row.open) for row in account.rows)
    assert account.unapplied_minor == sum(parts) - 231


def test_interest_paid_ahead_is_moved_to_the_principal_by_the_payment_that_closes() -> None:
    account = paid(150, 81)

    assert account.allocations == [
        Allocation("p0", 1, Split(100, 31)),
        Allocation("p0", 2, Split(0, 19)),
        Allocation("p1", 2, Split(100, -19)),
    ]


def test_a_quote_has_no_component_below_zero_and_says_all_that_is_saved() -> None:
    before = [payment("p", 150, DAY)]

    quote = payoff_quote(ROWS, before, DAY, TERMS)

    assert quote.owed == Split(81)
    assert quote.saved_interest_minor == 30  # 11 open, and 19 paid ahead
    assert not any(any(row.open) for row in allocate(ROWS, [*before, last_of_the_day(81, DAY)], TERMS).rows)


def test_the_cores_own_split_closes_the_loan_too() -> None:
    account = allocate(ROWS, [said("p", Split(200, 31))], TERMS)

    assert not any(any(row.open) for row in account.rows)
    assert account.unapplied_minor == 0


def test_interest_that_the_core_says_was_paid_stays_paid() -> None:
    account = allocate(ROWS, [said("p", Split(200, 61))], TERMS)

    assert [row.due for row in account.rows] == [[100, 31, 0, 0], [100, 30, 0, 0]]
    assert account.unapplied_minor == 0


def test_waived_interest_is_given_back_to_nobody() -> None:
    account = allocate(ROWS, [said("w", Split(0, 41), EntryKind.WAIVER), payment("p", 200, DAY, 1)], TERMS)

    assert not any(any(row.open) for row in account.rows)
    assert account.unapplied_minor == 0


def test_a_loan_closed_early_is_not_made_cheaper_by_the_days_that_follow() -> None:
    later = DAY + timedelta(days=15)
    account = allocate(ROWS, [payment("p", 245, DAY + timedelta(days=10)), payment("q", 5, later)], TERMS)

    assert account.rows[1].due == [100, 10, 0, 0]
    assert account.unapplied_minor == 245 + 5 - 241


@pytest.mark.parametrize("split", [None, Split(150, 50)])
def test_what_of_a_waiver_is_more_than_is_owed_is_nobodys_money(split: Split | None) -> None:
    rows = (PlanRow(1, DAY, Split(100, 31)),)
    waiver = LedgerEntry("w", EntryKind.WAIVER, 200, DAY, known_at(DAY), split=split)

    account = allocate(rows, [waiver], LoanTerms())

    assert account.rows[0].open == [0, 0, 0, 0]
    assert account.unapplied_minor == 0
    assert sum(each.split.total + each.unapplied_minor for each in account.allocations) == 200


@given(st.data(), st.integers(2, 12), st.integers(0, 400), st.sampled_from(list(Method)))
def test_any_parts_on_one_day_close_what_one_payment_closes(
    data: st.DataObject, count: int, days: int, method: Method
) -> None:
    fixed = 20_000 if method is Method.FIXED_INSTALMENT else None
    contract = Contract(method, 100_000, date(2025, 1, 31), count, Fraction(18, 100), instalment_minor=fixed)
    rows = plan_rows(contract)
    on = contract.starts_on + timedelta(days=days)
    quote = payoff_quote(rows, [], on, TERMS)
    cuts = sorted(data.draw(st.lists(st.integers(0, quote.total_minor), max_size=5)))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, quote.total_minor], strict=True)]

    account = allocate(rows, [payment(f"p{n}", part, on, n) for n, part in enumerate(parts)], TERMS)
    less = allocate(rows, [payment(f"p{n}", part, on, n) for n, part in enumerate(parts[:-1])], TERMS)

    assert not any(any(row.open) for row in account.rows)
    assert account.unapplied_minor == 0
    assert account.rows == [row for row in account.rows if min(row.due) >= 0]
    if parts[-1]:
        assert any(any(row.open) for row in less.rows)


def test_the_first_row_is_earned_from_the_day_the_money_was_paid_out() -> None:
    start = DAY - timedelta(days=31)
    terms = LoanTerms(early_settlement=EarlySettlement.ACTUAL_PERIOD, starts_on=start)

    quotes = [payoff_quote(ROWS, [], start + timedelta(days=days), terms).owed for days in (0, 10, 31, 46)]

    assert quotes == [Split(200, 0), Split(200, 10), Split(200, 31), Split(200, 31 + 15)]


def test_interest_that_comes_back_is_set_against_charges_where_no_principal_is_left() -> None:
    rows = (PlanRow(1, DAY, Split(100_000, 3_000)), PlanRow(2, DAY + timedelta(days=30), Split(100_000, 3_000)))
    levied = LedgerEntry(
        "c", EntryKind.CHARGE, 5_000, DAY, known_at(DAY), split=Split(fees=5_000), due_on=DAY + timedelta(days=61)
    )
    before = [levied, payment("p", 206_000, DAY, 1)]

    quote = payoff_quote(rows, before, DAY, TERMS)
    account = allocate(rows, [*before, last_of_the_day(quote.total_minor, DAY)], TERMS)

    assert quote.owed == Split(fees=2_000)
    assert not any(any(row.open) for row in account.rows)
    assert account.unapplied_minor == 0


def test_a_new_plan_of_a_loan_settled_early_drops_nothing_twice() -> None:
    start = date(2026, 1, 1)
    rows = (PlanRow(1, date(2026, 2, 1), Split(50_000, 3_000)), PlanRow(2, date(2026, 3, 1), Split(50_000, 2_800)))
    terms = LoanTerms(early_settlement=EarlySettlement.ACTUAL_PERIOD, starts_on=start)
    fee = LedgerEntry("f", EntryKind.CHARGE, 2_000, date(2026, 2, 20), known_at(DAY), split=Split(fees=2_000))
    entries = [payment("p", 104_400, date(2026, 2, 15)), fee]
    before = allocate(rows, entries, terms)

    on = date(2026, 3, 20)
    rows = re_age(before, entries, on, date(2026, 4, 1), MONTHLY, 2)
    after = allocate(rows, entries, terms_under(PlanVersion(2, rows, known_at(on), on), terms))

    assert sum(sum(row.open) for row in after.rows) == sum(sum(row.open) for row in before.rows)
    assert after.rows[1].due[1] == before.rows[1].due[1] == 1_400
