"""Plans from contracts: the rows that pay a loan back.

Amounts are whole minor units at every step: interest is rounded once a row (once for each stretch of one balance and one
rate), the instalment once, and the last row, or the first, takes what is left, so the rows always add up to the principal.
Formulas: annuity A = P * prod(1 + r_k) / f_n with f_1 = 1, f_k = 1 + f_(k-1) * (1 + r_k), which is P*i*(1+i)^n/((1+i)^n-1)
where all periods are equal (等额本息); equal principal P/n (等额本金); flat: P*R*years. Study: loan servicing §2.1-2.3.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from app.domain.calendars import Calendar, adjust
from app.domain.charges import with_fees
from app.domain.contracts import Contract, Disbursement, Method, Remainder
from app.domain.day_counts import InterestPeriod, share_of_part, share_of_year, year_days
from app.domain.errors import ValidationError
from app.domain.periods import Period, periods, step
from app.domain.plans import PlanRow
from app.domain.rounding import Rounding, divide, round_decimal
from app.domain.splits import Split

MOST_ROWS = 1200
"""A hundred years of months: a fixed instalment that needs more hardly pays its interest."""

_EXACT = Context(prec=40)


class Factor(NamedTuple):
    """A period's interest per unit of balance, as an exact ratio."""

    numerator: int
    denominator: int


class Stretch(NamedTuple):
    """A part of a row with one balance and one rate."""

    start: date
    end: date
    balance_minor: int
    interest_minor: int


class Instalment(NamedTuple):
    """One row before fees: its period, what it pays, and the balance after it."""

    period: Period
    principal_minor: int
    interest_minor: int
    balance_minor: int
    stretches: tuple[Stretch, ...] = ()


def plan_rows(contract: Contract, calendar: Calendar | None = None) -> tuple[PlanRow, ...]:
    """Return the rows of the plan, ascending by due date; row 1 is a down payment where there is one.

    `calendar` is what the contract's business-day rule moves due dates by. Raises ValidationError.
    """
    rows: list[PlanRow] = []
    for paid_out in (Disbursement(contract.starts_on, contract.principal_minor), *contract.disbursements):
        if contract.down_payment:
            down = down_payment_minor(contract, paid_out.amount_minor)
            rows.append(PlanRow(0, paid_out.on, Split(down)))
    make, split = tuple.__new__, tuple.__new__
    move = contract.business_day_rule
    for period, principal, interest, _, _ in amortise(contract):
        due_on = period.due_on if calendar is None else adjust(period.due_on, move, calendar)
        rows.append(make(PlanRow, (len(rows) + 1, due_on, split(Split, (principal, interest, 0, 0)))))
    if contract.down_payment:
        rows.sort(key=lambda row: (row.due_on, row.row_no))
        rows = [PlanRow(number, row.due_on, row.due) for number, row in enumerate(rows, start=1)]
    if contract.fees:
        return with_fees(rows, contract.fees, contract.principal_minor, contract.rounding)
    return tuple(rows)


def down_payment_minor(contract: Contract, amount_minor: int) -> int:
    """Return what of a disbursement falls due on its day."""
    share = contract.down_payment
    return divide(amount_minor * share.numerator, share.denominator, contract.rounding)


def amortise(contract: Contract) -> list[Instalment]:
    """Return the instalments in order, without down payments and before due dates move. Raises ValidationError."""
    _check(contract)
    if contract.method is Method.FLAT:
        return _flat(contract)
    return _declining(contract)


def _check(contract: Contract) -> None:
    if contract.instalments < 1 and contract.method is not Method.FIXED_INSTALMENT:
        raise ValidationError("A plan needs at least one instalment.")
    if contract.instalments > MOST_ROWS:
        raise ValidationError(f"A plan has at most {MOST_ROWS} rows.")
    if contract.principal_minor <= 0:
        raise ValidationError("A plan needs a principal above 0.")
    if contract.annual_rate < 0:
        raise ValidationError("The annual rate is negative.")
    if contract.method is not Method.FIXED_INSTALMENT and not 0 <= contract.principal_grace < contract.instalments:
        raise ValidationError("principal_grace must leave at least one row with principal.")
    if contract.interest_grace and contract.interest_grace >= contract.instalments:
        raise ValidationError("interest_grace must leave a row that collects the deferred interest.")
    if contract.method is Method.FIXED_INSTALMENT and not contract.instalment_minor:
        raise ValidationError("A fixed instalment needs instalment_minor.")


def periods_of(contract: Contract) -> Sequence[Period]:
    """Return the periods of the contract's rows; of a single payment, the one period from start to end."""
    count = contract.instalments
    if contract.method is Method.FIXED_INSTALMENT:
        count = contract.instalments or MOST_ROWS
    if contract.method is Method.SINGLE_PAYMENT and count > 1:
        due = step(contract.starts_on, contract.frequency, count)
        nominal = contract.frequency.nominal_days * count
        return (Period(InterestPeriod(contract.starts_on, due, nominal), due),)
    return periods(contract.starts_on, contract.frequency, count, contract.first_due_on, contract.day_of_month)


def rate_factor(contract: Contract, rate: Fraction, period: InterestPeriod) -> Factor:
    """Return the interest of a whole period per unit of balance."""
    share, year = share_of_year(contract.day_count, period)
    return Factor(rate.numerator * share, rate.denominator * year)


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
    if not any(factor.numerator for factor in factors):
        return _EXACT.divide(Decimal(balance_minor), Decimal(len(factors)))
    if all(factor == first for factor in factors):
        rate = _EXACT.divide(Decimal(first.numerator), Decimal(first.denominator))
        growth = _EXACT.power(1 + rate, len(factors))
        return _EXACT.divide(_EXACT.multiply(balance_minor * rate, growth), growth - 1)
    product, annuity_factor = Decimal(1), Decimal(0)
    for factor in factors:
        growth = 1 + _EXACT.divide(Decimal(factor.numerator), Decimal(factor.denominator))
        annuity_factor = _EXACT.fma(annuity_factor, growth, 1)
        product = _EXACT.multiply(product, growth)
    return _EXACT.divide(_EXACT.multiply(Decimal(balance_minor), product), annuity_factor)


# --- declining balance -------------------------------------------------------------------------------------------------


class _Change(NamedTuple):
    """Something that happens on a day inside the loan: money paid out, or another rate from then on."""

    on: date
    amount_minor: int
    annual_rate: Fraction | None


def _changes(contract: Contract) -> list[_Change]:
    share = 1 - contract.down_payment
    paid_out = [
        _Change(each.on, divide(each.amount_minor * share.numerator, share.denominator, contract.rounding), None)
        for each in contract.disbursements
    ]
    rates = [_Change(each.on, 0, each.annual_rate) for each in contract.rate_changes]
    return sorted([*paid_out, *rates], key=lambda change: change.on)


def _declining(contract: Contract) -> list[Instalment]:
    stretches = list(periods_of(contract))
    balance = contract.principal_minor - (
        down_payment_minor(contract, contract.principal_minor) if contract.down_payment else 0
    )
    rows = _run(contract, stretches, 0, balance, contract.annual_rate, ())
    rate = contract.annual_rate
    changes = _changes(contract)
    while changes:
        # All that changes within one row makes one new run from that row on.
        index = next((k for k, each in enumerate(stretches) if changes[0].on < each.interest.to_on), None)
        if index is None or changes[0].on < contract.starts_on:
            raise ValidationError(f"{changes[0].on} lies outside the loan; nothing can be paid out or change on that day.")
        ends_on = stretches[index].interest.to_on
        inside = tuple(change for change in changes if change.on < ends_on)
        changes = changes[len(inside) :]
        opening = rows[index - 1].balance_minor if index else balance
        rows[index:] = _run(contract, stretches, index, opening, rate, inside)
        rate = next((change.annual_rate for change in reversed(inside) if change.annual_rate is not None), rate)
    return _defer_interest(contract, rows)


def _run(
    contract: Contract,
    stretches: Sequence[Period],
    index: int,
    opening: int,
    rate: Fraction,
    inside: tuple[_Change, ...],
) -> list[Instalment]:
    """Return the rows from `index` on, given the balance before them and what happens inside the first of them."""
    rest = stretches[index:]
    after = next((change.annual_rate for change in reversed(inside) if change.annual_rate is not None), rate)
    free = max(contract.interest_free - index, 0)
    factors = [
        Factor(0, 1) if k < free else rate_factor(contract, after, period.interest) for k, period in enumerate(rest)
    ]
    first = _stretches(contract, rest[0].interest, opening, Fraction(0) if free else rate, inside) if inside else ()
    balance = opening + sum(change.amount_minor for change in inside)
    grace = max(contract.principal_grace - index, 0)
    if contract.method is Method.EQUAL_PRINCIPAL:
        count = len(rest) - grace
        part = divide(balance, count, contract.rounding)
        return _level_principal(contract, rest, factors, first, balance, grace, part)
    if contract.method in (Method.INTEREST_ONLY, Method.SINGLE_PAYMENT):
        return _level_principal(contract, rest, factors, first, balance, len(rest) - 1, balance)
    if contract.instalment_minor is not None:
        if contract.method is Method.FIXED_INSTALMENT:
            return _until_paid(contract, rest, factors, first, balance, contract.instalment_minor)
        return _level(contract, rest, factors, first, balance, grace, contract.instalment_minor)
    level = level_instalment(contract, balance, [period.interest for period in rest[grace:]], factors[grace:], after)
    rows = _level(contract, rest, factors, first, balance, grace, level)
    if contract.even_out:
        rows = _evened(contract, rest, factors, first, balance, grace, level, rows)
    if contract.remainder is Remainder.FIRST and len(rows) - grace > 1:
        rows = _remainder_first(contract, rest, factors, first, balance, grace, level, rows)
    return rows


def _stretches(
    contract: Contract, period: InterestPeriod, balance: int, rate: Fraction, inside: Sequence[_Change]
) -> tuple[Stretch, ...]:
    """Return the parts of one row between the changes in it, each with its own balance and rate."""
    parts: list[Stretch] = []
    start = period.from_on
    for change in (*inside, _Change(period.to_on, 0, None)):
        if change.on > start:
            share, year = share_of_part(contract.day_count, period, start, change.on)
            interest = divide(balance * rate.numerator * share, rate.denominator * year, contract.rounding)
            parts.append(Stretch(start, change.on, balance, interest))
            start = change.on
        balance += change.amount_minor
        rate = change.annual_rate if change.annual_rate is not None else rate
    return tuple(parts)


def _level(
    contract: Contract,
    stretches: Sequence[Period],
    factors: Sequence[Factor],
    first: tuple[Stretch, ...],
    balance: int,
    grace: int,
    level: int,
    first_level: int | None = None,
) -> list[Instalment]:
    """Return rows of one level instalment; the last one closes the balance."""
    rows: list[Instalment] = []
    half_even, rounding = contract.rounding is Rounding.HALF_EVEN, contract.rounding
    make, last = tuple.__new__, len(stretches) - 1
    for k, (period, (numerator, denominator)) in enumerate(zip(stretches, factors, strict=True)):
        if half_even:  # `divide` written out: this loop is most of what a plan costs
            interest, rest = divmod(balance * numerator, denominator)
            rest += rest
            if rest > denominator or (rest == denominator and interest & 1):
                interest += 1
        else:
            interest = divide(balance * numerator, denominator, rounding)
        if k == 0 and first:
            interest = sum(part.interest_minor for part in first)
        if k == last:
            principal = balance
        elif k < grace:
            principal = 0
        else:
            principal = (first_level if first_level is not None and k == grace else level) - interest
            if principal > balance:
                principal = balance
        balance -= principal
        rows.append(make(Instalment, (period, principal, interest, balance, first if k == 0 else ())))
    return rows


def _level_principal(
    contract: Contract,
    stretches: Sequence[Period],
    factors: Sequence[Factor],
    first: tuple[Stretch, ...],
    balance: int,
    grace: int,
    part: int,
) -> list[Instalment]:
    """Return rows of one level principal; the last one (or the first) takes the remainder of the division."""
    rows: list[Instalment] = []
    last = len(stretches) - 1
    spare = balance - part * (last + 1 - grace) if contract.remainder is Remainder.FIRST else 0
    for k, (period, factor) in enumerate(zip(stretches, factors, strict=True)):
        interest = divide(balance * factor.numerator, factor.denominator, contract.rounding)
        if k == 0 and first:
            interest = sum(stretch.interest_minor for stretch in first)
        principal = 0 if k < grace else min(part + (spare if k == grace else 0), balance)
        if k == last:
            principal = balance
        balance -= principal
        rows.append(Instalment(period, principal, interest, balance, first if k == 0 else ()))
    return rows


def _until_paid(
    contract: Contract,
    stretches: Sequence[Period],
    factors: Sequence[Factor],
    first: tuple[Stretch, ...],
    balance: int,
    level: int,
) -> list[Instalment]:
    """Return rows of a given instalment until nothing is left. Raises ValidationError when it does not pay the interest."""
    rows: list[Instalment] = []
    for k, (period, factor) in enumerate(zip(stretches, factors, strict=True)):
        interest = divide(balance * factor.numerator, factor.denominator, contract.rounding)
        if k == 0 and first:
            interest = sum(part.interest_minor for part in first)
        if k == len(stretches) - 1 and contract.instalments:
            principal = balance
        else:
            principal = min(level - interest, balance)
        if principal <= 0:
            raise ValidationError("The instalment does not pay the interest of its period; it must be higher.")
        balance -= principal
        rows.append(Instalment(period, principal, interest, balance, first if k == 0 else ()))
        if not balance:
            return rows
    raise ValidationError(f"The instalment needs more than {MOST_ROWS} rows; it must be higher.")


def _evened(
    contract: Contract,
    stretches: Sequence[Period],
    factors: Sequence[Factor],
    first: tuple[Stretch, ...],
    balance: int,
    grace: int,
    level: int,
    rows: list[Instalment],
) -> list[Instalment]:
    """Spread the last row's difference once; keep it only when the difference shrinks. Source: Fineract progressive loans."""
    count = len(rows) - grace
    difference = rows[-1].principal_minor + rows[-1].interest_minor - level
    if count < 2 or abs(difference) <= count // 2:
        return rows
    multiple = contract.instalment_multiple_minor
    adjusted = level + divide(difference, count * multiple, Rounding.HALF_EVEN) * multiple
    if adjusted == level:
        return rows
    better = _level(contract, stretches, factors, first, balance, grace, adjusted)
    left = better[-1].principal_minor + better[-1].interest_minor - adjusted
    return better if abs(left) < abs(difference) else rows


def _remainder_first(
    contract: Contract,
    stretches: Sequence[Period],
    factors: Sequence[Factor],
    first: tuple[Stretch, ...],
    balance: int,
    grace: int,
    level: int,
    rows: list[Instalment],
) -> list[Instalment]:
    """Move what the last row differs by into the first row that pays principal, so that all others are level.

    A unit paid that early saves its interest until the end, so the first row takes the difference discounted; rounding of
    the rows between may still leave the last one a minor unit off.
    """
    difference = rows[-1].principal_minor + rows[-1].interest_minor - level
    growth = Decimal(1)
    for factor in factors[grace + 1 :]:
        growth = _EXACT.multiply(growth, 1 + _EXACT.divide(Decimal(factor.numerator), Decimal(factor.denominator)))
    near = round_decimal(abs(difference) / growth) * (1 if difference > 0 else -1)
    tries = [
        _level(contract, stretches, factors, first, balance, grace, level, level + near + nudge)
        for nudge in (0, 1, -1, 2, -2)
    ]
    return min(tries, key=lambda found: abs(found[-1].principal_minor + found[-1].interest_minor - level))


def _defer_interest(contract: Contract, rows: list[Instalment]) -> list[Instalment]:
    """Move the interest of the grace rows into the first row after them. Source: Fineract, grace on interest payment."""
    grace = contract.interest_grace
    if not grace:
        return rows
    deferred = sum(row.interest_minor for row in rows[:grace])
    for k in range(grace):
        rows[k] = rows[k]._replace(interest_minor=0)
    rows[grace] = rows[grace]._replace(interest_minor=rows[grace].interest_minor + deferred)
    return rows


# --- flat --------------------------------------------------------------------------------------------------------------


def _flat(contract: Contract) -> list[Instalment]:
    """Interest on the first balance, period by period; the last row takes what rounding leaves of both."""
    stretches = list(periods_of(contract))
    balance = contract.principal_minor - (
        down_payment_minor(contract, contract.principal_minor) if contract.down_payment else 0
    )
    lent, grace = balance, contract.principal_grace
    exact: list[Fraction] = []
    for k, period in enumerate(stretches):
        rate = contract.annual_rate
        for change in contract.rate_changes:
            rate = change.annual_rate if change.on < period.interest.to_on else rate
        factor = rate_factor(contract, rate, period.interest) if k >= contract.interest_free else Factor(0, 1)
        exact.append(Fraction(lent * factor.numerator, factor.denominator))
    total = sum(exact, Fraction(0))
    whole = divide(total.numerator, total.denominator, contract.rounding)
    parts = [divide(each.numerator, each.denominator, contract.rounding) for each in exact]
    odd = len(parts) - 1 if contract.remainder is Remainder.LAST else contract.interest_free
    parts[odd] += whole - sum(parts)
    count = len(stretches) - grace
    rows: list[Instalment] = []
    for k, period in enumerate(stretches):
        principal = 0
        if k >= grace:
            level = contract.instalment_minor
            if level is None:
                level = round_decimal(
                    Decimal(lent) / count + _decimal(exact[k]),
                    contract.instalment_rounding,
                    contract.instalment_multiple_minor,
                )
            principal = min(level - parts[k] if k != odd else level - _round(exact[k], contract.rounding), balance)
        if k == len(stretches) - 1:
            principal = balance
        balance -= principal
        rows.append(Instalment(period, principal, parts[k], balance))
    if contract.remainder is Remainder.FIRST and count > 1:
        rows = _flat_remainder_first(rows, grace)
    return _defer_interest(contract, rows)


def _flat_remainder_first(rows: list[Instalment], grace: int) -> list[Instalment]:
    spare = rows[-1].principal_minor - rows[-2].principal_minor
    balance = sum(row.principal_minor for row in rows)
    moved: list[Instalment] = []
    for k, row in enumerate(rows):
        principal = row.principal_minor + (spare if k == grace else -spare if k == len(rows) - 1 else 0)
        balance -= principal
        moved.append(row._replace(principal_minor=principal, balance_minor=balance))
    return moved


def _decimal(exact: Fraction) -> Decimal:
    return _EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))


def _round(exact: Fraction, rounding: Rounding) -> int:
    return divide(exact.numerator, exact.denominator, rounding)
