"""Rows on a declining balance: what each pays of principal and interest, in whole minor units.

Interest is rounded once a row (once for each stretch of one balance and one rate), and the last row, or the first, takes
what rounding leaves, so the rows always add up to the balance. Sources: Fineract and the study, loan servicing §2.1-2.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from app.domain.annuities import EXACT, FREE, Factor, growth_of, level_instalment, rate_factors
from app.domain.contracts import Contract, Method, Remainder, refused
from app.domain.day_counts import InterestPeriod, Share, share_of_part
from app.domain.errors import ValidationError
from app.domain.periods import Period
from app.domain.rounding import Rounding, divide, round_decimal

MOST_ROWS = 1200
"""A hundred years of months: a fixed instalment that needs more hardly pays its interest."""


class Stretch(NamedTuple):
    """A part of a row with one balance and one rate."""

    start: date
    end: date
    balance_minor: int
    interest_minor: int


class Change(NamedTuple):
    """Something that happens on a day inside the loan: money paid out, or another rate from then on."""

    on: date
    amount_minor: int
    annual_rate: Fraction | None


class Paid(NamedTuple):
    """What rows pay, in order: principal and interest of each."""

    principal: list[int]
    interest: list[int]


@dataclass(frozen=True, slots=True)
class Run:
    """Rows to be worked out together: from one change of the loan to its end."""

    contract: Contract
    periods: Sequence[Period]
    factors: Sequence[Factor]
    balance_minor: int
    """Before the first row, with what is paid out in it."""
    grace: int
    """How many of these rows pay no principal."""
    rate: Fraction
    stretches: tuple[Stretch, ...] = ()
    """The parts of the first row, where something changes inside it."""

    def rows(self) -> Paid:
        """Return what the rows pay, by the contract's method. Raises ValidationError."""
        contract = self.contract
        if contract.method is Method.EQUAL_PRINCIPAL:
            part = divide(self.balance_minor, len(self.periods) - self.grace, contract.rounding)
            return self._level_principal(self.grace, part)
        if contract.method in (Method.INTEREST_ONLY, Method.SINGLE_PAYMENT):
            return self._level_principal(len(self.periods) - 1, self.balance_minor)
        if contract.instalment_minor is not None:
            if contract.method is Method.FIXED_INSTALMENT:
                return self._until_paid(contract.instalment_minor)
            return self._level(contract.instalment_minor)
        level, paid = self.level_and_rows()
        if contract.remainder is Remainder.FIRST and len(self.periods) - self.grace > 1:
            paid = self._remainder_first(level, paid)
        return paid

    def level_and_rows(self) -> tuple[int, Paid]:
        """Return the level instalment, evened out where the contract says so, and the rows whose last one closes."""
        contract, grace = self.contract, self.grace
        interest = [period.interest for period in self.periods[grace:]] if contract.level_by_nominal_days else ()
        level = level_instalment(
            contract, self.balance_minor, interest, self.factors[grace:] if grace else self.factors, self.rate
        )
        paid = self._level(level)
        return self._evened(level, paid) if contract.even_out else (level, paid)

    def _first_interest(self) -> int:
        return sum(stretch.interest_minor for stretch in self.stretches)

    def _level(self, level: int, first_level: int | None = None) -> Paid:
        """Rows of one level instalment; the last one closes the balance."""
        alike = self.factors.count(self.factors[0]) == len(self.factors)
        if alike and not self.grace and not self.stretches and first_level is None:
            paid = self._level_alike(level)
            if paid is not None:
                return paid
        balance, grace, rounding = self.balance_minor, self.grace, self.contract.rounding
        principals: list[int] = []
        interests: list[int] = []
        for k, (numerator, denominator) in enumerate(self.factors):
            interest = divide(balance * numerator, denominator, rounding)
            if k == 0 and self.stretches:
                interest = self._first_interest()
            wanted = first_level if first_level is not None and k == grace else level
            principal = 0 if k < grace else max(min(wanted - interest, balance), 0)
            balance -= principal
            principals.append(principal)
            interests.append(interest)
        principals[-1] += balance
        return Paid(principals, interests)

    def _level_alike(self, level: int) -> Paid | None:
        """The same for equal periods and rounding half to even; None when it does not fit.

        Interest falls by the interest on the principal that the row before paid, so principal grows by just that. With the
        rest of each division carried on, every row still is the exact interest of its balance, rounded once; only the
        numbers are small. This loop is much of what a plan costs: bench/kernel.py measures it.
        """
        if self.contract.rounding is not Rounding.HALF_EVEN:
            return None
        numerator, denominator = self.factors[0]
        if denominator & 1:  # made even, so that its half is whole
            numerator, denominator = 2 * numerator, 2 * denominator
        exact = level * denominator - self.balance_minor * numerator
        principal, rest = divmod(exact + denominator // 2, denominator)
        principals: list[int] = []
        for _ in self.factors:
            if not rest and (level - principal) & 1:  # interest exactly between two: to the even one
                principal, rest = principal - 1, denominator
            principals.append(principal)
            rest += principal * numerator
            principal += rest // denominator
            rest %= denominator
        interests = [level - principal for principal in principals]
        principals[-1] += self.balance_minor - sum(principals)
        # Below zero once, the balance falls for good: then the instalment pays the loan back before its last row. And an
        # instalment that does not pay the first interest pays no later one.
        return Paid(principals, interests) if principals[-1] >= 0 and principals[0] >= 0 else None

    def _level_principal(self, grace: int, part: int) -> Paid:
        """Rows of one level principal; the last one (or the first) takes the remainder of the division."""
        balance, last = self.balance_minor, len(self.periods) - 1
        spare = balance - part * (last + 1 - grace) if self.contract.remainder is Remainder.FIRST else 0
        paid = Paid([], [])
        for k, factor in enumerate(self.factors):
            interest = divide(balance * factor.numerator, factor.denominator, self.contract.rounding)
            principal = 0 if k < grace else max(min(part + (spare if k == grace else 0), balance), 0)
            if k == last:
                principal = balance
            balance -= principal
            paid.principal.append(principal)
            paid.interest.append(self._first_interest() if k == 0 and self.stretches else interest)
        return paid

    def _until_paid(self, level: int) -> Paid:
        """Rows of a given instalment until nothing is left. Raises ValidationError when it does not pay the interest."""
        balance, paid = self.balance_minor, Paid([], [])
        for k, factor in enumerate(self.factors):
            interest = divide(balance * factor.numerator, factor.denominator, self.contract.rounding)
            if k == 0 and self.stretches:
                interest = self._first_interest()
            closes = k == len(self.factors) - 1 and self.contract.instalments
            principal = balance if closes else min(level - interest, balance)
            if principal <= 0:
                raise _too_low("The instalment does not pay the interest of its period; it must be higher.")
            balance -= principal
            paid.principal.append(principal)
            paid.interest.append(interest)
            if not balance:
                return paid
        raise _too_low(f"The instalment needs more than {MOST_ROWS} rows; it must be higher.")

    def _evened(self, level: int, paid: Paid) -> tuple[int, Paid]:
        """Spread the last row's difference once; keep it only when the difference shrinks.

        Source: Fineract, ProgressiveEMICalculator: only a difference of more than half a minor unit a row is worth it.
        """
        count = len(self.periods) - self.grace
        difference = paid.principal[-1] + paid.interest[-1] - level
        if count < 2 or abs(difference) <= count // 2:
            return level, paid
        multiple = self.contract.instalment_multiple_minor
        adjusted = level + divide(difference, count * multiple) * multiple
        if adjusted == level:
            return level, paid
        better = self._level(adjusted)
        left = better.principal[-1] + better.interest[-1] - adjusted
        return (adjusted, better) if abs(left) < abs(difference) else (level, paid)

    def _remainder_first(self, level: int, paid: Paid) -> Paid:
        """Move what the last row differs by into the first row that pays principal, so that all others are level.

        A unit paid that early saves its interest until the end, so the first row takes the difference discounted. The rows
        between round, so the last one may still be off, by less than half a minor unit a row.
        """
        difference = paid.principal[-1] + paid.interest[-1] - level
        growth = Decimal(1)
        for factor in self.factors[self.grace + 1 :]:
            growth = EXACT.multiply(growth, growth_of(factor))
        near = round_decimal(abs(difference) / growth) * (1 if difference > 0 else -1)
        tries = [self._level(level, level + near + nudge) for nudge in (0, 1, -1, 2, -2)]
        return min(tries, key=lambda found: abs(found.principal[-1] + found.interest[-1] - level))


def _too_low(detail: str) -> ValidationError:
    return refused("instalment_minor", detail)


def run_from(
    contract: Contract,
    periods: Sequence[Period],
    shares: Sequence[Share],
    index: int,
    opening: int,
    rate: Fraction,
    inside: Sequence[Change] = (),
) -> Run:
    """Return the run of the rows from `index` on, given the balance before them and what happens inside the first."""
    after = next((change.annual_rate for change in reversed(inside) if change.annual_rate is not None), rate)
    factors = rate_factors(after, shares[index:] if index else shares)
    free = min(max(contract.interest_free - index, 0), len(factors))
    factors[:free] = [FREE] * free
    stretches: tuple[Stretch, ...] = ()
    if inside:
        parts = [change._replace(annual_rate=None) for change in inside] if free else inside
        stretches = stretches_of(contract, periods[index].interest, opening, Fraction(0) if free else rate, parts)
    return Run(
        contract,
        periods[index:] if index else periods,
        factors,
        opening + sum(change.amount_minor for change in inside),
        max(contract.principal_grace - index, 0),
        after,
        stretches,
    )


def stretches_of(
    contract: Contract, period: InterestPeriod, balance: int, rate: Fraction, inside: Sequence[Change]
) -> tuple[Stretch, ...]:
    """Return the parts of one row between the changes in it, each with its own balance and rate."""
    parts: list[Stretch] = []
    start = period.from_on
    for change in (*inside, Change(period.to_on, 0, None)):
        if change.on > start:
            share, year = share_of_part(contract.day_count, period, start, change.on)
            interest = divide(balance * rate.numerator * share, rate.denominator * year, contract.rounding)
            parts.append(Stretch(start, change.on, balance, interest))
            start = change.on
        balance += change.amount_minor
        rate = change.annual_rate if change.annual_rate is not None else rate
    return tuple(parts)
