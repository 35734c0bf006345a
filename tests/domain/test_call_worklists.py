"""The order of calls: total, deterministic, by what a call is expected to change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain.call_worklists import ASKED_FOR, BY_GAIN, LAW_DAY, MOST_SCORE, CallFacts, Rank, order, score_of
from app.services.call_terms import worklist_terms

NOW = datetime(2026, 3, 17, 9, 0, tzinfo=UTC)
TERMS = worklist_terms()
LATE = CallFacts("CNY", overdue_minor=200_000, days_past_due=12)

moments = st.one_of(st.none(), st.integers(-48, 48).map(lambda hours: NOW + timedelta(hours=hours)))
ranks = st.lists(
    st.builds(
        Rank,
        st.uuids().map(str),
        st.sampled_from([BY_GAIN, ASKED_FOR, LAW_DAY]),
        st.integers(0, 5),
        opens_at=moments,
        closes_at=moments,
    ),
    max_size=12,
    unique_by=lambda rank: rank.task_id,
)
facts = st.builds(
    CallFacts,
    st.sampled_from(["CNY", "USD", "KZT"]),
    overdue_minor=st.integers(-10, 10**12),
    days_past_due=st.integers(0, 5000),
    days_since_paid=st.one_of(st.none(), st.integers(0, 400)),
    rows_late=st.integers(0, 20),
    rows_cured=st.integers(0, 20),
    has_promise=st.booleans(),
    promises_broken=st.integers(0, 5),
    hour=st.integers(0, 23),
    calls=st.lists(st.tuples(st.integers(0, 23), st.booleans()), max_size=20),
    unanswered_today=st.integers(0, 20),
)


def gain(facts: CallFacts) -> int:
    return score_of(facts, TERMS)[0]


@given(ranks, st.randoms(use_true_random=False))
def test_the_order_is_the_same_however_the_tasks_come(some: Sequence[Rank], random: Random) -> None:
    shuffled = [*some]
    random.shuffle(shuffled)

    assert order(shuffled, NOW) == order(some, NOW)


@given(ranks)
def test_what_may_not_be_dialled_never_stands_above_what_may(some: Sequence[Rank]) -> None:
    found = [rank.is_open(NOW) for rank in order(some, NOW)]

    assert found == sorted(found, reverse=True)


@given(ranks)
def test_among_what_may_be_dialled_a_day_of_law_and_then_a_wish_come_before_any_gain(some: Sequence[Rank]) -> None:
    found = [(rank.urgency, rank.score) for rank in order(some, NOW) if rank.is_open(NOW)]

    assert found == sorted(found, reverse=True)


@given(facts)
def test_a_score_and_its_parts_stay_within_their_bounds(some: CallFacts) -> None:
    some = replace(some, rows_cured=min(some.rows_cured, some.rows_late))

    score, parts = score_of(some, TERMS)

    assert 0 <= score <= MOST_SCORE
    assert all(0 <= part.permille <= 1000 for part in parts)


@given(facts, st.integers(0, 10**9))
def test_more_money_never_lowers_a_score(some: CallFacts, more: int) -> None:
    some = replace(some, rows_cured=min(some.rows_cured, some.rows_late))

    assert gain(replace(some, overdue_minor=max(some.overdue_minor, 0) + more)) >= gain(some)


def test_money_above_the_cap_adds_nothing() -> None:
    assert gain(replace(LATE, overdue_minor=500_000)) == gain(replace(LATE, overdue_minor=90_000_000))


def test_who_pays_anyway_comes_below_a_smaller_sum_that_a_call_changes() -> None:
    about_to_pay = replace(LATE, days_past_due=1, overdue_minor=300_000, days_since_paid=3, rows_late=8, rows_cured=8)

    assert gain(about_to_pay) < gain(LATE)


def test_who_never_answers_comes_below_who_does_and_this_hour_counts_most() -> None:
    at_noon = replace(LATE, hour=12)
    never = replace(at_noon, calls=[(12, False)] * 8)
    in_the_evening = replace(at_noon, calls=[(19, True)] * 4 + [(12, False)] * 4)
    now = replace(at_noon, calls=[(12, True)] * 4 + [(19, False)] * 4)

    assert gain(never) < gain(in_the_evening) < gain(now)


def test_a_promise_that_stands_waits_and_a_broken_one_does_not() -> None:
    assert gain(replace(LATE, has_promise=True)) < gain(LATE) < gain(replace(LATE, promises_broken=1))


def test_each_call_of_the_day_that_nobody_took_halves_the_chance() -> None:
    once = gain(replace(LATE, unanswered_today=1))

    assert abs(once * 2 - gain(LATE)) <= gain(LATE) // 50


def test_hours_of_the_day_are_near_across_midnight() -> None:
    late, early = replace(LATE, hour=23, calls=[(0, True)] * 4), replace(LATE, hour=23, calls=[(12, True)] * 4)

    assert gain(late) > gain(early)
