"""Rates shown to people: the annualised rate of a loan and what it costs in all. Rates are fractions: 0.128 is 12.8 %.

The annual percentage rate of US Regulation Z has rules of its own: see apr.py.
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

from app.domain.discounting import Point, unit_rate
from app.domain.errors import ValidationError
from app.domain.plans import PlanRow

RATE_PLACES = 10
"""Decimal places of every rate returned here, rounded half up."""
HIGHEST_ANNUAL_RATE = Decimal(10**9)
"""A compound rate beyond it says nothing to anyone."""
PERIODS_PER_YEAR = {"month": 12, "day": 365}
_WIDE = Context(prec=100, rounding=ROUND_HALF_UP)


class Flow(NamedTuple):
    """Money on a day: `amount_minor` is positive to the borrower and negative from them."""

    on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AnnualisedRate:
    """A rate by the internal rate of return, in the two ways it may be shown. A simple one must be called simple.

    Source: PBOC announcement 2021 No. 3. `unit` is month where every date is whole months from the start, else day: then
    the exponents are days / 365, which must be said where the rate is shown. The compound rate is the effective annual one.
    """

    unit: str
    period_rate: Decimal
    simple: Decimal
    compound: Decimal


class CostItem(NamedTuple):
    """One item of what a loan costs: interest, fees, or fees_upfront (kept back from, or paid with, what is lent)."""

    name: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AllInCost:
    """What a loan costs in all when it is paid as planned; what lateness would add is not in it.

    The annualised all-in rate is `annualised_rate(flows_of_plan(...))` of the same plan.
    """

    principal_minor: int
    items: tuple[CostItem, ...]

    @property
    def charge_minor(self) -> int:
        """The finance charge: interest and fees."""
        return sum(item.amount_minor for item in self.items)

    @property
    def total_minor(self) -> int:
        """All that the borrower pays: principal and charge."""
        return self.principal_minor + self.charge_minor

    @property
    def share_of_principal(self) -> Decimal:
        """The charge over the principal, over the whole life of the loan and not per year."""
        return rounded(Fraction(self.charge_minor, self.principal_minor))


def flows_of_plan(
    disbursements: Sequence[tuple[date, int]], fees_upfront_minor: int, rows: Sequence[PlanRow]
) -> tuple[Flow, ...]:
    """Return what the borrower gets and pays by plan, in order of time.

    Fees up front lessen the first disbursement. Penalties are left out: they are the price of being late, not of the loan.
    Raises ValidationError when nothing is disbursed.
    """
    if not disbursements:
        raise ValidationError("Nothing was disbursed, so that there is nothing to rate.")
    lent = [Flow(*disbursement) for disbursement in sorted(disbursements)]
    lent[0] = Flow(lent[0].on, lent[0].amount_minor - fees_upfront_minor)
    paid = [Flow(row.due_on, -(row.due.principal + row.due.interest + row.due.fees)) for row in rows]
    return tuple(sorted((*lent, *paid), key=lambda flow: flow.on))


def all_in_cost(disbursements: Sequence[tuple[date, int]], fees_upfront_minor: int, rows: Sequence[PlanRow]) -> AllInCost:
    """Return the items of what the loan costs. Its principal is what was disbursed; ValidationError when nothing was."""
    principal_minor = sum(amount_minor for _, amount_minor in disbursements)
    if principal_minor <= 0:
        raise ValidationError("Nothing was disbursed, so that there is nothing to rate.")
    items = (
        CostItem("interest", sum(row.due.interest for row in rows)),
        CostItem("fees", sum(row.due.fees for row in rows)),
        CostItem("fees_upfront", fees_upfront_minor),
    )
    return AllInCost(principal_minor, items)


def annualised_rate(flows: Sequence[Flow]) -> AnnualisedRate:
    """Return the annualised rate of dated flows, which may be in any order. Raises ValidationError where there is none."""
    if not flows:
        raise ValidationError("There is no rate: nothing is lent before the first payment.")
    start = min(flow.on for flow in flows)
    if _fall_on_one_day_of_the_month([flow.on for flow in flows]):
        return _annualised("month", [Point(flow.amount_minor, _months(start, flow.on)) for flow in flows])
    return _annualised("day", [Point(flow.amount_minor, (flow.on - start).days) for flow in flows])


def annualised_rate_of_months(amounts_minor: Sequence[int]) -> AnnualisedRate:
    """Return the annualised rate of amounts a month apart, the first at the start. Raises ValidationError."""
    return _annualised("month", [Point(amount_minor, month) for month, amount_minor in enumerate(amounts_minor)])


def period_rate(amounts_minor: Sequence[int]) -> Decimal:
    """Return the internal rate of return per period of amounts one period apart. Raises ValidationError."""
    return rounded(unit_rate([Point(amount_minor, period) for period, amount_minor in enumerate(amounts_minor)]))


def rounded(rate: Decimal | Fraction, places: int = RATE_PLACES) -> Decimal:
    """Return the rate to so many decimal places, half up."""
    with localcontext(_WIDE):
        exact = Decimal(rate.numerator) / rate.denominator if isinstance(rate, Fraction) else rate
        return exact.quantize(Decimal(1).scaleb(-places))


def percent(rate: Decimal, places: int = 2) -> Decimal:
    """Return the rate in per cent, to so many decimal places, half up: 0.1280376 is 12.80."""
    return rounded(rate.scaleb(2), places)


def _annualised(unit: str, points: Sequence[Point]) -> AnnualisedRate:
    rate = unit_rate(points)
    per_year = PERIODS_PER_YEAR[unit]
    with localcontext(_WIDE):
        compound = (1 + rate) ** per_year - 1
        if compound > HIGHEST_ANNUAL_RATE:
            raise ValidationError("There is no rate worth showing: it is beyond every measure.")
        return AnnualisedRate(unit, rounded(rate), rounded(rate * per_year), rounded(compound))


def _fall_on_one_day_of_the_month(dates: Sequence[date]) -> bool:
    """Whether all fall on one day of the month, or on the last of a month that is too short for it."""
    day = max(on.day for on in dates)
    return all(on.day == min(day, monthrange(on.year, on.month)[1]) for on in dates)


def _months(start: date, on: date) -> int:
    return (on.year - start.year) * 12 + on.month - start.month
