"""Weights of providers: the preferred one, unless it is slow or fails where another does not; back again with time."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.provider_weights import ProviderWeights, WeightPolicy

POLICY = WeightPolicy()


def fed(weights: ProviderWeights, provider: str, *, seconds: float, at: float, answers: int = 25, failed: int = 0) -> None:
    weights.note(provider, answers=answers, failed=failed, seconds=seconds, at=at)


def test_the_preferred_one_has_all_of_it_at_rest() -> None:
    weights = ProviderWeights(["a", "b"])

    assert weights.order(0.0, 0.0) == weights.order(0.0, 0.999999) == ["a", "b"]


def test_a_slow_one_gives_up_ten_points_a_minute() -> None:
    weights = ProviderWeights(["a", "b"])

    for at in (0.0, 30.0, 60.0, 90.0, 120.0):
        fed(weights, "a", seconds=6.0, at=at)

    assert weights.weights(120.0) == {"a": 70.0, "b": 30.0}
    assert [weights.order(120.0, draw)[0] for draw in (0.0, 0.69, 0.71)] == ["a", "a", "b"]


def test_where_the_other_is_just_as_slow_nothing_moves() -> None:
    weights = ProviderWeights(["a", "b"])
    fed(weights, "b", seconds=6.0, at=0.0)

    fed(weights, "a", seconds=6.0, at=1.0)

    assert weights.weights(1.0) == {"a": 100.0, "b": 0.0}


def test_fewer_slow_ones_than_the_share_are_normal() -> None:
    weights = ProviderWeights(["a", "b"])
    for number in range(17):
        fed(weights, "a", seconds=0.1, at=float(number), answers=1)

    for number in range(2):
        fed(weights, "a", seconds=6.0, at=100.0 + number * 60, answers=1)

    assert weights.weights(200.0) == {"a": 100.0, "b": 0.0}


def test_a_call_that_fails_altogether_counts_at_once() -> None:
    weights = ProviderWeights(["a", "b"])

    fed(weights, "a", seconds=0.1, at=0.0, failed=25)
    assert weights.weights(0.0) == {"a": 50.0, "b": 50.0}
    fed(weights, "a", seconds=0.1, at=1.0, failed=25)

    assert weights.weights(1.0) == {"a": 0.0, "b": 100.0}
    assert weights.order(1.0, 0.0) == ["b", "a"]


def test_weights_drift_back_ten_points_every_five_minutes() -> None:
    weights = ProviderWeights(["a", "b"])
    for at in (0.0, 1.0):
        fed(weights, "a", seconds=0.1, at=at, failed=25)

    assert weights.weights(1.0 + 299.0)["a"] == 0.0
    assert weights.weights(1.0 + 300.0)["a"] == 10.0
    assert weights.weights(1.0 + 3000.0) == {"a": 100.0, "b": 0.0}


def test_what_was_slow_long_ago_is_forgotten() -> None:
    weights = ProviderWeights(["a", "b"])
    fed(weights, "a", seconds=6.0, at=0.0)

    fed(weights, "a", seconds=0.1, at=1000.0)

    assert weights.weights(1000.0)["a"] >= 100.0 - POLICY.step + POLICY.drift


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 50), st.booleans(), st.floats(0, 20), st.floats(0, 400)),
        max_size=60,
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_weights_always_add_up_and_everyone_is_asked(calls: list[tuple[str, int, bool, float, float]], draw: float) -> None:
    weights, at = ProviderWeights(["a", "b", "c"]), 0.0
    for provider, answers, fails, seconds, later in calls:
        at += later
        weights.note(provider, answers=answers, failed=answers if fails else 0, seconds=seconds, at=at)

    found = weights.weights(at)

    assert abs(sum(found.values()) - 100.0) < 1e-6
    assert all(-1e-9 <= points <= 100.0 + 1e-6 for points in found.values())
    assert sorted(weights.order(at, draw)) == ["a", "b", "c"]
