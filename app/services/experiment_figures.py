"""Statistics of experiments, by scipy and statsmodels: an extra, loaded when a report is made and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, pi, sin, sqrt
from typing import Any

from app.domain.errors import UnavailableError

ALPHA = 0.05
"""Intervals of 95 %, and the size of tests."""
POWER = 0.8
SAMPLE_RATIO_ALPHA = 0.001
"""Below it the shares found are no accident. Source: Fabijan et al., Diagnosing Sample Ratio Mismatch (KDD 2019)."""
_FEW = 5
"""With fewer expected in a cell the exact test is made."""
INSTALL = "Reports of experiments need scipy and statsmodels: pip install --require-hashes -r requirements-experiments.txt"


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `of`, with the 95 % interval (Wilson). Rate and interval None: of nobody."""

    count: int
    of: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A rate less the control's, as a share (0.02: two points), with the 95 % interval (Newcombe).

    `p_adjusted`: of several arms compared to one control (Holm). `detectable`: the smallest rise over the control's rate
    that this many borrowers show with 80 % power at 5 %; None where there is none.
    """

    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    test: str
    """chi-square, fisher-exact (where few are expected)."""
    detectable: float | None


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether arms are as large as they should be (chi-square). p None: with one arm or nobody there is nothing to test."""

    p_value: float | None
    is_off: bool


def require() -> None:
    """Raise UnavailableError, which says how to install it, where the extra is absent."""
    try:
        import scipy.stats  # noqa: F401 - whether it is there
        import statsmodels.stats.proportion  # noqa: F401
    except ImportError:
        raise UnavailableError(INSTALL) from None


def rate_of(count: int, of: int) -> Rate:
    """Return a rate with its interval."""
    if not of:
        return Rate(count, of, None, None, None)
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, of, alpha=ALPHA, method="wilson")
    return Rate(count, of, count / of, float(low), float(high))


def differences(control: Rate, others: Sequence[Rate]) -> list[Difference | None]:
    """Return the difference of each to the control; None where one of the two is of nobody."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    tested = [_test(control, other) if control.of and other.of else None for other in others]
    p_values = [each[0] for each in tested if each is not None]
    adjusted = iter(_holm(p_values))
    found: list[Difference | None] = []
    for other, test in zip(others, tested, strict=True):
        if test is None:
            found.append(None)
            continue
        low, high = confint_proportions_2indep(
            other.count, other.of, control.count, control.of, method="newcomb", compare="diff", alpha=ALPHA
        )
        difference = other.count / other.of - control.count / control.of
        detectable = _detectable(control, other.of)
        found.append(Difference(difference, float(low), float(high), test[0], float(next(adjusted)), test[1], detectable))
    return found


def sample_ratio(found: Sequence[int], percents: Sequence[int]) -> SampleRatio:
    """Test numbers of borrowers against the shares they were divided by. Somebody in an arm of no share: off."""
    from scipy.stats import chisquare

    if any(count and not percent for count, percent in zip(found, percents, strict=True)):
        return SampleRatio(0.0, True)
    pairs = [(count, percent) for count, percent in zip(found, percents, strict=True) if percent]
    total, whole = sum(count for count, _ in pairs), sum(percent for _, percent in pairs)
    if len(pairs) < 2 or not total:
        return SampleRatio(None, False)
    p_value = float(chisquare([count for count, _ in pairs], [total * percent / whole for _, percent in pairs]).pvalue)
    return SampleRatio(p_value, p_value < SAMPLE_RATIO_ALPHA)


def _holm(p_values: Sequence[float]) -> Sequence[float]:
    if len(p_values) < 2:
        return p_values
    from statsmodels.stats.multitest import multipletests

    adjusted: Sequence[float] = multipletests(p_values, alpha=ALPHA, method="holm")[1]
    return adjusted


def _test(control: Rate, other: Rate) -> tuple[float, str]:
    from scipy.stats import chi2_contingency, fisher_exact
    from scipy.stats.contingency import expected_freq

    table: Any = [[each.count, each.of - each.count] for each in (other, control)]
    if expected_freq(table).min() < _FEW:
        return float(fisher_exact(table).pvalue), "fisher-exact"
    return float(chi2_contingency(table, correction=False).pvalue), "chi-square"


def _detectable(control: Rate, of: int) -> float | None:
    """Solve for Cohen's h, and say it as a difference to the control's rate: h = 2 asin(sqrt(p)) - 2 asin(sqrt(p0))."""
    from statsmodels.stats.power import NormalIndPower

    if min(control.of, of) < _FEW:
        return None
    h = float(NormalIndPower().solve_power(nobs1=of, alpha=ALPHA, power=POWER, ratio=control.of / of))
    share = control.count / control.of
    angle = asin(sqrt(share)) + h / 2
    return sin(angle) ** 2 - share if angle < pi / 2 else None
