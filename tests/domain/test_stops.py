"""A stop takes the interest of its days, and nothing else; taken back, it leaves no trace."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.allocation_history import allocation_history
from app.domain.late_charges import LateTerms
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import position_at, replay
from app.domain.quotes import payoff_quote
from app.domain.replay import allocate
from app.domain.splits import Split
from app.domain.stops import (
    INTEREST,
    INTEREST_AND_CHARGES,
    Stop,
    days_within,
    interest_stopped,
    packed,
    stopped_by,
    unpacked,
    without,
)
from app.domain.terms import EarlySettlement, LoanTerms, with_stops
from tests.builders.random_loans import contracts, plan_of

START = date(2026, 1, 10)
KNOWN = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = tuple(
    PlanRow(number, date(2026, 1 + number, 10), Split(100_00, 31_00 if number in (2, 4, 6) else 28_00))
    for number in range(1, 7)
)
days = st.dates(date(2025, 12, 1), date(2026, 9, 1))


def a_stop(since: date, until: date | None, scope: str = INTEREST_AND_CHARGES, known: datetime = KNOWN) -> Stop:
    return Stop(since, until, scope, "UK-NOSIA-FAIL", known)


stops = st.lists(
    st.tuples(days, st.integers(0, 90), st.sampled_from([INTEREST, INTEREST_AND_CHARGES])).map(
        lambda drawn: a_stop(drawn[0], drawn[0] + timedelta(days=drawn[1]), drawn[2])
    ),
    max_size=4,
)


def paid(minor: int, on: date, number: int = 1) -> LedgerEntry:
    return LedgerEntry(f"e{number}", EntryKind.REPAYMENT, minor, on, datetime(on.year, on.month, on.day, tzinfo=UTC))


@given(stops, days, st.integers(0, 60))
def test_the_days_of_several_stops_count_once_and_what_is_left_is_the_rest(
    drawn: list[Stop], start: date, length: int
) -> None:
    spans, end = stopped_by(drawn).interest, start + timedelta(days=length)
    one_by_one = [start + timedelta(days=k) for k in range(length)]
    stood = [on for on in one_by_one if any(s.from_on <= on < (s.until_on or date.max) for s in drawn)]

    assert days_within(spans, start, end) == len(stood)
    assert sum((until - since).days for since, until in without(start, end, spans)) == length - len(stood)
    assert unpacked(packed(drawn)) == tuple(sorted(drawn, key=lambda s: (s.recorded_at, s.from_on, s.rule)))


def test_a_row_gives_up_the_interest_of_the_days_that_are_stopped_and_no_other() -> None:
    terms = with_stops(LoanTerms(starts_on=START), [a_stop(date(2026, 2, 10), date(2026, 2, 24))])
    account = allocate(ROWS, (), terms)

    assert [row.due[1] for row in account.rows] == [28_00, 31_00 - 15_50, 28_00, 31_00, 28_00, 31_00]
    assert [row.due[0] for row in account.rows] == [100_00] * 6
    assert account.rows[1].stopped_minor == 15_50


def test_a_stop_that_stands_open_takes_the_interest_of_all_days_to_come() -> None:
    account = allocate(ROWS, (), with_stops(LoanTerms(starts_on=START), [a_stop(date(2026, 3, 10), None)]))

    assert [row.due[1] for row in account.rows] == [28_00, 31_00, 0, 0, 0, 0]


def test_interest_whose_first_day_is_not_known_is_given_up_whole() -> None:
    assert interest_stopped(500, None, date(2026, 3, 1), ((date(2026, 2, 27), date(2026, 2, 28)),)) == 500
    assert interest_stopped(500, None, date(2026, 3, 1), ((date(2026, 3, 1), date(2026, 4, 1)),)) == 0


@given(stops, st.lists(st.tuples(st.integers(1, 200_00), days), max_size=4), days)
def test_principal_is_owed_as_before_and_no_more_interest_than_without(
    drawn: list[Stop], payments: list[tuple[int, date]], as_of: date
) -> None:
    entries = [paid(minor, on, number) for number, (minor, on) in enumerate(payments)]
    late = LateTerms(annual_rate=Fraction(18, 100), fee_minor=500, fee_after_days=3)
    plain = LoanTerms(late=late, starts_on=START)
    versions = [PlanVersion(1, ROWS, KNOWN)]
    asked = with_stops(plain, drawn)

    with_them = replay(600_00, versions, entries, terms=asked)
    without_them = replay(600_00, versions, entries, terms=plain)
    lasting = max([as_of, *(on for _, on in payments)])

    mine, theirs = position_at(with_them, lasting, terms=asked), position_at(without_them, lasting, terms=plain)
    owed, owed_without = mine.outstanding_minor - mine.unapplied_minor, theirs.outstanding_minor - theirs.unapplied_minor
    assert owed <= owed_without
    assert replay(600_00, versions, entries, terms=with_stops(asked, [])) == without_them
    if not any(each.from_on < (each.until_on or date.max) for each in drawn):
        assert with_them == without_them


def test_days_of_lateness_that_are_stopped_bear_no_overdue_interest_and_no_fee_falls_due_in_them() -> None:
    late = LateTerms(annual_rate=Fraction(365, 1000), fee_minor=7_00, fee_after_days=5)
    plain = LoanTerms(late=late, starts_on=START)
    stopped = with_stops(plain, [a_stop(date(2026, 2, 12), date(2026, 2, 22))])
    versions, as_of = [PlanVersion(1, ROWS, KNOWN)], date(2026, 3, 2)

    def penalties(terms: LoanTerms) -> int:
        return position_at(replay(600_00, versions, (), terms=terms), as_of, terms=terms).overdue.penalties

    assert penalties(plain) == 20 * 10 + 7_00
    assert penalties(stopped) == 10 * 10
    only_interest = with_stops(plain, [a_stop(date(2026, 2, 12), date(2026, 2, 22), INTEREST)])
    assert penalties(only_interest) == 10 * 10 + 7_00


def test_a_charge_that_falls_due_in_a_stop_is_not_owed() -> None:
    charge = LedgerEntry(
        "c1", EntryKind.CHARGE, 12_00, date(2026, 2, 15), datetime(2026, 2, 15, tzinfo=UTC), split=Split(penalties=12_00)
    )
    terms = with_stops(LoanTerms(starts_on=START), [a_stop(date(2026, 2, 12), date(2026, 2, 22))])

    assert sum(row.due[3] for row in allocate(ROWS, [charge], LoanTerms(starts_on=START)).rows) == 12_00
    assert sum(row.due[3] for row in allocate(ROWS, [charge], terms).rows) == 0


def test_what_was_known_before_the_stop_is_found_again_and_allocations_keep_both() -> None:
    learnt = datetime(2026, 4, 1, tzinfo=UTC)
    terms = with_stops(LoanTerms(starts_on=START), [a_stop(date(2026, 2, 10), date(2026, 3, 10), known=learnt)])
    versions, entries = [PlanVersion(1, ROWS, KNOWN)], [paid(131_00, date(2026, 3, 10))]

    then = replay(600_00, versions, entries, known_at=learnt - timedelta(days=1), terms=terms)
    assert then == replay(600_00, versions, entries, terms=LoanTerms(starts_on=START))
    assert replay(600_00, versions, entries, terms=terms) != then

    history = allocation_history(versions, entries, terms)
    assert {each.replaced_at for each in history if each.allocation.row_no == 2} == {learnt, None}
    standing = [each.allocation for each in history if each.replaced_at is None]
    key = lambda each: (each.row_no or 0, each.split)  # noqa: E731
    assert sorted(standing, key=key) == sorted(allocate(ROWS, entries, terms).allocations, key=key)


def test_a_stop_taken_back_restores_what_was_owed() -> None:
    back = Stop(date(2026, 2, 10), None, INTEREST, "UK-BREATHING", KNOWN, KNOWN + timedelta(days=3))
    versions = [PlanVersion(1, ROWS, KNOWN)]

    assert replay(600_00, versions, (), terms=with_stops(LoanTerms(starts_on=START), [back])) == replay(
        600_00, versions, (), terms=LoanTerms(starts_on=START)
    )


def test_who_pays_back_early_owes_interest_for_the_days_that_bear_it() -> None:
    terms = with_stops(
        LoanTerms(starts_on=START, early_settlement=EarlySettlement.ACTUAL_PERIOD),
        [a_stop(date(2026, 2, 10), date(2026, 2, 20))],
    )
    first = paid(128_00, date(2026, 2, 10))

    # Of row 2's 28 days ten are stopped; eight of the other eighteen are over by 28 February.
    assert payoff_quote(ROWS, [first], date(2026, 2, 20), terms).owed.interest == 0
    assert payoff_quote(ROWS, [first], date(2026, 2, 28), terms).owed.interest == -(-(31_00 - 11_07) * 8 // 18)


@given(contracts(most_rows=12), st.integers(0, 400), st.integers(1, 120))
def test_rows_that_follow_the_balance_bear_nothing_on_stopped_days_and_keep_their_principal(
    drawn_contract: object, begins: int, length: int
) -> None:
    contract = replace(drawn_contract, on_actual_balance=True)  # type: ignore[type-var]
    rows = plan_of(contract)
    if not rows:
        return
    since = contract.starts_on + timedelta(days=begins)
    plain = LoanTerms(contract=contract, starts_on=contract.starts_on)
    terms = with_stops(plain, [a_stop(since, since + timedelta(days=length))])
    everything = with_stops(plain, [a_stop(contract.starts_on, None)])
    before, after, none = (allocate(rows, (), each) for each in (plain, terms, everything))

    assert [row.due[0] for row in after.rows] == [row.due[0] for row in before.rows]
    assert [row.due[1] + row.stopped_minor for row in after.rows] == [row.due[1] for row in before.rows]
    assert sum(row.due[1] for row in none.rows) == 0 or none._actual is None


@pytest.mark.parametrize("known", [None, datetime(2026, 2, 1, tzinfo=UTC)])
def test_without_stops_the_terms_are_as_they_were(known: datetime | None) -> None:
    assert stopped_by([], known) == ((), ())
