from collections import deque
from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.pacing import FCM, Answers, PacePolicy, Pacers

FULL = FCM.per_minute * FCM.used / 60


def pacers(policy: PacePolicy = FCM) -> Pacers:
    return Pacers({"fcm": policy})


def run(paced: Pacers, *, since: float, until: float, every: float = 0.1, wanted: int = 10**9) -> list[tuple[float, int]]:
    """Take as much as there is, again and again; return (instant, how many)."""
    count = round((until - since) / every)
    return [(since + n * every, paced.take("fcm", wanted, since + n * every)) for n in range(count)]


def per_second(taken: list[tuple[float, int]]) -> float:
    return sum(count for _, count in taken) / (len(taken) * (taken[1][0] - taken[0][0]))


def worst_window(taken: list[tuple[float, int]], seconds: float = 60.0) -> int:
    """Return the most that left within any window of so long."""
    window: deque[tuple[float, int]] = deque()
    worst = total = 0
    for at, count in taken:
        window.append((at, count))
        total += count
        while window[0][0] <= at - seconds:
            total -= window.popleft()[1]
        worst = max(worst, total)
    return worst


def test_from_rest_the_rate_is_reached_over_a_minute() -> None:
    paced = pacers()

    first_second, half_way = run(paced, since=0, until=1), run(paced, since=1, until=31)
    run(paced, since=31, until=65)
    full = run(paced, since=65, until=125)

    assert sum(count for _, count in first_second) < FULL / 60
    assert per_second(half_way[-10:]) == pytest.approx(FULL / 2, rel=0.05)
    assert per_second(full) == pytest.approx(FULL, rel=0.01)


def test_eighty_per_cent_of_the_quota_are_used() -> None:
    assert FULL == 8000


def test_one_message_after_a_rest_leaves_at_once() -> None:
    assert pacers().take("fcm", 5, at=1000.0) == 1


def test_what_trickles_does_not_count_as_being_warm() -> None:
    paced = pacers()
    for second in range(600):
        assert paced.take("fcm", 1, at=float(second)) == 1

    assert sum(count for _, count in run(paced, since=600, until=601)) < FULL / 20


def test_after_a_minute_of_rest_it_begins_anew() -> None:
    paced = pacers()
    run(paced, since=0, until=100)

    assert sum(count for _, count in run(paced, since=165, until=166)) < FULL / 20


def test_a_quota_refusal_stops_the_whole_bucket_for_as_long_as_it_asks_then_half_goes_on() -> None:
    paced = pacers()
    run(paced, since=0, until=100)

    paced.note("fcm", Answers(500, quota=3, retry_after_seconds=7), at=100)

    assert run(paced, since=100, until=107)[-1] == (pytest.approx(106.9), 0)
    assert sum(count for _, count in run(paced, since=100.0, until=106.9)) == 0
    assert paced.next_at("fcm", 100) == 107
    run(paced, since=107, until=120)
    assert per_second(run(paced, since=120, until=125)) == pytest.approx(FULL / 2, rel=0.1)


def test_without_a_time_it_waits_a_minute() -> None:
    paced = pacers()

    paced.note("fcm", Answers(1, quota=1), at=10)

    assert paced.next_at("fcm", 10) == 70
    assert paced.take("fcm", 1, at=69.9) == 0


def test_the_same_complaint_from_what_was_under_way_halves_once() -> None:
    paced = pacers()
    for at in (100.0, 100.1, 101.0, 105.0):
        paced.note("fcm", Answers(50, quota=50, retry_after_seconds=20), at=at)

    assert paced.next_at("fcm", 105) == 125
    run(paced, since=125, until=200)
    assert per_second(run(paced, since=200, until=210)) == pytest.approx(FULL * (0.5 + 105 / 600), rel=0.1)


def test_it_recovers_slowly_and_wholly() -> None:
    paced = pacers()
    run(paced, since=0, until=100)
    paced.note("fcm", Answers(1, quota=1, retry_after_seconds=1), at=100)

    rates = [per_second(run(paced, since=at, until=at + 60)) for at in range(105, 505, 60)]

    assert rates == sorted(rates)
    assert rates[1] < FULL * 0.75
    assert rates[-1] == pytest.approx(FULL, rel=0.01)


@pytest.mark.parametrize(
    ("shares", "level"),
    [
        ([0.0, 0.0, 0.0], 1),
        ([0.04, 0.05, 0.04], 1),  # what is normal
        ([0.0, 0.1], 0.5),  # it rises
        ([0.0, 0.1, 0.1, 0.1], 0.5),  # and stays: no worse than before
        ([0.0, 0.1, 0.2], 0.25),
        ([0.0, 1.0, 1.0], 0.25),  # nothing works
    ],
)
def test_server_errors_that_rise_halve_the_rate(shares: list[float], level: float) -> None:
    paced = pacers()
    for window, share in enumerate([*shares, 0.0]):
        paced.note("fcm", Answers(100, server_errors=round(share * 100)), at=window * 2.0)

    assert paced._paces["fcm"].level == pytest.approx(level, abs=0.02)


def test_a_few_errors_among_few_answers_mean_nothing() -> None:
    paced = pacers()
    for window in range(5):
        paced.note("fcm", Answers(3, server_errors=3), at=window * 2.0)

    assert paced._paces["fcm"].level == 1


def test_it_never_halves_to_nothing() -> None:
    paced = pacers()
    for n in range(40):
        paced.note("fcm", Answers(1, quota=1, retry_after_seconds=0.1), at=float(n))

    assert paced._paces["fcm"].level >= FCM.lowest_level


@pytest.mark.parametrize(("quota", "workers"), [(600_000, 3), (600, 4), (10, 7), (3, 5), (1, 2)])
def test_workers_together_stay_below_the_quota(quota: float, workers: int) -> None:
    policy = PacePolicy(quota)
    all_of_them = [pacers(policy) for _ in range(workers)]
    for rank, paced in enumerate(all_of_them):
        paced.set_share(workers=workers, rank=rank)

    taken = [(n / 4, sum(paced.take("fcm", 10**9, n / 4) for paced in all_of_them)) for n in range(4 * 300)]

    assert worst_window(taken) <= quota
    assert sum(count for at, count in taken if at >= 120) >= quota * 0.7 * 3 - workers


def test_a_worker_without_a_share_never_gets_one_by_waiting() -> None:
    paced = pacers(PacePolicy(1))
    paced.set_share(workers=2, rank=1)

    assert paced.take("fcm", 1, at=10_000) == 0
    assert paced.next_at("fcm", 10_000) == inf


def test_one_more_worker_takes_its_part_without_the_quota_being_passed() -> None:
    """The newcomer ramps up from nothing; the other notices it ten seconds later."""
    old, new = pacers(), pacers()
    taken = run(old, since=0, until=100, every=0.25)
    new.set_share(workers=2, rank=1)
    for n in range(400):
        at = 100 + n / 4
        if n == 40:
            old.set_share(workers=2, rank=0)
        taken.append((at, old.take("fcm", 10**9, at) + new.take("fcm", 10**9, at)))

    assert worst_window(taken) <= FCM.per_minute


def test_a_provider_without_a_policy_has_no_limit() -> None:
    paced = pacers()

    assert paced.take("sms", 7000, at=0) == 7000
    assert paced.next_at("sms", 3) == 3
    paced.note("sms", Answers(1, quota=1), at=0)
    paced.pause("sms", 60, at=0)
    assert paced.take("sms", 7, at=0) == 7


def test_the_next_look_is_worth_it() -> None:
    paced = pacers()
    run(paced, since=0, until=100)
    paced.take("fcm", 10**9, at=100)

    assert paced.next_at("fcm", 100) == pytest.approx(100 + 1 / FULL, abs=1e-3)
    assert paced.next_at("fcm", 100, wanted=800) == pytest.approx(100.1, abs=0.01)
    assert paced.next_at("fcm", 100, wanted=10**6) == pytest.approx(101, abs=0.01)


def test_a_pause_for_another_reason_halves_nothing() -> None:
    paced = pacers()

    paced.pause("fcm", 300, at=0)

    assert (paced.take("fcm", 1, at=299), paced.take("fcm", 1, at=300)) == (0, 1)
    assert paced._paces["fcm"].level == 1


def test_what_did_not_leave_can_be_given_back() -> None:
    paced = pacers()
    paced.take("fcm", 1, at=0)
    assert paced.take("fcm", 1, at=0) == 0

    paced.give_back("fcm", 1)

    assert paced.take("fcm", 1, at=0) == 1


@dataclass
class Result:
    error_code: str | None = None
    pause_provider_seconds: float | None = None


def test_results_of_a_channel_are_counted() -> None:
    results = [
        Result(),
        Result("quota", 60.0),
        Result("quota", 7.0),
        Result("unavailable"),
        Result("timeout"),
        Result("x", 300),
    ]

    assert Answers.of(results) == Answers(6, quota=2, server_errors=2, retry_after_seconds=60.0)
    assert Answers.of([]) == Answers(0)


moves = st.lists(
    st.tuples(
        st.floats(0, 30).map(lambda seconds: round(seconds, 2)),
        st.sampled_from(["take", "take", "take", "quota", "errors", "back", "share"]),
        st.integers(1, 10**6),
    ),
    max_size=80,
)


@given(moves=moves, quota=st.sampled_from([1.0, 7.0, 60.0, 5000.0, 600_000.0]))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_no_minute_sees_more_than_the_quota(moves: list[tuple[float, str, int]], quota: float) -> None:
    paced, at, taken = pacers(PacePolicy(quota)), 0.0, list[tuple[float, int]]()
    for wait, move, number in moves:
        at += wait
        if move == "take":
            taken.append((at, paced.take("fcm", number, at)))
        elif move == "quota":
            paced.note("fcm", Answers(number, quota=1, retry_after_seconds=number % 90), at)
        elif move == "errors":
            paced.note("fcm", Answers(number, server_errors=number // 2), at)
        elif move == "back":
            paced.pause("fcm", number % 20, at)
        else:
            paced.set_share(workers=number % 5 + 1, rank=0)

    assert worst_window(taken) <= quota


@given(moves=moves)
@settings(max_examples=60, deadline=None)
def test_whatever_happened_the_full_rate_comes_back(moves: list[tuple[float, str, int]]) -> None:
    paced, at = pacers(), 0.0
    for wait, move, number in moves:
        at += wait
        if move == "quota":
            paced.note("fcm", Answers(number, quota=1, retry_after_seconds=number % 90), at)
        else:
            paced.note("fcm", Answers(number, server_errors=number if move == "errors" else 0), at)

    at += 90
    run(paced, since=at, until=at + 720, every=0.5)

    assert per_second(run(paced, since=at + 720, until=at + 780, every=0.5)) == pytest.approx(FULL, rel=0.01)
