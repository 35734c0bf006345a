"""The level instalment: what pays a balance back in equal amounts over periods that may differ in length.

A = P * prod(1 + r_k) / f_n with f_1 = 1, f_k = 1 + f_(k-1) * (1 + r_k); where all periods are equal this is
P*i*(1+i)^n / ((1+i)^n - 1) (等额本息). Worked out in forty digits and rounded once, as the contract says. Source: Fineract,
ProgressiveEMICalculator; study: loan servicing §2.1.
"""

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import gcd, prod
from typing import NamedTuple

from app.domain.contracts import Contract
from app.domain.day_counts import InterestPeriod, Share, year_days
from app.domain.rounding import round_decimal

EXACT = Context(prec=40)


class Factor(NamedTuple):
    """A period's interest per unit of balance, as an exact ratio."""

    numerator: int
    denominator: int


FREE = Factor(0, 1)
"""The factor of a period without interest."""


def rate_factors(rate: Fraction, shares: Sequence[Share]) -> list[Factor]:
    """Return the factors of periods that are these shares of a year; equal shares get one and the same factor."""
    if shares.count(shares[0]) == len(shares):
        return [_factor(rate, shares[0])] * len(shares)
    made = {share: _factor(rate, share) for share in set(shares)}
    return [made[share] for share in shares]


def _factor(rate: Fraction, share: Share) -> Factor:
    """Return the factor in lowest terms: the balance is multiplied by it in every row."""
    numerator, denominator = rate.numerator * share[0], rate.denominator * share[1]
    common = gcd(numerator, denominator)
    return Factor(numerator // common, denominator // common)


def level_instalment(
    contract: Contract, balance_minor: int, periods: Sequence[InterestPeriod], factors: Sequence[Factor], rate: Fraction
) -> int:
    """Return the level instalment that pays `balance_minor` back over these periods, rounded as the contract says."""
    if contract.level_by_nominal_days:
        year = year_days(contract.day_count, periods[0].from_on)
        factors = [
            Factor(rate.numerator * period.nominal_days, rate.denominator * year) if factor.numerator else factor
            for period, factor in zip(periods, factors, strict=True)
        ]
    exact = annuity(balance_minor, factors)
    return round_decimal(exact, contract.instalment_rounding, contract.instalment_multiple_minor)


def annuity(balance_minor: int, factors: Sequence[Factor]) -> Decimal:
    """Return the level instalment that pays `balance_minor` back over these periods, in minor units, unrounded."""
    first = factors[0]
    count = len(factors)
    if factors.count(first) == count:
        if not first.numerator:
            return EXACT.divide(Decimal(balance_minor), Decimal(count))
        rate = EXACT.divide(Decimal(first.numerator), Decimal(first.denominator))
        grown = EXACT.power(EXACT.add(1, rate), count)
        first_interest = EXACT.multiply(Decimal(balance_minor), rate)
        return EXACT.divide(EXACT.multiply(first_interest, grown), EXACT.subtract(grown, 1))
    made = {factor: growth_of(factor) for factor in set(factors)}
    growths = [made[factor] for factor in factors]
    with localcontext(EXACT):
        return balance_minor * prod(growths) / annuity_factors(growths)[-1]


def growth_of(factor: Factor) -> Decimal:
    """Return what a unit of balance grows to in a period."""
    return EXACT.add(1, EXACT.divide(Decimal(factor.numerator), Decimal(factor.denominator)))


def annuity_factors(growths: Sequence[Decimal], context: Context = EXACT) -> list[Decimal]:
    """Return f_1 .. f_n of periods that each grow a balance by 1 + r_k, in the digits of `context`."""
    factor = Decimal(1)
    found = [factor]
    with localcontext(context):  # operators cost half of what the context's methods do
        for growth in growths[1:]:
            factor = factor * growth + 1
            found.append(factor)
    return found
