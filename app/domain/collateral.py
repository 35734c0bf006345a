"""What pledged things are worth to a loan: their value after a haircut, and what is missing."""

from fractions import Fraction

from app.domain.rounding import Rounding, divide


def shortfall_minor(outstanding_minor: int, value_minor: int, haircut: Fraction) -> int:
    """Return what `outstanding_minor` exceeds the pledged value by, after the haircut (a fraction of one); 0 when covered.

    Source: Frappe Lending, loan security shortfall. The counted value is rounded down.
    """
    share = value_minor * (1 - haircut)
    return max(outstanding_minor - divide(share.numerator, share.denominator, Rounding.DOWN), 0)
