"""Figures of whole plans: instalments, rows, totals and due dates that follow from a few inputs."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from app.domain.amortisation import amortise
from app.domain.annuities import annuity, rate_factors
from app.domain.contracts import Contract, Method
from app.domain.day_counts import share_of_year
from app.domain.periods import DayOfMonth, Frequency, on_day_of_month, periods, step
from app.domain.rounding import Rounding, divide
from tests.vectors.fields import Fields
from tests.vectors.loans import rate_of
from tests.vectors.outcomes import ChosenDifference, Mismatch, Refused, check, check_one_of, day, minor

START = date(2023, 1, 1)
TINY = 10**8
"""A plan in units so small that rounding a row does not show."""
FRACTIONS_KEPT = "rows are whole minor units; the source keeps fractions in its rows and rounds what it shows"


class Row(NamedTuple):
    """What a row pays, in minor units."""

    principal: int
    interest: int
    balance: int


def rows_of(contract: Contract) -> list[Row]:
    return [Row(row.principal_minor, row.interest_minor, row.balance_minor) for row in amortise(contract)]


def whole(minor_amount: int) -> str:
    """Return minor units rounded to whole units, as the sources that show whole units do."""
    return str(divide(minor_amount, 100, Rounding.HALF_UP))


def instalment_rounding(inputs: Fields) -> tuple[Rounding, int]:
    """Return how an instalment is rounded, and to which multiple in minor units."""
    named = {"ceiling to whole unit": (Rounding.UP, 100), "none": (Rounding.HALF_EVEN, 1)}
    return inputs.one_of("instalment_rounding", named, "none")


def _monthly_twelfths(inputs: Fields) -> None:
    if inputs.get("period_rate", "annual/12") != "annual/12":
        raise Refused(f"period rate {inputs['period_rate']}")


def schedule(inputs: Fields, expected: Fields) -> None:
    _monthly_twelfths(inputs)
    rounding, multiple = instalment_rounding(inputs)
    units = {"none; compared after rounding to 0 digits": 100, "each row to whole units": 1}
    unit = inputs.one_of("row_rounding", units, "none; compared after rounding to 0 digits")
    contract = Contract(
        Method.EQUAL_INSTALMENT,
        minor(inputs["principal"]) * unit // 100,
        START,
        int(inputs["number_of_repayments"]),
        rate_of(inputs),
        instalment_rounding=rounding,
        instalment_multiple_minor=max(multiple * unit // 100, 1),
    )
    rows = [Row(*(amount * 100 // unit for amount in row)) for row in rows_of(contract)]
    if "instalment" in expected:
        check("instalment", minor(expected["instalment"]), rows[0].principal + rows[0].interest)
    _totals(expected, rows)
    for wanted in expected.children("rows") if "rows" in expected else ():
        number = wanted["n"]
        for key, amount in _row(rows, number)._asdict().items():
            if key in wanted:
                check(f"row {number} {key}", str(wanted[key]), whole(amount))


def _row(rows: list[Row], number: int) -> Row:
    if not 1 <= number <= len(rows):
        raise Mismatch(f"row {number}: the plan has {len(rows)}")
    return rows[number - 1]


def _totals(expected: Fields, rows: Iterable[Row]) -> None:
    interest = sum(row.interest for row in rows)
    if "total_interest_rounded" in expected:
        check("total interest", expected["total_interest_rounded"], whole(interest))
    if "total_payment_rounded" in expected:
        check("total payment", expected["total_payment_rounded"], whole(interest + sum(row.principal for row in rows)))


def schedule_fixed_instalment(inputs: Fields, expected: Fields) -> None:
    _monthly_twelfths(inputs)
    contract = Contract(
        Method.FIXED_INSTALMENT,
        minor(inputs["principal"]),
        START,
        0,
        rate_of(inputs),
        instalment_minor=minor(inputs["fixed_instalment"]),
    )
    rows = rows_of(contract)
    check("rows", int(expected["number_of_repayments"]), len(rows))
    _totals(expected, rows)


# --- published calculators -----------------------------------------------------------------------------------------------


def schedule_summary(inputs: Fields, expected: Fields) -> None:
    """Published calculators round half up, and state their rows' sum, the rounded instalment times n, or the exact sum."""
    _monthly_twelfths(inputs)
    method = _method(inputs, expected)
    principal, count = minor(inputs["principal"]), int(inputs["number_of_repayments"])
    half_up = Rounding.HALF_UP
    contract = Contract(method, principal, START, count, rate_of(inputs), rounding=half_up, instalment_rounding=half_up)
    try:
        _summary(contract, rows_of(contract), expected)
    except Mismatch:
        if not _keeps_fractions(contract, expected):
            raise
        raise ChosenDifference(FRACTIONS_KEPT) from None


def _method(inputs: Fields, expected: Fields) -> Method:
    named = str(expected.first_of("method") or inputs.first_of("method") or "equal instalment").lower()
    if "等额本金" in named or ("equal principal" in named and "interest" not in named):
        return Method.EQUAL_PRINCIPAL
    if "等额本息" in named or any(word in named for word in ("instalment", "installment", "annuity", "equal payment")):
        return Method.EQUAL_INSTALMENT
    raise Refused(f"the method {named!r}")


def _keeps_fractions(contract: Contract, expected: Fields) -> bool:
    """Whether all figures are those of rows that keep fractions, after an instalment that does so too or is rounded."""
    for multiple in (1, TINY):
        fine = replace(contract, principal_minor=contract.principal_minor * TINY, instalment_multiple_minor=multiple)
        exact = rows_of(fine)
        shown = [Row(*(divide(amount, TINY, Rounding.HALF_UP) for amount in row)) for row in exact]
        # What a row pays is rounded as one amount, not as the sum of two.
        dues = [divide(row.principal + row.interest, TINY, Rounding.HALF_UP) for row in exact]
        try:
            _summary(contract, shown, expected, dues)
        except Mismatch:
            continue
        return True
    return False


def _summary(contract: Contract, rows: list[Row], expected: Fields, dues: list[int] | None = None) -> None:
    dues = dues or [row.principal + row.interest for row in rows]
    drop = contract.principal_minor * contract.annual_rate / 12 / contract.instalments
    decrease = {divide(drop.numerator, drop.denominator, Rounding.HALF_UP)}
    decrease |= {dues[0] - dues[1]} if len(dues) > 1 else set()
    sums = _interest_sums(contract, dues)
    figures: dict[str, set[int]] = {
        "total_interest": sums,
        "total_payment": {contract.principal_minor + each for each in sums},
    }
    names = {
        "instalment first_instalment first_payment": {dues[0]},
        "last_instalment last_payment": {dues[-1]},
        "monthly_principal principal_per_row": {rows[0].principal},
        "monthly_decrease decrease decrease_per_row": decrease,
    }
    figures |= {name: values for alike, values in names.items() for name in alike.split()}
    for key, values in figures.items():
        if key in expected:
            check_one_of(key, minor(expected[key]), values)
    for wanted in expected.children("rows") if "rows" in expected else ():
        number = wanted["n"]
        got = _row(rows, number)._asdict() | dict.fromkeys(("due", "payment", "instalment"), dues[number - 1])
        for key, amount in got.items():
            if key in wanted:
                check(f"row {number} {key}", minor(wanted[key]), amount)


def _interest_sums(contract: Contract, dues: list[int]) -> set[int]:
    """Return the total interest: of the rows, and as calculators state it (docs/kernel-choices.md)."""
    principal, count, rate = contract.principal_minor, contract.instalments, contract.annual_rate
    if contract.method is Method.EQUAL_PRINCIPAL:
        exact = principal * rate / 12 * (count + 1) / 2
        return {sum(dues) - principal, divide(exact.numerator, exact.denominator, Rounding.HALF_UP)}
    (factor,) = rate_factors(rate, [share_of_year(contract.day_count, amortise(contract)[0].period.interest)])
    unrounded = annuity(principal, [factor] * count) * count - principal
    return {sum(dues) - principal, dues[0] * count - principal, int(unrounded.to_integral_value("ROUND_HALF_UP"))}


def instalment_rounding_defect(inputs: Fields, expected: Fields) -> None:
    count = int(inputs["number_of_repayments"])
    contract = Contract(Method.EQUAL_INSTALMENT, minor(inputs["principal"]), START, count, rate_of(inputs))
    rows = rows_of(contract)
    check("instalment", minor(expected["exact_instalment_2dp"]), rows[0].principal + rows[0].interest)
    check("rows", int(expected["rows_wanted"]), len(rows))
    up = replace(contract, instalment_rounding=Rounding.UP, instalment_multiple_minor=100)
    ceiled = rows_of(up)
    check("rows with the instalment rounded up", int(expected["rows_wanted"]), len(ceiled))
    check("ceiled instalment", minor(expected["ceiled_instalment"]), ceiled[0].principal + ceiled[0].interest)
    left_key = next((key for key in expected if key.startswith("balance_after_") and key.endswith("_unrounded")), None)
    if left_key:
        fine = replace(up, principal_minor=contract.principal_minor * TINY, instalment_multiple_minor=100 * TINY)
        left = Fraction(rows_of(fine)[-1].principal, TINY)
        check("left for the last row", f"balance_after_{count - 1}_ceiled_rows_unrounded", left_key)
        check("left for the last row", minor(expected[left_key]), round(left))


def schedule_dates(inputs: Fields, expected: Fields) -> None:
    rules = {
        "same_day_each_month": DayOfMonth.SAME,
        "first_of_next_month": DayOfMonth.FIRST_OF_NEXT,
        "month_end": DayOfMonth.MONTH_END,
    }
    inputs.set_aside("principal", "annual_rate_percent")  # dates do not depend on them
    start, count = day(inputs["start"]), int(inputs["number_of_repayments"])
    for name, rule in rules.items():
        if name not in expected:
            continue
        first = on_day_of_month(start, rule)
        found = [period.due_on for period in periods(step(first, Frequency(), -1), Frequency(), count, first, rule)]
        wanted = expected.child(name)
        for key, place in {"first": 0, "second": 1, "third": 2, "last": -1}.items():
            if key in wanted:
                check(f"{name} {key}", day(wanted[key]), found[place])
