"""Flat interest: on what was first lent, throughout, spread like the principal.

The whole instalment is rounded (to the contract's multiple), interest keeps minor units, and the last row, or the first,
takes what rounding leaves of both. Source: Fineract, flat loans; study: loan servicing §2.1.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from app.domain.annuities import EXACT
from app.domain.contracts import Contract, Remainder
from app.domain.day_counts import Share, share_of_part
from app.domain.level_rows import Paid
from app.domain.periods import Period
from app.domain.rounding import divide, round_decimal


def flat_rows(contract: Contract, periods: Sequence[Period], shares: Sequence[Share], lent: int) -> Paid:
    """Return what the rows of a flat loan of `lent` minor units pay."""
    exact = [
        _interest(contract, period, share, lent) if k >= contract.interest_free else Fraction(0)
        for k, (period, share) in enumerate(zip(periods, shares, strict=True))
    ]
    total = sum(exact, Fraction(0))
    rounded = [divide(each.numerator, each.denominator, contract.rounding) for each in exact]
    spare = divide(total.numerator, total.denominator, contract.rounding) - sum(rounded)
    interest = list(rounded)
    bearing = range(min(contract.interest_free, len(rounded) - 1), len(rounded))
    # What is to take off may be more than one small row has: then the next one gives the rest.
    for k in bearing if contract.remainder is Remainder.FIRST else bearing[::-1]:
        part = max(spare, -interest[k])
        interest[k] += part
        spare -= part
    principal = _principal(contract, exact, rounded, lent)
    return Paid(principal, interest)


def _interest(contract: Contract, period: Period, share: Share, lent: int) -> Fraction:
    """Return the interest of one row, in parts where a rate changes inside it; a rate holds from its day on."""
    rate, start, end = contract.annual_rate, period.interest.from_on, period.interest.to_on
    total = Fraction(0)
    for change in sorted(contract.rate_changes, key=lambda change: change.on):
        if start < change.on < end:
            total += rate * Fraction(*share_of_part(contract.day_count, period.interest, start, change.on))
            start = change.on
        if change.on < end:
            rate = change.annual_rate
    rest = share if start == period.interest.from_on else share_of_part(contract.day_count, period.interest, start, end)
    return lent * (total + rate * Fraction(*rest))


def _principal(contract: Contract, exact: Sequence[Fraction], rounded: Sequence[int], lent: int) -> list[int]:
    grace, count = contract.principal_grace, len(exact) - contract.principal_grace
    balance, principal = lent, [0] * grace
    for k in range(grace, len(exact)):
        level = contract.instalment_minor
        if level is None:
            whole = Decimal(lent) / count + EXACT.divide(Decimal(exact[k].numerator), Decimal(exact[k].denominator))
            level = round_decimal(whole, contract.instalment_rounding, contract.instalment_multiple_minor)
        part = max(min(level - rounded[k], balance), 0)
        principal.append(part)
        balance -= part
    if contract.remainder is Remainder.FIRST:
        principal[grace] += balance
    else:
        principal[-1] += balance
    return principal
