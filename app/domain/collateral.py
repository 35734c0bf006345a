"""What pledged things are worth to a loan: their value after a haircut, and what is missing."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from app.domain.errors import refused_at
from app.domain.rounding import Rounding, divide

_HUNDREDTH = Decimal("0.01")


def counted_minor(value_minor: int, haircut: Fraction) -> int:
    """Return what a value counts for after the haircut (a fraction of one), rounded down."""
    share = value_minor * (1 - haircut)
    return divide(share.numerator, share.denominator, Rounding.DOWN)


def shortfall_minor(outstanding_minor: int, value_minor: int, haircut: Fraction) -> int:
    """Return what `outstanding_minor` exceeds the pledged value by, after the haircut (a fraction of one); 0 when covered.

    Source: Frappe Lending, loan security shortfall. The counted value is rounded down.
    """
    return max(outstanding_minor - counted_minor(value_minor, haircut), 0)


def loan_to_value(outstanding_minor: int, value_minor: int) -> Decimal | None:
    """Return what is owed in per cent of the value, two places, half up; None for a thing that is worth nothing."""
    if value_minor <= 0:
        return None
    return (Decimal(outstanding_minor) * 100 / value_minor).quantize(_HUNDREDTH, rounding=ROUND_HALF_UP)


def read_haircut(text: str) -> Fraction:
    """Return a haircut written as "0.2". Raises ValidationError for what is no number from 0 up to 1 (inclusive)."""
    try:
        haircut = Fraction(Decimal(text))
    except (ArithmeticError, ValueError):
        raise refused_at("/haircut", 'haircut is a number from 0 to 1, written as "0.2".') from None
    if not 0 <= haircut <= 1:
        raise refused_at("/haircut", 'haircut is a number from 0 to 1, written as "0.2".')
    return haircut
