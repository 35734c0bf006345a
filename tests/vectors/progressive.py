"""Progressive schedules (kind of their own): rows with the factor and interest of each part, and the factors alone."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from itertools import pairwise

from app.domain.amortisation import Instalment, amortise
from app.domain.annuities import annuity_factors
from app.domain.contracts import Contract, Disbursement, Method, RateChange
from app.domain.day_counts import InterestPeriod, days_30_360, share_of_part, share_of_year
from app.domain.errors import ValidationError
from app.domain.periods import Frequency, Unit, add_months
from app.domain.rounding import divide
from tests.vectors.fields import Fields
from tests.vectors.loans import UNITS, day_count_of, rate_of
from tests.vectors.outcomes import ChosenDifference, Malformed, Mismatch, Refused, check, day, minor

RATE_FROM_ITS_DAY = "a rate holds from its day on; the source's change counts the night before that day too"


def progressive_schedule(vector: Fields) -> None:
    loan = vector.child("loan")
    terms, digits = _contract_of(loan), int(loan.get("currency_digits", 2))
    loan.refuse_unread()
    difference: ChosenDifference | None = None
    for event in vector.children("timeline"):
        if event.get("do") == "disburse":
            paid = Disbursement(day(event["date"]), minor(event["amount"], digits))
            terms = replace(terms, disbursements=(*terms.disbursements, paid))
        elif "rate" in event.get("do", ""):
            terms = replace(terms, rate_changes=(*terms.rate_changes, _rate_change(event)))
        elif event.get("expect") == "periods" and terms.disbursements:
            try:
                _compare(terms, event.children("rows"), digits)
            except Mismatch:
                if not _agrees_a_day_earlier(terms, event, digits):
                    raise
                difference = ChosenDifference(RATE_FROM_ITS_DAY)
        else:
            raise Refused(f"{event.get('do') or event.get('expect')} in a progressive schedule")
        event.refuse_unread()
    if difference:
        raise difference


def _contract_of(loan: Fields) -> Contract:
    loan.one_of("money_rounding", {"half_even": None}, "half_even")
    spans = [(day(each["from"]), day(each["due"])) for each in loan.children("periods")]
    for number, each in enumerate(loan.children("periods"), start=1):
        if each.get("n", number) != number:
            raise Malformed(f"{each.path} is not the {number}. period")
    if not spans:
        raise Malformed("loan.periods is empty")
    frequency = Frequency(int(loan["repay_every"]), loan.one_of("repay_unit", UNITS))
    return Contract(
        Method.EQUAL_INSTALMENT,
        0,
        spans[0][0],
        len(spans),
        rate_of(loan),
        frequency,
        # Where the rows of a source do not meet, it goes by its frequency.
        due_dates=tuple(due for _, due in spans) if all(a[1] == b[0] for a, b in pairwise(spans)) else (),
        day_count=day_count_of(str(loan["days_in_month"]), str(loan["days_in_year"]), frequency.unit),
        even_out=True,
    )


def _rate_change(event: Fields) -> RateChange:
    percent = event.first_of("annual_rate_percent", "new_interest_rate", "rate_percent", "annual_rate", "rate")
    on = event.first_of("date", "from", "on", "effective_date")
    if percent is None or on is None:
        raise Malformed(f"{event.path} names no rate or no day")
    return RateChange(day(on), Fraction(str(percent)) / 100)


def _agrees_a_day_earlier(terms: Contract, event: Fields, digits: int) -> bool:
    earlier = tuple(RateChange(each.on - timedelta(days=1), each.annual_rate) for each in terms.rate_changes)
    if not earlier or min(each.on for each in earlier) < terms.starts_on:
        return False
    try:
        _compare(replace(terms, rate_changes=earlier), event.children("rows"), digits)
    except (Mismatch, ValidationError):
        return False
    return True


def _compare(terms: Contract, wanted_rows: list[Fields], digits: int) -> None:
    rows = amortise(terms)
    check("rows", len(wanted_rows), len(rows))
    for number, (wanted, row) in enumerate(zip(wanted_rows, rows, strict=True), start=1):
        check("row number", wanted["n"], number)
        _compare_row(terms, wanted, row, digits)


def _compare_row(contract: Contract, wanted: Fields, row: Instalment, digits: int) -> None:
    period, number = row.period.interest, wanted["n"]
    check(f"row {number} from", day(wanted["from"]), period.from_on)
    if contract.due_dates:
        check(f"row {number} due", day(wanted["due"]), period.to_on)
    else:
        wanted.set_aside("due")  # the rows do not meet: one of the two days is the source's own slip
    got = {
        "principal": row.principal_minor,
        "interest": row.interest_minor,
        "instalment": row.principal_minor + row.interest_minor,
        # The source counts money paid out on a due date into the balance after that row.
        "balance": row.balance_minor + sum(each.amount_minor for each in contract.disbursements if each.on == period.to_on),
    }
    for key, value in got.items():
        if key in wanted:
            check(f"row {number} {key}", minor(wanted[key], digits), value)
    if "sub_periods" not in wanted:
        return
    every = wanted.children("sub_periods")
    parts = [part for part in every if Decimal(part["rate_factor"]) or len(every) == 1]
    for part in every:
        if part not in parts:
            check(f"row {number} interest of a part without days", minor(part.get("interest"), digits), 0)
    ours = [(stretch.start, stretch.end, stretch.interest_minor) for stretch in row.stretches] or [
        (period.from_on, period.to_on, row.interest_minor)
    ]
    check(f"row {number} parts", len(parts), len(ours))
    for part, (start, end, interest) in zip(parts, ours, strict=True):
        same_digits(f"row {number} rate factor", part["rate_factor"], _factor_of_part(contract, period, start, end))
        check(f"row {number} part interest", minor(part["interest"], digits), interest)


def _factor_of_part(contract: Contract, period: InterestPeriod, start: date, end: date) -> Fraction:
    whole = (start, end) == (period.from_on, period.to_on)
    share, year = (
        share_of_year(contract.day_count, period) if whole else share_of_part(contract.day_count, period, start, end)
    )
    held = (each.annual_rate for each in reversed(contract.rate_changes) if each.on <= start)
    return next(held, contract.annual_rate) * share / year


def same_digits(what: str, wanted: str, exact: Fraction) -> None:
    """Compare to as many digits as the source shows."""
    digits = -int(Decimal(wanted).as_tuple().exponent)
    scaled = exact * 10**digits
    got = Decimal(divide(scaled.numerator, scaled.denominator)).scaleb(-digits)
    check(what, Decimal(wanted), got)


# --- factors -------------------------------------------------------------------------------------------------------------


def _factors(inputs: Fields) -> list[Fraction]:
    rate, month, year = rate_of(inputs), str(inputs["days_in_month"]), str(inputs["days_in_year"])
    stated = None
    if "repay_unit" in inputs:
        stated = Frequency(int(inputs.get("repay_every", 1)), inputs.one_of("repay_unit", UNITS))
    found = []
    for start, end in ((day(first), day(last)) for first, last in inputs["periods"]):
        frequency = stated or _frequency_of(start, end)
        day_count = day_count_of(month, year, frequency.unit)
        share, of_year = share_of_year(day_count, InterestPeriod(start, end, frequency.nominal_days))
        found.append(rate * share / of_year)
    return found


def _frequency_of(start: date, end: date) -> Frequency:
    """Return how long a period is that no frequency names: whole months where it is that, else its days of 30/360."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if months > 0 and add_months(start, months) == end:
        return Frequency(months, Unit.MONTHS)
    return Frequency(days_30_360(start, end), Unit.DAYS)


def day_count_rate_factor(inputs: Fields, expected: Fields) -> None:
    factors, wanted = _factors(inputs), expected["rate_factors"]
    check("rate factors", len(wanted), len(factors))
    for number, (text, exact) in enumerate(zip(wanted, factors, strict=True), start=1):
        same_digits(f"rate factor {number}", text, exact)


def annuity_factor(inputs: Fields, expected: Fields) -> None:
    """The source works in twelve significant digits at every step, and so does this comparison."""
    context = Context(prec=12, rounding=ROUND_HALF_EVEN)
    growths = [
        context.add(1, context.divide(Decimal(factor.numerator), Decimal(factor.denominator))) for factor in _factors(inputs)
    ]
    found = list(annuity_factors(growths, context))
    check("factors", len(expected["fn"]), len(found))
    for number, (text, value) in enumerate(zip(expected["fn"], found, strict=True), start=1):
        check(f"fn {number}", Decimal(text), value)
