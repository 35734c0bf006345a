"""The rate per period at which what is paid repays exactly what was lent. Decimal throughout; it always ends.

Both the internal rate of return and the actuarial method of US Regulation Z ask this one question; they differ in how they
turn dates into periods.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from itertools import count
from typing import NamedTuple

from app.domain.errors import ValidationError

HIGHEST_PERIOD_RATE = Decimal(10**9)
"""Per period; a stream that needs more has no rate worth showing."""
_SMALLEST_GROWTH = Decimal("1e-9")
_WIDTH = Decimal("1e-25")
"""How closely the rate is enclosed: far below any place that is shown, also times 365."""
_NOISE = Decimal("1e-15")
"""Of what has moved: a debt that is repaid to the last unit must not count as overpaid."""
_NEWTON_STEPS = 60
"""After so many the bracket is only halved, which ends for certain; a dozen are usual."""
_CONTEXT = Context(prec=50, Emax=MAX_EMAX, Emin=MIN_EMIN)


class Point(NamedTuple):
    """Money at a time: `amount_minor` is positive to the borrower and negative from them.

    The time since the start is `periods` whole ones and `part` (0 to 1) of one more, at whose end rate i has made 1 into
    (1 + part * i)(1 + i)^periods.
    """

    amount_minor: int
    periods: int
    part: Fraction = Fraction(0)


_Timed = tuple[int, int, Decimal]
"""A point whose part is a Decimal of 50 places: worked out once, used in every step."""


def unit_rate(points: Sequence[Point]) -> Decimal:
    """Return the rate per period, to 25 places; negative where less is repaid than was lent.

    Raises ValidationError where there is no rate (money only goes one way, is paid before any is lent, or lent last) and
    where the rate found is not the only one: at it, the borrower would at some time have been lending to the lender.
    """
    flows = _netted(points)
    if not flows or flows[0].amount_minor < 0:
        raise ValidationError("There is no rate: nothing is lent before the first payment.")
    if flows[-1].amount_minor > 0:
        raise ValidationError("There is no rate: nothing is repaid after the last amount lent.")
    with localcontext(_CONTEXT):
        timed = [(flow.amount_minor, flow.periods, Decimal(flow.part.numerator) / flow.part.denominator) for flow in flows]
        rate = _enclosed_rate(timed)
        # Where the debt never falls below zero at this rate, a higher one leaves a debt at the end and a lower one a
        # credit, so that no other rate fits (Teichroew, Robichek and Montalbano, 1965, "pure investment").
        if _is_overpaid_meanwhile(timed, rate):
            raise ValidationError("There is no single rate: more is repaid meanwhile than is owed, and more is lent later.")
        return rate


def _netted(points: Sequence[Point]) -> list[Point]:
    sums: defaultdict[tuple[int, Fraction], int] = defaultdict(int)
    for amount_minor, periods, part in points:
        whole = part == 1  # thirty odd days are a month: the same time by another name
        sums[periods + whole, Fraction(0) if whole else part] += amount_minor
    return [Point(total, *when) for when, total in sorted(sums.items()) if total]


def _enclosed_rate(flows: Sequence[_Timed]) -> Decimal:
    """Return the rate, enclosed to `_WIDTH`: by Newton's steps while they stay inside the bracket, else by halving it."""
    unpaid = sum(amount_minor for amount_minor, _, _ in flows)
    if unpaid == 0:
        return Decimal(0)
    low, high = _bracket(flows, unpaid)
    rate = (low + high) / 2
    for step in count():
        value, slope = _present_value(flows, rate)
        if value == 0 or high - low <= _WIDTH:
            break
        low, high = (rate, high) if value < 0 else (low, rate)
        middle = (low + high) / 2
        if not slope or step >= _NEWTON_STEPS:
            rate = middle
            continue
        guess = rate - value / slope
        if abs(guess - rate) < _WIDTH / 2:  # converged from one side: step over the root, so that both ends close in
            guess = rate + (_WIDTH / 2 if value < 0 else -_WIDTH / 2)
        rate = guess if low < guess < high else middle
    return rate


def _bracket(flows: Sequence[_Timed], unpaid: int) -> tuple[Decimal, Decimal]:
    """Return a rate too low and one too high: what is lent first weighs most at a high one, what is paid last at a low."""
    if unpaid < 0:
        low, high = Decimal(0), Decimal(1)
        while _present_value(flows, high)[0] < 0:
            low, high = high, high * 10
            if high > HIGHEST_PERIOD_RATE:
                raise ValidationError("There is no rate worth showing: it is beyond every measure.")
        return low, high
    high, growth = Decimal(0), Decimal("0.1")
    while _present_value(flows, growth - 1)[0] > 0:
        high, growth = growth - 1, growth / 10
        if growth < _SMALLEST_GROWTH:
            raise ValidationError("There is no rate worth showing: almost nothing is repaid.")
    return growth - 1, high


def _present_value(flows: Sequence[_Timed], rate: Decimal) -> tuple[Decimal, Decimal]:
    """Return what was lent less what is paid, both at the start, and the slope of that by the rate."""
    growth = 1 + rate
    value = slope = Decimal(0)
    whole, at = Decimal(1), 0
    for amount_minor, periods, part in flows:
        whole *= growth ** (periods - at)
        at = periods
        simple = 1 + part * rate
        worth = amount_minor / (whole * simple)
        value += worth
        slope -= worth * (periods / growth + part / simple)
    return value, slope


def _is_overpaid_meanwhile(flows: Sequence[_Timed], rate: Decimal) -> bool:
    """Whether at some time what follows is worth less than nothing to the lender: the debt then stood below zero.

    Summed from the end: from the start, the last unknown places of the rate would grow with the debt.
    """
    owed = moved = Decimal(0)
    for amount_minor, periods, part in reversed(flows[1:]):
        worth = amount_minor / ((1 + part * rate) * (1 + rate) ** periods)
        owed -= worth
        moved += abs(worth)
        if owed < -moved * _NOISE:
            return True
    return False
