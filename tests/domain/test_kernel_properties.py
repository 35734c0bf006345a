"""What holds of every loan, whatever its contract, its order of payment and its history."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain.allocation import Surplus
from app.domain.allocation_history import allocation_history
from app.domain.allocation_orders import custom_strategy
from app.domain.ledger import EntryKind, LedgerEntry, standing
from app.domain.plans import PlanVersion
from app.domain.positions import position_at, replay, snapshot_of
from app.domain.replay import Account, allocate
from app.domain.terms import LoanTerms
from tests.builders.random_ledgers import last_of_the_day, ledgers, payment
from tests.builders.random_loans import KNOWN, RandomLoan, loans, one_order

PLAIN = ("plain",)
WITHOUT_SPLITS = ("plain", "plain", "row", "surplus")


def moved(entry: LedgerEntry) -> int:
    """What an entry moves in all: out for a refund, nothing for a claim that is levied."""
    if entry.kind is EntryKind.REFUND:
        return -entry.amount_minor
    return 0 if entry.kind is EntryKind.CHARGE else entry.amount_minor


def stands(account: Account) -> list[tuple[list[int], list[int]]]:
    return [(row.due, row.open) for row in account.rows]


# --- every unit is somewhere, and no history matters but the facts -----------------------------------------------------


@given(st.data(), loans())
def test_every_unit_of_every_entry_is_allocated_or_left_over(data: st.DataObject, loan: RandomLoan) -> None:
    entries = data.draw(ledgers(loan))

    account = allocate(loan.rows, entries, loan.terms)

    spread: Counter[str] = Counter()
    for allocation in account.allocations:
        spread[allocation.entry_id] += allocation.split.total + allocation.unapplied_minor
    assert {entry.entry_id: spread[entry.entry_id] for entry in standing(entries)} == {
        entry.entry_id: moved(entry) for entry in standing(entries)
    }
    assert spread.keys() <= {entry.entry_id for entry in standing(entries)}


@given(st.data(), loans())
def test_nothing_is_below_zero_and_no_more_is_open_than_is_due(data: st.DataObject, loan: RandomLoan) -> None:
    entries = data.draw(ledgers(loan, forms=WITHOUT_SPLITS))

    account = allocate(loan.rows, entries, loan.terms)

    for row in account.rows:
        assert all(0 <= still <= due for still, due in zip(row.open, row.due, strict=True))
        assert row.paid_on is None or not any(row.open)
    principal = sum(row.due[0] for row in account.rows)
    assert principal == loan.lent_minor
    snapshot = loan.replayed(entries)
    assert 0 <= snapshot.principal_balance_minor <= loan.lent_minor + max(-account.unapplied_minor, 0)
    assert snapshot.unapplied_minor >= 0


@given(st.data(), loans(), st.randoms(use_true_random=False))
def test_late_entries_that_arrive_in_any_order_give_one_position(
    data: st.DataObject, loan: RandomLoan, random: Random
) -> None:
    entries = data.draw(ledgers(loan))
    shuffled = random.sample(entries, len(entries))

    assert loan.replayed(shuffled) == loan.replayed(entries)
    assert allocate(loan.rows, shuffled, loan.terms) == allocate(loan.rows, entries, loan.terms)


@given(st.data(), loans())
def test_the_history_ends_in_what_stands(data: st.DataObject, loan: RandomLoan) -> None:
    entries = data.draw(ledgers(loan))

    history = allocation_history([PlanVersion(1, loan.rows, KNOWN)], entries, loan.terms)

    kept = sorted((each.allocation for each in history if each.replaced_at is None), key=repr)
    assert kept == sorted(allocate(loan.rows, entries, loan.terms).allocations, key=repr)


@given(st.data(), loans(), st.integers(0, 300))
def test_what_was_known_then_never_changes(data: st.DataObject, loan: RandomLoan, as_of: int) -> None:
    entries = data.draw(ledgers(loan))
    versions, day = [PlanVersion(1, loan.rows, KNOWN)], loan.day(as_of)
    moments = [entry.recorded_at - timedelta(seconds=late) for entry in entries for late in (0, 1)]
    known_at = data.draw(st.sampled_from([KNOWN, *moments]))
    then = [entry for entry in entries if entry.recorded_at <= known_at]

    asked_now = replay(loan.lent_minor, versions, entries, day, known_at, loan.terms)
    asked_then = replay(loan.lent_minor, versions, then, day, None, loan.terms)

    assert position_at(asked_now, day, terms=loan.terms) == position_at(asked_then, day, terms=loan.terms)


# --- in which parts and on which days -----------------------------------------------------------------------------------


@given(st.data(), loans(), st.integers(0, 250), st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_a_payment_in_two_parts_of_one_day_is_one_payment(
    data: st.DataObject, loan: RandomLoan, on: int, one: int, other: int
) -> None:
    before = data.draw(ledgers(loan, 3, PLAIN, reversals=False))
    day = loan.day(on)

    whole = allocate(loan.rows, [*before, last_of_the_day(one + other, day)], loan.terms)
    parts = allocate(loan.rows, [*before, last_of_the_day(one, day), last_of_the_day(other, day, "~~")], loan.terms)

    if loan.terms.strategy.surplus is not Surplus.EVENLY or loan.terms.contract:
        assert stands(parts) == stands(whole)
        assert parts.unapplied_minor == whole.unapplied_minor
    elif not before:
        for mine, its in zip(parts.rows, whole.rows, strict=True):
            assert abs(sum(mine.open) - sum(its.open)) <= 1


@given(st.data(), loans(), st.lists(st.integers(0, 400), max_size=5), st.integers(0, 400))
def test_a_payment_of_nothing_changes_nothing_on_whatever_day(
    data: st.DataObject, loan: RandomLoan, days: list[int], as_of: int
) -> None:
    """So late charges do not depend on how often the loan was looked at."""
    entries = data.draw(ledgers(loan))
    nothing = [payment(f"0{number}", 0, loan.day(day)) for number, day in enumerate(days)]
    last = max([loan.day(as_of), *(entry.effective_on for entry in (*entries, *nothing))])

    account, other = allocate(loan.rows, entries, loan.terms), allocate(loan.rows, [*entries, *nothing], loan.terms)
    for each in (account, other):
        each.accrue(last)

    assert [(row.due, row.open, row.late) for row in other.rows] == [(row.due, row.open, row.late) for row in account.rows]


@given(st.data(), loans(), st.integers(0, 200))
def test_a_snapshot_answers_for_later_days_as_the_account_stands_then(
    data: st.DataObject, loan: RandomLoan, days: int
) -> None:
    entries = data.draw(ledgers(loan, 3))
    snapshot = loan.replayed(entries)
    last = max([loan.contract.starts_on, *(entry.effective_on for entry in entries)])
    as_of = min(last + timedelta(days=days), snapshot.holds_until or date.max)

    account = allocate(loan.rows, entries, loan.terms)
    account.accrue(as_of)

    then = snapshot_of(loan.lent_minor, PlanVersion(1, loan.rows, KNOWN), account, entries)
    expected = position_at(replace(then, last_effective_on=as_of), as_of, terms=loan.terms)
    assert position_at(snapshot, as_of, terms=loan.terms) == expected
    assert position_at(loan.replayed(entries, as_of), as_of, terms=loan.terms) == expected


@given(st.data(), loans(actual=False))
def test_the_short_way_through_the_rows_gives_what_the_account_gives(data: st.DataObject, loan: RandomLoan) -> None:
    terms = LoanTerms(custom_strategy(data.draw(one_order)))
    entries = [e for e in data.draw(ledgers(loan, forms=PLAIN)) if e.kind not in (EntryKind.REFUND, EntryKind.CHARGE)]
    version = PlanVersion(1, loan.rows, KNOWN)

    account = allocate(loan.rows, entries, terms)

    assert replay(loan.lent_minor, [version], entries, terms=terms) == snapshot_of(
        loan.lent_minor, version, account, entries
    )
