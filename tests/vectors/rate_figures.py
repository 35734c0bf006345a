"""Figures that are rates: the APR of US Regulation Z, internal rates of return, caps of law.

An APR is that of a stream: what is advanced, and payments that come `count` times, one unit apart. An odd first or final
payment that names its own day comes on top of them; one that names none takes the place of the first or the last.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.domain.apr import annual_percentage_rate
from app.domain.caps import Fixing, cap_for
from app.domain.discounting import Point, unit_rate
from app.domain.rates import Flow, annualised_rate_of_months, percent
from app.domain.unit_periods import UNITS, UnitPeriod, dates_every
from app.services.base_rates import load_fixings
from config import LPR_FILE
from tests.vectors.fields import Fields
from tests.vectors.outcomes import Malformed, Refused, check, day, minor

ADVANCE = ("advance", "advance_amount", "amount_advanced", "amount_financed", "principal", "loan_amount")
ADVANCE_DAY = ("advance_date", "advance_on", "consummation_date", "date", "start_date")
FIRST_DAY = ("first_payment_date", "first_payment_on", "first_regular_payment", "regular_first_payment")
ODD_FIRST = ("first_payment_amount", "odd_first_payment", "irregular_first_payment", "odd_first_payment_amount")
ODD_FIRST_DAY = ("odd_first_payment_date", "irregular_first_payment_date")
ODD_LAST = (
    "final_payment", "last_payment", "final_payment_amount", "last_payment_amount", "odd_final_payment", "odd_last_payment",
    "irregular_final_payment", "irregular_last_payment", "odd_final_payment_amount", "odd_last_payment_amount",
)  # fmt: skip
ODD_LAST_DAY = (
    "final_payment_date", "last_payment_date", "final_payment_on", "last_payment_on", "odd_final_payment_date",
    "odd_last_payment_date", "irregular_final_payment_date", "irregular_last_payment_date",
)  # fmt: skip
UNIT = ("unit", "unit_period", "payment_unit", "frequency", "interval", "payment_frequency")
AMOUNT = ("amount", "payment", "value")
DAY = ("date", "on", "due", "first_payment", "first", "start", "from")
UNIT_NAMES = {
    "day": "daily", "week": "weekly", "twoweeks": "biweekly fortnight fortnightly", "fourweeks": "fourweekly",
    "semimonth": "semimonthly halfmonth twicemonthly twiceamonth", "month": "monthly", "twomonths": "bimonthly",
    "quarter": "quarterly", "halfyear": "semiannual semiannually halfyearly", "year": "yearly annual annually",
}  # fmt: skip
NUMBERS = {"two": 2, "three": 3, "four": 4, "six": 6, "twelve": 12}


def unit_named(text: Any, every: int = 1) -> UnitPeriod:
    """Return the unit-period of a name such as month, monthly, 4_weeks or every two months. Raises Refused."""
    name = re.sub(r"[^a-z0-9]", "", str(text).lower()).removeprefix("every")
    number, rest = re.fullmatch(r"(\d*)(.*)", name).groups()  # type: ignore[union-attr]
    for word, value in NUMBERS.items():
        if rest.startswith(word) and rest.removeprefix(word).rstrip("s") in ("day", "week", "month"):
            number, rest = str(value), rest.removeprefix(word)
    known = {key.replace("_", ""): unit for key, unit in UNITS.items()}
    named = next((key for key, others in UNIT_NAMES.items() if rest in others.split()), rest)
    unit = known.get(named) or known.get(named.removesuffix("s"))
    if unit is None or (unit.kind == "semimonth" and (every != 1 or number)):
        raise Refused(f"an APR by the {text}")
    return UnitPeriod(unit.kind, unit.multiple * int(number or 1) * every)


# --- Regulation Z --------------------------------------------------------------------------------------------------------


def apr(inputs: Fields, expected: Fields) -> None:
    method = str(inputs.get("method", "actuarial")).lower()
    if "actuarial" not in method and "appendix j" not in method:
        raise Refused(f"an APR by the method {inputs['method']!r}")
    if any(name in inputs for name in ("odd_days", "odd_days_first_period", "first_period_odd_days", "first_period")):
        _check_percent(expected, _rate_of_unit_periods(inputs))
        return
    if not any(name in inputs for name in ("first_payment", "payments", *FIRST_DAY)):
        irr(inputs, expected)
        return
    flows = [*_advances(inputs), *(Flow(on, -amount) for on, amount in _payments(inputs))]
    _check_percent(expected, annual_percentage_rate(flows).rate)


def _check_percent(expected: Fields, rate: Decimal) -> None:
    wanted = str(expected["apr_percent"])
    places = max(-int(Decimal(wanted).as_tuple().exponent), 0)
    check("APR", Decimal(wanted), percent(rate, places))


def _advances(inputs: Fields) -> Iterator[Flow]:
    if "advances" in inputs:
        for each in inputs.children("advances"):
            yield Flow(day(each.first_of(*DAY)), minor(each.first_of("amount", "value", "advance")))
        return
    kept = minor(inputs.first_of("prepaid_finance_charge", "fee", "upfront_fee"))
    yield Flow(day(inputs.first_of(*ADVANCE_DAY)), minor(inputs.first_of(*ADVANCE)) - kept)


def _payments(inputs: Fields) -> list[tuple[date, int]]:
    if isinstance(inputs.get("payments"), list):
        return list(_listed(inputs))
    first, odd_first = inputs.first_of("first_payment", *FIRST_DAY), _odd(inputs, ODD_FIRST, ODD_FIRST_DAY)
    if isinstance(first, Fields):
        odd_first, first = _dated(first), inputs.first_of("second_payment", "second_payment_date", *FIRST_DAY)
    count = int(inputs.first_of("count", "number_of_payments", "payments", "payment_count") or 1)
    amount = minor(inputs.first_of("payment", "payment_amount", "regular_payment"))
    unit = _unit(inputs, count)
    if first is None and odd_first and odd_first[0]:
        first = dates_every(unit, odd_first[0], 2)[1].isoformat()
    paid = [(on, amount) for on in dates_every(unit, day(first), count)]
    if odd_first:
        paid = _with_odd(paid, odd_first, 0)
    odd_last = _odd(inputs, ODD_LAST, ODD_LAST_DAY)
    return _with_odd(paid, odd_last, len(paid) - 1) if odd_last else paid


def _unit(inputs: Fields, count: int) -> UnitPeriod:
    """Return how far apart payments are; of a single one it does not matter, whatever it is called."""
    name, every = inputs.first_of(*UNIT), int(inputs.first_of("every", "unit_count", "repay_every") or 1)
    if count == 1 and not any(key in inputs for key in (*ODD_FIRST, *ODD_LAST)):
        return UNITS["day"]
    return unit_named(name, every)


def _dated(odd: Fields) -> tuple[date | None, int]:
    on = odd.first_of(*DAY)
    return (day(on) if on else None, minor(odd.first_of(*AMOUNT)))


def _odd(inputs: Fields, names: tuple[str, ...], days: tuple[str, ...]) -> tuple[date | None, int] | None:
    """Return (its own day if it names one, amount) of an odd payment."""
    on = inputs.first_of(*days)
    for name in names:
        if name not in inputs:
            continue
        value = inputs[name]
        if isinstance(value, Fields):
            return _dated(value)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):  # the day of it, whose amount has another name
            on = value
            continue
        return (day(on) if on else None, minor(value))
    if on is not None:
        raise Refused(f"a payment on {on} without an amount of its own")
    return None


def _with_odd(paid: list[tuple[date, int]], odd: tuple[date | None, int], place: int) -> list[tuple[date, int]]:
    on, amount = odd
    on = on or paid[place][0]
    return sorted([*((due, each) for due, each in paid if due != on), (on, amount)])


def _listed(inputs: Fields) -> Iterator[tuple[date, int]]:
    """Yield the payments of a list, each a single one or `count` of them; one without a day follows the one before."""
    follows: date | None = None
    for each in inputs.children("payments"):
        count = int(each.first_of("count", "number", "times", "number_of_payments") or 1)
        amount, named, own = minor(each.first_of(*AMOUNT)), each.first_of(*DAY), each.first_of(*UNIT)
        unit_text = own or inputs.first_of(*UNIT)
        on = day(named or inputs.first_of("first_payment", *FIRST_DAY)) if named or follows is None else follows
        if unit_text is None and count > 1:
            raise Malformed(f"{each.path} does not say how far apart its payments are")
        unit = unit_named(unit_text) if unit_text else UNITS["day"]
        *dates, follows = dates_every(unit, on, count + 1)
        yield from ((due, amount) for due in dates)


def _rate_of_unit_periods(inputs: Fields) -> Decimal:
    """Return the APR of payments counted in unit-periods and odd days, without dates: appendix J (b)(8)."""
    unit = unit_named(inputs.first_of(*UNIT), int(inputs.first_of("every", "unit_count") or 1))
    whole = int(inputs.first_of("first_period", "first_period_units", "first_period_unit_periods") or 1)
    odd_days = int(inputs.first_of("odd_days", "odd_days_first_period", "first_period_odd_days") or 0)
    part = Fraction(odd_days, unit.length_days)
    count, amount = int(inputs.first_of("count", "number_of_payments")), minor(inputs.first_of("payment", "payment_amount"))
    amounts = [amount] * count
    for names, place in ((ODD_FIRST, 0), (ODD_LAST, -1)):
        odd = _odd(inputs, names, ())
        if odd:
            amounts[place] = odd[1]
    points = [Point(-each, whole + k, part) for k, each in enumerate(amounts)]
    rate = unit_rate([Point(minor(inputs.first_of(*ADVANCE)), 0), *points])
    return rate * unit.per_year.numerator / unit.per_year.denominator


# --- rates of return -----------------------------------------------------------------------------------------------------


def _named(inputs: Fields, *words: str) -> Any:
    """Return the first input whose name has one of these words in it; sources differ in what they call a thing."""
    return next((inputs[key] for word in words for key in inputs if word in key), None)


def irr(inputs: Fields, expected: Fields) -> None:
    """Level payments after an advance, less what is kept of it at the start: the period's rate, simple and compound."""
    principal = _named(inputs, "principal", "advance", "loan_amount", "amount")
    kept = inputs.first_of("fee", "fees", "upfront_fee", "fee_upfront", "fees_upfront", "fee_amount") or "0"
    payment = _named(inputs, "payment", "instalment", "installment")
    count = _named(inputs, "count", "number_of", "periods", "months", "terms")
    if principal is None or payment is None or count is None:
        raise Refused(f"a rate of {', '.join(sorted(inputs))}")
    if isinstance(payment, list):
        raise Refused("a rate of payments that differ")
    scale = Fraction(str(principal)) - Fraction(str(kept))
    amounts = [int(scale * 10**4), *[-int(Fraction(str(payment)) * 10**4)] * int(count)]
    found = annualised_rate_of_months(amounts)
    values = {"simple": found.simple, "compound": found.compound, "effective": found.compound}
    values |= dict.fromkeys(("period", "month", "irr"), found.period_rate)
    for key in expected:
        name = next((name for name in values if name in key), None)
        if name is not None and "percent" in key:
            wanted = Decimal(str(expected[key]))
            check(key, wanted, percent(values[name], -int(wanted.as_tuple().exponent)))


def rate_cap(inputs: Fields, expected: Fields) -> None:
    """Four times the one-year LPR: of a rate that is given, or of the one that held on a day."""
    if Decimal(str(inputs.get("multiple", 4))) != 4:
        raise Refused(f"a cap of {inputs['multiple']} times the LPR")
    lpr = _named(inputs, "lpr")
    signed = next((inputs[key] for key in inputs if "sign" in key or "date" in key or key.endswith("_on")), None)
    table = load_fixings(LPR_FILE)
    if lpr is not None:
        on = day(signed) if signed else date(2021, 1, 1)
        table = (Fixing(on, Decimal(str(lpr)) / 100, Decimal(str(lpr)) / 100),)
        signed = on.isoformat()
    if signed is None:
        raise Refused(f"a cap of {', '.join(sorted(inputs))}")
    kind = inputs.first_of("licence_kind", "lender_kind") or "private_lender"
    found = cap_for("CN", "private_lender" if kind in ("private", "private_lending") else kind, day(signed), table)
    for key in expected:
        if "percent" in key and "cap" in key and found.annual_rate is not None:
            check(key, Decimal(str(expected[key])), found.annual_rate * 100)
        elif key in ("status", "cap_status"):
            check(key, expected[key], found.status)
