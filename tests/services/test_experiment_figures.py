"""The statistics on made-up borrowers with a known effect."""

import sys
from random import Random

import pytest

from app.domain.errors import UnavailableError
from app.services.experiment_figures import differences, rate_of, require, sample_ratio

needs_extra = pytest.mark.usefixtures("statistics")
RUNS = 200


@pytest.fixture
def statistics() -> None:
    pytest.importorskip("statsmodels")


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)

    with pytest.raises(UnavailableError, match=r"pip install --require-hashes -r requirements-experiments[.]txt"):
        require()


def drawn(random: Random, borrowers: int, share: float) -> int:
    return sum(random.random() < share for _ in range(borrowers))


@needs_extra
@pytest.mark.parametrize(("control", "treated"), [(0.60, 0.68), (0.97, 0.99), (0.03, 0.03)])
def test_the_interval_covers_the_truth_in_about_95_of_100_runs(control: float, treated: float) -> None:
    random = Random(20260302)
    covered = 0
    for _ in range(RUNS):
        ours = rate_of(drawn(random, 400, control), 400)
        (found,) = differences(ours, [rate_of(drawn(random, 800, treated), 800)])
        assert found is not None
        covered += found.low <= treated - control <= found.high

    assert 0.91 * RUNS <= covered <= 0.99 * RUNS  # 190 expected, three standard deviations are 9


@needs_extra
def test_of_two_equal_arms_one_in_twenty_differs_by_the_p_value() -> None:
    random = Random(7)
    small = 0
    for _ in range(RUNS):
        (found,) = differences(rate_of(drawn(random, 500, 0.6), 500), [rate_of(drawn(random, 500, 0.6), 500)])
        assert found is not None
        small += found.p_value < 0.05

    assert 2 <= small <= 19


@needs_extra
def test_an_effect_of_the_detectable_size_is_found_in_about_80_of_100_runs() -> None:
    random = Random(11)
    (first,) = differences(rate_of(300, 500), [rate_of(300, 500)])
    assert first is not None
    assert first.detectable is not None
    shown = 0
    for _ in range(RUNS):
        treated = rate_of(drawn(random, 500, 0.6 + first.detectable), 500)
        (found,) = differences(rate_of(drawn(random, 500, 0.6), 500), [treated])
        assert found is not None
        shown += found.p_value < 0.05

    assert 0.7 * RUNS <= shown <= 0.9 * RUNS


@needs_extra
def test_figures_of_a_published_example() -> None:
    """Newcombe 1998 (Statistics in Medicine 17:873), table II, method 10: 56/70 against 48/80 is 0.2, 0.0524 to 0.3339."""
    (found,) = differences(rate_of(48, 80), [rate_of(56, 70)])

    assert found is not None
    assert (round(found.difference, 4), round(found.low, 4), round(found.high, 4)) == (0.2, 0.0524, 0.3339)


@needs_extra
def test_several_arms_pay_for_being_several() -> None:
    found = differences(rate_of(60, 200), [rate_of(80, 200), rate_of(60, 200), rate_of(0, 0)])

    assert found[2] is None
    assert found[0] is not None
    assert found[0].p_adjusted == pytest.approx(2 * found[0].p_value)


@needs_extra
@pytest.mark.parametrize(("ours", "theirs"), [((0, 10), (0, 10)), ((10, 10), (10, 10)), ((0, 3), (4, 4)), ((1, 1), (0, 1))])
def test_few_and_extreme_figures_have_an_interval_too(ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    (found,) = differences(rate_of(*ours), [rate_of(*theirs)])

    assert found is not None
    assert found.test == "fisher-exact"
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert 0 <= found.p_value <= 1


def test_nobody_has_no_rate() -> None:
    assert rate_of(0, 0).rate is None


@needs_extra
def test_arms_of_the_wrong_size_are_found() -> None:
    assert not sample_ratio([5030, 4970], [50, 50]).is_off
    assert sample_ratio([5300, 4700], [50, 50]).is_off
    assert sample_ratio([5, 100], [0, 100]).is_off
    assert sample_ratio([0, 0], [50, 50]).p_value is None
