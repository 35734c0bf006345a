"""Retries: exponential, fully jittered, never before the provider asked and never after the text stops being true."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.retries import RetryPolicy

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = NOW + timedelta(hours=10)
POLICY = RetryPolicy()


def wait(attempts: int, jitter: float, asked: float | None = None, not_after: datetime = DAY) -> timedelta | None:
    at = POLICY.next_attempt(attempts, now=NOW, not_after=not_after, asked_seconds=asked, jitter=jitter)
    return None if at is None else at - NOW


def test_the_ceiling_doubles_up_to_the_longest_wait() -> None:
    ceilings = [wait(attempts, 0.999999) for attempts in range(1, 8)]

    assert [round(each.total_seconds()) for each in ceilings if each] == [30, 60, 120, 240, 480, 900, 900]


def test_any_instant_up_to_the_ceiling_may_be_drawn() -> None:
    assert wait(5, 0.0) == timedelta(seconds=1)
    assert wait(5, 0.25) == timedelta(seconds=120)


def test_a_provider_that_asks_for_time_is_given_it() -> None:
    assert wait(1, 0.5, asked=3600) == timedelta(hours=1)
    assert wait(6, 0.9, asked=2) == timedelta(minutes=13.5)


@given(st.integers(1, 2000), st.floats(0, 1, exclude_max=True), st.floats(0, 1e6), st.timedeltas(timedelta(0), timedelta(3)))
def test_nothing_is_tried_after_its_end(attempts: int, jitter: float, asked: float, left: timedelta) -> None:
    found = wait(attempts, jitter, asked, NOW + left)

    assert found is None or timedelta(seconds=max(asked, 1) - 1e-5) <= found < left


def test_a_provider_that_is_down_all_day_is_tried_all_day() -> None:
    now, attempts = NOW, 1
    while (at := POLICY.next_attempt(attempts, now=now, not_after=DAY, asked_seconds=None, jitter=0.5)) is not None:
        now, attempts = at, attempts + 1

    assert now > DAY - POLICY.longest_wait
