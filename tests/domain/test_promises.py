"""Promises to pay: their states, and which money keeps them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import ConflictError
from app.domain.promises import (
    GIVEN_UP,
    MOVES,
    MoneyIn,
    Promise,
    PromiseState,
    check_move,
    counts_of,
    ends_at,
    shared_out,
    state_by,
)

S = PromiseState
MADE = datetime(2026, 3, 2, 9, tzinfo=UTC)
FRIDAY = date(2026, 3, 6)


def a_promise(no: int = 1, amount_minor: int = 10_000, on: date = FRIDAY, zone: str = "UTC") -> Promise:
    return Promise(f"p{no}", no, amount_minor, on, ends_at(on, zone), MADE, MADE.date())


def money(amount_minor: int, on: date = date(2026, 3, 4), at: datetime | None = None, no: int = 1) -> MoneyIn:
    return MoneyIn(f"e{no}", amount_minor, on, at or datetime.combine(on, datetime.min.time(), UTC) + timedelta(hours=12))


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("to", list(S))
def test_only_moves_of_the_table_are_made(state: PromiseState, to: PromiseState) -> None:
    if to in MOVES[state]:
        check_move(state, to)
    else:
        with pytest.raises(ConflictError, match="promise"):
            check_move(state, to)


def test_what_was_given_up_stays_so_and_everything_else_can_still_be_put_right() -> None:
    assert all(not MOVES[state] for state in GIVEN_UP)
    assert all(MOVES[state] for state in set(S) - GIVEN_UP)
    assert set(MOVES) == set(S)


@pytest.mark.parametrize(
    ("paid", "is_over", "status", "expected"),
    [
        (10_000, False, "active", S.KEPT),
        (9_999, False, "active", S.OPEN),
        (0, True, "active", S.BROKEN),
        (1, True, "active", S.PARTLY_KEPT),
        (10_000, True, "active", S.KEPT),
        (9_000, False, "closed", S.KEPT),
        (0, False, "closed", S.CANCELLED),
        (0, True, "written_off", S.CANCELLED),
        (500, False, "written_off", S.CANCELLED),
    ],
)
def test_how_an_open_promise_stands_by_its_money(paid: int, is_over: bool, status: str, expected: PromiseState) -> None:
    assert state_by(S.OPEN, 10_000, paid, is_over=is_over, loan_status=status) is expected


def test_a_kept_promise_whose_money_was_taken_back_is_open_before_its_day_is_over_and_broken_after() -> None:
    assert state_by(S.KEPT, 10_000, 0, is_over=False) is S.OPEN
    assert state_by(S.KEPT, 10_000, 0, is_over=True) is S.BROKEN


def test_the_day_ends_where_the_borrower_lives() -> None:
    assert ends_at(FRIDAY, "America/Los_Angeles") == datetime(2026, 3, 7, 8, tzinfo=UTC)
    assert ends_at(date(2026, 3, 8), "America/Los_Angeles") == datetime(2026, 3, 9, 7, tzinfo=UTC), "clocks went forward"


@pytest.mark.parametrize(
    ("on", "at", "counts"),
    [
        (date(2026, 3, 1), datetime(2026, 3, 5, tzinfo=UTC), False),  # paid before, told later
        (date(2026, 3, 2), MADE - timedelta(seconds=1), False),  # known before it was made
        (date(2026, 3, 2), MADE, True),
        (FRIDAY, datetime(2026, 3, 9, tzinfo=UTC), True),  # told late
        (date(2026, 3, 7), datetime(2026, 3, 7, 7, 59, tzinfo=UTC), True),  # the lender's calendar is ahead
        (date(2026, 3, 7), datetime(2026, 3, 7, 8, tzinfo=UTC), False),
    ],
)
def test_money_counts_from_the_promise_to_the_end_of_its_day(on: date, at: datetime, counts: bool) -> None:
    assert a_promise(zone="America/Los_Angeles").takes(money(1, on, at)) is counts


def test_money_of_a_calendar_that_is_ahead_does_not_keep_a_promise_made_after_it() -> None:
    tomorrow = MADE.date() + timedelta(days=1)

    assert not a_promise().takes(money(1, tomorrow, MADE - timedelta(minutes=1)))
    assert a_promise().takes(money(1, tomorrow, MADE))


def test_of_two_promises_the_one_of_the_earlier_day_takes_first() -> None:
    first, second = a_promise(2), a_promise(1, on=FRIDAY + timedelta(days=7))

    assert shared_out([second, first], [money(15_000)]) == {"p2": 10_000, "p1": 5_000}


def test_money_after_a_day_goes_to_the_next_promise_alone() -> None:
    first, second = a_promise(1), a_promise(2, on=FRIDAY + timedelta(days=7))

    assert shared_out([first, second], [money(15_000, FRIDAY + timedelta(days=2))]) == {"p1": 0, "p2": 10_000}


_DAYS = st.integers(0, 20).map(lambda days: date(2026, 3, 1) + timedelta(days=days))
_PROMISES = st.lists(st.tuples(st.integers(1, 5_000), _DAYS), max_size=5)
_MONEY = st.lists(st.tuples(st.integers(1, 5_000), _DAYS, st.integers(0, 72)), max_size=6)


@given(_PROMISES, _MONEY, st.randoms(use_true_random=False))
def test_no_cent_counts_twice_and_no_promise_takes_more_than_it_is_of(promised, paid, random) -> None:  # type: ignore[no-untyped-def]
    promises = [a_promise(no, amount, on) for no, (amount, on) in enumerate(promised, 1)]
    came = [
        money(amount, on, datetime.combine(on, datetime.min.time(), UTC) + timedelta(hours=late), no)
        for no, (amount, on, late) in enumerate(paid)
    ]

    taken = shared_out(promises, came)

    assert sum(taken.values()) <= sum(each.amount_minor for each in came)
    assert all(0 <= taken[each.promise_id] <= each.amount_minor for each in promises)
    assert all(any(each.takes(one) for one in came) for each in promises if taken[each.promise_id])
    random.shuffle(promises)
    random.shuffle(came)
    assert shared_out(promises, came) == taken, "the order they are read in does not matter"


def test_counts_leave_out_what_was_given_up() -> None:
    counts = counts_of(["open", "kept", "kept", "broken", "cancelled", "replaced", "partly_kept"])

    assert (counts.open, counts.kept, counts.partly_kept, counts.broken) == (1, 2, 1, 1)
