"""New plans for loans that run: nothing owed is lost, nothing paid moves, what was agreed for later still holds."""

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest

from app.domain.account_rows import AccountRow
from app.domain.amortisation import amortise, plan_rows
from app.domain.contracts import Contract, Disbursement, Method, RateChange
from app.domain.errors import ValidationError
from app.domain.late_charges import LateTerms
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.periods import MONTHLY
from app.domain.plans import PlanRow
from app.domain.replans import re_age, re_amortise, reschedule
from app.domain.replay import Account, allocate
from app.domain.splits import Split
from app.domain.terms import LoanTerms

START = date(2024, 1, 1)
AT = datetime(2024, 1, 1, tzinfo=UTC)


def _contract(**terms: object) -> Contract:
    fields: dict[str, object] = {"annual_rate": Fraction("0.12")} | terms
    return Contract(Method.EQUAL_INSTALMENT, 100_000, START, 12, **fields)  # type: ignore[arg-type]


def _rows(contract: Contract) -> list[AccountRow]:
    return Account(plan_rows(contract)).rows


def _paid(amount: int, **more: int) -> list[LedgerEntry]:
    return [LedgerEntry("e", EntryKind.REPAYMENT, amount, date(2024, 2, 1), AT, **more)]  # type: ignore[arg-type]


def test_what_is_open_moves_into_the_new_rows_and_what_was_paid_stays():
    paid = _paid(5_000)
    account = allocate(plan_rows(_contract()), paid)
    aged = re_age(account, paid, date(2024, 6, 1), date(2024, 6, 15), MONTHLY, 7)
    assert sum(row.due.total for row in aged[:12]) == 5_000
    assert sum(row.due.total for row in aged[12:]) == sum(sum(row.open) for row in account.rows)
    assert [row.due_on for row in aged[12:14]] == [date(2024, 6, 15), date(2024, 7, 15)]


def test_a_payment_that_named_a_row_there_was_not_does_not_land_on_a_new_one():
    named = _paid(5_000, row_no=13)
    account = allocate(plan_rows(_contract()), named)
    aged = re_age(account, named, date(2024, 6, 1), date(2024, 6, 15), MONTHLY, 7)
    after = allocate(aged, named)
    assert [row.paid for row in after.rows] == [row.paid for row in (*account.rows, *after.rows[12:])]
    assert not any(row.paid.total for row in after.rows[12:])


def test_what_is_past_due_is_spread_over_the_rows_ahead():
    paid = _paid(5_000)
    account = allocate(plan_rows(_contract()), paid)
    spread = re_amortise(account, paid, date(2024, 5, 1))
    assert sum(row.due.total for row in spread) == sum(sum(row.due) for row in account.rows)
    assert [row.due.total for row in spread[:4]] == [5_000, 0, 0, 0]
    with pytest.raises(ValidationError, match="a re-age makes new rows"):
        re_amortise(account, paid, date(2025, 1, 1))


def test_a_rate_that_was_agreed_before_is_the_rate_of_the_new_rows():
    contract = _contract(rate_changes=(RateChange(date(2024, 3, 1), Fraction("0.06")),))
    rows = _rows(contract)
    longer = reschedule(rows, contract, date(2024, 5, 1), extra_rows=2)
    assert longer[:3] == plan_rows(contract)[:3]
    balance = amortise(contract)[2].balance_minor
    assert longer[3].due.interest == round(balance * Fraction("0.06") / 12)
    assert len(longer) == 14


def test_a_rate_agreed_for_later_and_money_still_to_come_stay():
    contract = _contract(
        rate_changes=(RateChange(date(2024, 9, 1), Fraction("0.24")),),
        disbursements=(Disbursement(date(2024, 8, 1), 50_000),),
    )
    same = reschedule(_rows(contract), contract, date(2024, 5, 1))
    assert [row.due for row in same] == [row.due for row in plan_rows(contract)]
    flat = reschedule(_rows(contract), contract, date(2024, 5, 1), annual_rate=Fraction(0))
    assert sum(row.due.interest for row in flat[3:]) == 0
    assert sum(row.due.principal for row in flat) == 150_000


def test_given_due_dates_go_on_at_their_frequency_and_do_not_move_together():
    days = tuple(date(2024, month, 20) for month in range(2, 12))
    contract = Contract(Method.EQUAL_PRINCIPAL, 100_000, START, 10, due_dates=days)
    longer = reschedule(_rows(contract), contract, date(2024, 5, 20), extra_rows=2)
    assert [row.due_on for row in longer[-2:]] == [date(2024, 12, 20), date(2025, 1, 20)]
    with pytest.raises(ValidationError, match="agree a new plan"):
        reschedule(_rows(contract), contract, date(2024, 5, 20), first_due_on=date(2024, 6, 1))


def test_interest_free_rows_are_free_once():
    contract = _contract(interest_free=2)
    longer = reschedule(_rows(contract), contract, date(2024, 5, 1))
    assert [row.due.interest > 0 for row in longer] == [False] * 2 + [True] * 10


def test_a_charge_and_what_lateness_cost_are_not_asked_for_twice():
    terms = LoanTerms(late=LateTerms(annual_rate=Fraction("0.18")))
    contract = _contract()
    entries = [
        LedgerEntry("c", EntryKind.CHARGE, 1_500, date(2024, 2, 10), AT, split=Split(penalties=1_500)),
        LedgerEntry("p", EntryKind.REPAYMENT, 9_000, date(2024, 3, 20), AT),
    ]
    before = allocate(plan_rows(contract), entries, terms)
    assert before.rows[0].late.charged_minor
    assert before.rows[1].levied
    rows = tuple(before.rows)
    for plan in (
        reschedule(rows, contract, date(2024, 5, 1)),
        re_amortise(before, entries, date(2024, 3, 20)),
        re_age(before, entries, date(2024, 3, 20), date(2024, 6, 15), MONTHLY, 7),
    ):
        after = allocate(plan, entries, terms)
        assert [row.due[3] for row in after.rows[:2]] == [row.due[3] for row in before.rows[:2]]
        assert sum(sum(row.due) for row in after.rows) == sum(sum(row.due) for row in before.rows)


def test_a_loan_with_down_payments_is_rescheduled_by_its_periods():
    parts = (Disbursement(date(2024, 1, 1), 40_000),)
    contract = _contract(down_payment=Fraction(1, 4), disbursements=parts, annual_rate=Fraction(0))
    longer = reschedule(_rows(contract), contract, date(2024, 5, 1), extra_rows=3)
    assert sum(row.due.principal for row in longer) == 140_000
    assert longer[-1].due_on == date(2025, 4, 1)
    to_come = _contract(down_payment=Fraction(1, 4), disbursements=(Disbursement(date(2024, 9, 1), 40_000),))
    with pytest.raises(ValidationError, match="once all of it is paid out"):
        reschedule(_rows(to_come), to_come, date(2024, 5, 1))


def test_rows_of_a_rescheduled_plan_have_numbers_of_their_own():
    contract = _contract()
    rows = tuple(
        AccountRow(number, row.due_on, row.due) for number, row in zip((9, *range(2, 13)), plan_rows(contract), strict=True)
    )
    again = reschedule(rows, contract, date(2024, 5, 1))
    assert len({row.row_no for row in again}) == len(again)


def test_what_is_past_due_is_not_spread_over_a_row_that_is_there_for_a_charge():
    fee = LedgerEntry("c", EntryKind.CHARGE, 1_500, date(2025, 2, 10), AT, split=Split(fees=1_500))
    account = allocate(plan_rows(_contract()), [fee])
    assert account.rows[-1].due == [0, 0, 1_500, 0]
    spread = re_amortise(account, [fee], date(2024, 12, 15))
    assert spread[-1].due == Split()
    assert spread[-2].due.principal == 100_000


def test_an_instalment_stays_when_nothing_but_the_dates_moves():
    # Source: Fineract, LoanRescheduling C3388: two months of 0.58 in the first row, and the last one takes what that costs.
    contract = Contract(Method.EQUAL_INSTALMENT, 10_000, START, 6, Fraction(7, 100), even_out=True)
    moved = reschedule(_rows(contract), contract, date(2024, 2, 1), first_due_on=date(2024, 3, 1))
    assert [row.due[:2] for row in moved] == [(1584, 117), (1652, 49), (1662, 39), (1671, 30), (1681, 20), (1750, 10)]
    assert [row.due_on.month for row in moved] == [3, 4, 5, 6, 7, 8]
    longer = reschedule(_rows(contract), contract, date(2024, 2, 1), first_due_on=date(2024, 3, 1), extra_rows=1)
    assert longer[0].due.total == longer[-2].due.total < 1701


def test_a_late_fee_is_not_charged_again_by_a_new_plan():
    terms = LoanTerms(late=LateTerms(fee_minor=500, fee_after_days=7))
    rows, on = (PlanRow(1, date(2024, 2, 1), Split(10_000)),), date(2024, 3, 1)
    before = allocate(rows, [], terms)
    before.accrue(on)
    after = allocate(re_age(before, [], on, date(2024, 3, 5), MONTHLY, 2), [], terms)
    after.accrue(on)
    assert sum(sum(row.open) for row in after.rows) == sum(sum(row.open) for row in before.rows) == 10_500


def test_a_grace_goes_on_and_what_it_deferred_is_not_lost():
    contract = _contract(interest_grace=3, principal_grace=2)
    longer = reschedule(_rows(contract), contract, date(2024, 3, 1), extra_rows=2)
    assert [row.due[:2] for row in longer[:2]] == [(0, 0), (0, 0)]
    assert longer[2].due.interest == 0 < longer[2].due.principal
    assert longer[3].due.interest > 3 * 1_000
    assert sum(row.due.principal for row in longer) == 100_000
    for month in (2, 3, 4, 5, 6):
        same = reschedule(_rows(contract), contract, date(2024, month, 1))
        assert [row.due for row in same] == [row.due for row in plan_rows(contract)]


def test_a_loan_that_is_paid_gets_no_new_plan():
    contract = _contract()
    paid = _paid(200_000)
    account = allocate(plan_rows(contract), paid)
    on = date(2024, 6, 1)
    for again in (
        lambda: re_age(account, paid, on, on, MONTHLY, 2),
        lambda: re_amortise(account, paid, on),
        lambda: reschedule(account.rows, contract, on),
    ):
        with pytest.raises(ValidationError, match="Nothing is open"):
            again()
