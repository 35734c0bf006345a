"""Rounding: a policy of the loan, applied to exact ratios of integers. No float, and no hidden decimal context."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum


class Rounding(StrEnum):
    """What becomes of a fraction of a minor unit. UP and DOWN go away from and towards zero."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    UP = "up"
    DOWN = "down"


_DECIMAL = {
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.UP: ROUND_CEILING,
    Rounding.DOWN: ROUND_FLOOR,
}
_NOISE = Decimal("1e-9")
_HALF_EVEN = Rounding.HALF_EVEN
"""By a name of its own: to look a member up in its enum costs as much as the division, which every row of a plan does."""


def divide(numerator: int, denominator: int, rounding: Rounding = Rounding.HALF_EVEN) -> int:
    """Return numerator / denominator as a whole number. `denominator` is positive; the sign of the result is kept."""
    if rounding is _HALF_EVEN:
        whole, rest = divmod(2 * numerator + denominator, 2 * denominator)
        return whole - 1 if not rest and whole & 1 else whole  # without a rest it was exactly between two
    if numerator < 0:
        return -divide(-numerator, denominator, rounding)
    whole, rest = divmod(numerator, denominator)
    if not rest or rounding is Rounding.DOWN:
        return whole
    if rounding is Rounding.UP:
        return whole + 1
    return whole + 1 if 2 * rest >= denominator else whole


def round_decimal(amount: Decimal, rounding: Rounding = Rounding.HALF_EVEN, multiple: int = 1) -> int:
    """Return a positive `amount` as a whole multiple of `multiple`.

    What lies within 1e-9 of a whole number is that number: an annuity is an endless fraction, and rounding *up* must not
    make a cent of the digits that were cut.
    """
    steps = amount / multiple
    whole = steps.to_integral_value(ROUND_HALF_EVEN)
    if abs(steps - whole) > _NOISE:
        whole = steps.to_integral_value(_DECIMAL[rounding])
    return int(whole) * multiple
