"""The annual percentage rate of US Regulation Z by the actuarial method. Source: 12 CFR part 1026, appendix J."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from app.domain.discounting import Point, unit_rate
from app.domain.errors import ValidationError
from app.domain.rates import Flow, rounded
from app.domain.unit_periods import UnitPeriod, between, dates_every, unit_period


@dataclass(frozen=True, slots=True)
class AnnualPercentageRate:
    """`rate` is a fraction to 10 places, the rate per unit-period times the unit-periods in a year: (b)(1)."""

    rate: Decimal
    unit: UnitPeriod


def annual_percentage_rate(flows: Sequence[Flow]) -> AnnualPercentageRate:
    """Return the rate of advances (positive) and payments (negative) in any order, any number of each.

    The term begins with the first advance. What is paid on that day, such as a prepaid finance charge, lessens it. Raises
    ValidationError where there is no rate.
    """
    by_date: defaultdict[date, int] = defaultdict(int)
    for on, amount_minor in flows:
        by_date[on] += amount_minor
    dates = sorted(on for on, amount_minor in by_date.items() if amount_minor)
    advances = [on for on in dates if by_date[on] > 0]
    payments = [on for on in dates if by_date[on] < 0]
    if not advances or not payments or payments[0] < advances[0]:
        raise ValidationError("There is no rate: it takes an advance and payments after it.")
    start, unit = advances[0], unit_period(advances, payments)
    rate = unit_rate([Point(by_date[on], *between(start, on, unit, dates)) for on in dates])
    with localcontext(prec=50):
        yearly = rate * unit.per_year.numerator / unit.per_year.denominator
    return AnnualPercentageRate(rounded(yearly), unit)


def apr_of_stream(
    advance_minor: int, advance_on: date, payment_minor: int, count: int, first_payment_on: date, unit: UnitPeriod
) -> AnnualPercentageRate:
    """Return the rate of one advance and `count` equal payments, one `unit` apart (`UNITS` has their names).

    Raises ValidationError where there is no rate.
    """
    paid = [Flow(on, -payment_minor) for on in dates_every(unit, first_payment_on, count)]
    return annual_percentage_rate([Flow(advance_on, advance_minor), *paid])
