"""Vectors that stand alone: inputs and the figures expected of them, one function a kind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from app.domain.allocation import STRATEGIES
from app.domain.amortisation import amortise, plan_rows
from app.domain.annuities import annuity, annuity_factors, rate_factor
from app.domain.apr import apr_of_stream
from app.domain.caps import Fixing, cap_for
from app.domain.collateral import shortfall_minor
from app.domain.contracts import Contract, Disbursement, Method, Prepayment, RateChange
from app.domain.day_counts import DayCount, InterestPeriod, share_of_part, share_of_year
from app.domain.delinquency import RULES, DelinquencyRule, Late, class_of, days_in_arrears, days_past_due, standing_class
from app.domain.late_charges import LateTerms, days_charged, late_interest
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.periods import DayOfMonth, Frequency, Unit, on_day_of_month, periods, step
from app.domain.plans import PlanRow
from app.domain.quotes import pay_off
from app.domain.rates import annualised_rate_of_months, percent
from app.domain.replay import allocate
from app.domain.rounding import Rounding, divide
from app.domain.splits import Split
from app.domain.terms import LoanTerms
from app.domain.unit_periods import UNITS as UNIT_PERIODS
from app.services.base_rates import load_fixings
from config import LPR_FILE
from tests.vectors.loans import UNITS, day_count_of
from tests.vectors.outcomes import Mismatch, Refused, check, day, minor

AT = datetime(2000, 1, 1, tzinfo=UTC)
START = date(2023, 1, 1)


def _rate(inputs: dict[str, Any]) -> Fraction:
    if "annual_rate_fraction" in inputs:
        return Fraction(str(inputs["annual_rate_fraction"]))
    return Fraction(str(inputs.get("annual_rate_percent") or 0)) / 100


def _whole(minor_amount: int) -> str:
    """Return minor units rounded to whole units, as the sources that show whole units do."""
    return str(divide(minor_amount, 100, Rounding.HALF_UP))


def _entry(amount: int, on: date) -> LedgerEntry:
    return LedgerEntry(f"e{on}", EntryKind.REPAYMENT, amount, on, AT)


# --- plans ---------------------------------------------------------------------------------------------------------------


def schedule(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    if "ceiling" not in inputs.get("instalment_rounding", "ceiling"):
        raise Refused(f"instalment rounding {inputs['instalment_rounding']!r}")
    up = "instalment_rounding" in inputs
    contract = Contract(
        Method.EQUAL_INSTALMENT,
        minor(inputs["principal"]),
        START,
        int(inputs["number_of_repayments"]),
        _rate(inputs),
        instalment_rounding=Rounding.UP if up else Rounding.HALF_EVEN,
        instalment_multiple_minor=100 if up else 1,
    )
    rows = amortise(contract)
    if "instalment" in expected:
        check("instalment", minor(expected["instalment"]), rows[0].principal_minor + rows[0].interest_minor)
    _totals(expected, [(row.principal_minor, row.interest_minor) for row in rows])
    for wanted in expected.get("rows", ()):
        row = rows[wanted["n"] - 1]
        got = {"principal": row.principal_minor, "interest": row.interest_minor, "balance": row.balance_minor}
        for key in ("principal", "interest", "balance"):
            check(f"row {wanted['n']} {key}", wanted[key], _whole(got[key]))


def _totals(expected: dict[str, Any], rows: list[tuple[int, int]]) -> None:
    interest = sum(row[1] for row in rows)
    if "total_interest_rounded" in expected:
        check("total interest", expected["total_interest_rounded"], _whole(interest))
    if "total_payment_rounded" in expected:
        check("total payment", expected["total_payment_rounded"], _whole(interest + sum(row[0] for row in rows)))


def schedule_fixed_instalment(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    contract = Contract(
        Method.FIXED_INSTALMENT,
        minor(inputs["principal"]),
        START,
        0,
        _rate(inputs),
        instalment_minor=minor(inputs["fixed_instalment"]),
    )
    rows = amortise(contract)
    check("rows", int(expected["number_of_repayments"]), len(rows))
    _totals(expected, [(row.principal_minor, row.interest_minor) for row in rows])


def schedule_summary(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    """Published calculators round half up, and state their rows' sum, the rounded instalment times n, or the exact sum."""
    if inputs.get("period_rate", "annual/12") != "annual/12":
        raise Refused(f"period rate {inputs['period_rate']}")
    level_principal = "principal" in expected.get("method", "").lower() or "等额本金" in expected.get("method", "")
    principal, count, rate = minor(inputs["principal"]), int(inputs["number_of_repayments"]), _rate(inputs)
    method = Method.EQUAL_PRINCIPAL if level_principal else Method.EQUAL_INSTALMENT
    rounding = Rounding.HALF_UP
    contract = Contract(method, principal, START, count, rate, rounding=rounding, instalment_rounding=rounding)
    rows = amortise(contract)
    dues = [row.principal_minor + row.interest_minor for row in rows]
    if level_principal:
        exact = principal * rate / 12 * (count + 1) / 2
        sums = {sum(dues) - principal, divide(exact.numerator, exact.denominator, rounding)}
    else:
        factor = rate_factor(contract, rate, rows[0].period.interest)
        unrounded = annuity(principal, [factor] * count) * count - principal
        sums = {sum(dues) - principal, dues[0] * count - principal, int(unrounded.to_integral_value("ROUND_HALF_UP"))}
    drop = principal * rate / 12 / count
    figures = {
        "instalment": {dues[0]},
        "first_instalment": {dues[0]},
        "first_payment": {dues[0]},
        "last_instalment": {dues[-1]},
        "last_payment": {dues[-1]},
        "monthly_principal": {rows[0].principal_minor},
        "principal_per_row": {rows[0].principal_minor},
        "total_interest": sums,
        "total_payment": {principal + each for each in sums},
        "monthly_decrease": {divide(drop.numerator, drop.denominator, rounding), dues[0] - dues[1]},
        "decrease": {divide(drop.numerator, drop.denominator, rounding), dues[0] - dues[1]},
        "decrease_per_row": {divide(drop.numerator, drop.denominator, rounding), dues[0] - dues[1]},
    }
    unknown = set(expected) - set(figures) - {"method", "rows"}
    if unknown:
        raise Refused(f"figures of a summary: {', '.join(sorted(unknown))}")
    for key, values in figures.items():
        if key in expected and minor(expected[key]) not in values:
            raise Mismatch(f"{key}: wanted {expected[key]}, got {sorted(values)} minor units")
    for wanted in expected.get("rows", ()):
        row = rows[wanted["n"] - 1]
        got = {"principal": row.principal_minor, "interest": row.interest_minor, "balance": row.balance_minor}
        got |= {"due": dues[wanted["n"] - 1], "payment": dues[wanted["n"] - 1], "instalment": dues[wanted["n"] - 1]}
        for key in set(wanted) - {"n"}:
            check(f"row {wanted['n']} {key}", minor(wanted[key]), got[key])


def instalment_rounding_defect(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    count = int(inputs["number_of_repayments"])
    contract = Contract(Method.EQUAL_INSTALMENT, minor(inputs["principal"]), START, count, _rate(inputs))
    rows = amortise(contract)
    check("instalment", minor(expected["exact_instalment_2dp"]), rows[0].principal_minor + rows[0].interest_minor)
    check("rows", int(expected["rows_wanted"]), len(rows))
    up = replace(contract, instalment_rounding=Rounding.UP, instalment_multiple_minor=100)
    ceiled = amortise(up)
    check("rows with the instalment rounded up", int(expected["rows_wanted"]), len(ceiled))
    check("ceiled instalment", minor(expected["ceiled_instalment"]), ceiled[0].principal_minor + ceiled[0].interest_minor)
    # Unrounded: the same plan in units so small that rounding a row does not show.
    tiny = 10**8
    fine = replace(up, principal_minor=minor(inputs["principal"]) * tiny, instalment_multiple_minor=100 * tiny)
    left = Fraction(amortise(fine)[-1].principal_minor, tiny)
    check("left for the last row", minor(expected["balance_after_11_ceiled_rows_unrounded"]), round(left))


def schedule_dates(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    rules = {
        "same_day_each_month": DayOfMonth.SAME,
        "first_of_next_month": DayOfMonth.FIRST_OF_NEXT,
        "month_end": DayOfMonth.MONTH_END,
    }
    start, count = day(inputs["start"]), int(inputs["number_of_repayments"])
    for name, wanted in expected.items():
        if name not in rules:
            raise Refused(f"dates by the rule {name}")
        first = on_day_of_month(start, rules[name])
        found = [period.due_on for period in periods(step(first, Frequency(), -1), Frequency(), count, first, rules[name])]
        places = {"first": 0, "second": 1, "third": 2, "last": -1}
        check(name, {key: day(value) for key, value in wanted.items()}, {key: found[places[key]] for key in wanted})


def progressive_schedule(vector: dict[str, Any]) -> None:
    loan = vector["loan"]
    spans = [(day(each["from"]), day(each["due"])) for each in loan["periods"]]
    frequency = Frequency(int(loan["repay_every"]), UNITS[loan["repay_unit"]])
    day_count = day_count_of(str(loan["days_in_month"]), str(loan["days_in_year"]))
    if frequency.unit in (Unit.DAYS, Unit.WEEKS) and day_count is DayCount.THIRTY_360:
        day_count = DayCount.ACTUAL_360
    terms = Contract(
        Method.EQUAL_INSTALMENT,
        0,
        spans[0][0],
        len(spans),
        Fraction(str(loan["annual_rate_percent"])) / 100,
        frequency,
        # Where the rows of a source do not meet, it goes by its frequency.
        due_dates=tuple(due for _, due in spans) if all(a[1] == b[0] for a, b in pairwise(spans)) else (),
        day_count=day_count,
        even_out=True,
    )
    for event in vector["timeline"]:
        done = event.get("do", "")
        if done == "disburse":
            paid = Disbursement(day(event["date"]), minor(event["amount"], loan.get("currency_digits", 2)))
            terms = replace(terms, disbursements=(*terms.disbursements, paid))
        elif "rate" in done:
            percent_now = next(value for key, value in event.items() if key != "do" and ("rate" in key or "percent" in key))
            change = RateChange(day(event.get("date") or event["from"]), Fraction(str(percent_now)) / 100)
            terms = replace(terms, rate_changes=(*terms.rate_changes, change))
        elif event.get("expect") == "periods" and terms.disbursements:
            rows = amortise(terms)
            check("rows", len(event["rows"]), len(rows))
            for wanted, row in zip(event["rows"], rows, strict=True):
                _progressive_row(terms, wanted, row)
        else:
            raise Refused(f"{done or event.get('expect')} in a progressive schedule")


def _progressive_row(contract: Contract, wanted: dict[str, Any], row: Any) -> None:
    period: InterestPeriod = row.period.interest
    check(f"row {wanted['n']} from", day(wanted["from"]), period.from_on)
    got = {
        "principal": row.principal_minor,
        "interest": row.interest_minor,
        "instalment": row.principal_minor + row.interest_minor,
        # The source counts money paid out on a due date into the balance after that row.
        "balance": row.balance_minor + sum(each.amount_minor for each in contract.disbursements if each.on == period.to_on),
    }
    for key, value in got.items():
        check(f"row {wanted['n']} {key}", minor(wanted[key]), value)
    parts = [
        part for part in wanted.get("sub_periods", ()) if Decimal(part["rate_factor"]) or len(wanted["sub_periods"]) == 1
    ]
    ours = [(stretch.start, stretch.end, stretch.interest_minor) for stretch in row.stretches] or [
        (period.from_on, period.to_on, row.interest_minor)
    ]
    check(f"row {wanted['n']} parts", len(parts), len(ours))
    for part, (start, end, interest) in zip(parts, ours, strict=True):
        whole = (start, end) == (period.from_on, period.to_on)
        share, year = (
            share_of_year(contract.day_count, period) if whole else share_of_part(contract.day_count, period, start, end)
        )
        held = (each.annual_rate for each in reversed(contract.rate_changes) if each.on <= start)
        now = next(held, contract.annual_rate)
        exact = Fraction(now.numerator * share, now.denominator * year)
        _same_digits(f"row {wanted['n']} rate factor", part["rate_factor"], exact)
        check(f"row {wanted['n']} part interest", minor(part["interest"]), interest)


def _same_digits(what: str, wanted: str, exact: Fraction) -> None:
    """Compare to as many digits as the source shows."""
    digits = -int(Decimal(wanted).as_tuple().exponent)
    scaled = exact * 10**digits
    got = Decimal(divide(scaled.numerator, scaled.denominator)).scaleb(-digits)
    check(what, Decimal(wanted), got)


# --- factors -------------------------------------------------------------------------------------------------------------


def _factors(inputs: dict[str, Any]) -> list[Fraction]:
    day_count = day_count_of(str(inputs["days_in_month"]), str(inputs["days_in_year"]))
    found = []
    for start, end in inputs["periods"]:
        share, year = share_of_year(day_count, InterestPeriod(day(start), day(end), 30))
        found.append(_rate(inputs) * share / year)
    return found


def day_count_rate_factor(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    for number, (wanted, exact) in enumerate(zip(expected["rate_factors"], _factors(inputs), strict=True), start=1):
        _same_digits(f"rate factor {number}", wanted, exact)


def annuity_factor(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    """The source works in twelve significant digits at every step, and so does this comparison."""
    context = Context(prec=12, rounding=ROUND_HALF_EVEN)
    growths = [
        context.add(1, context.divide(Decimal(factor.numerator), Decimal(factor.denominator))) for factor in _factors(inputs)
    ]
    for number, (text, value) in enumerate(zip(expected["fn"], annuity_factors(growths, context), strict=True), start=1):
        check(f"fn {number}", Decimal(text), value)


def day_count(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    convention = DayCount(f"actual/{inputs['year_days']}")
    period = InterestPeriod(START, START + timedelta(days=int(inputs["days"])), 30)
    share, year = share_of_year(convention, period)
    percent = _rate(inputs) * share / year * 100
    off = abs(percent - Fraction(expected["period_rate_percent"]))
    if off > Fraction(expected.get("tolerance", "0")):
        raise Mismatch(f"period rate: wanted {expected['period_rate_percent']}, got {float(percent):.6f}")


def accrual(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    start, last = day(inputs["from"]), day(inputs["to_inclusive"])
    after = last + timedelta(days=1)
    check("days", int(inputs["days"]), (after - start).days)
    share, year = share_of_year(DayCount(f"actual/{inputs['year_days']}"), InterestPeriod(start, after, 30))
    exact = minor(inputs["principal"]) * _rate(inputs) * share / year
    check("interest", minor(expected["interest"]), divide(exact.numerator, exact.denominator))


# --- paying --------------------------------------------------------------------------------------------------------------


def allocation(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    if "instalments_due" in inputs:
        if "all due interest" not in inputs["strategy"]:
            raise Refused(f"the strategy {inputs['strategy']!r}")
        rows = tuple(
            PlanRow(each["n"], START + timedelta(days=each["n"]), Split(minor(each["principal"]), minor(each["interest"])))
            for each in inputs["instalments_due"]
        )
        on = rows[-1].due_on
        account = allocate(rows, [_entry(minor(inputs["payment"]), on)], LoanTerms(STRATEGIES["interest-first"]))
        for wanted in expected["rows"]:
            row = account.row(wanted["n"])
            assert row is not None
            check(f"row {wanted['n']} interest paid", minor(wanted["interest_paid"]), row.paid.interest)
            check(f"row {wanted['n']} principal left", minor(wanted["principal_left"]), row.open[0])
        return
    contract = Contract(
        Method.EQUAL_INSTALMENT,
        minor(inputs["principal"]),
        START,
        int(inputs["number_of_repayments"]),
        _rate(inputs),
        instalment_rounding=Rounding.UP,
        instalment_multiple_minor=100 if "whole" in inputs.get("instalment_rounding", "") else 1,
    )
    rows = plan_rows(contract)
    on = rows[0].due_on + timedelta(days=int(inputs["payment_days_after_due"]))
    late = LateTerms(Fraction(1, 4), grace_days=int(inputs["grace_days"]))
    account = allocate(rows, [_entry(minor(inputs["payment"]), on)], LoanTerms(late=late))
    check("interest", minor(expected["first_instalment_interest"]), account.rows[0].paid.interest)
    check("principal", minor(expected["first_instalment_principal"]), account.rows[0].paid.principal)


def payoff_quote(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    if "closure_date" in inputs:
        _closure(inputs, expected)
        return
    due_on, on = day(inputs["quote_period_due"]), day(inputs["quote_date"])
    count = int(inputs["number_of_repayments"])
    first = day(inputs["first_period"][0]) if "first_period" in inputs else step(due_on, Frequency(), -1)
    contract = Contract(
        Method.EQUAL_INSTALMENT,
        minor(inputs["principal"]),
        first,
        count,
        _rate(inputs),
        day_count=day_count_of(str(inputs["days_in_month"]), str(inputs["days_in_year"])),
        even_out=True,
        on_actual_balance=True,
        prepayment=Prepayment.NEXT_ROWS,
    )
    rows = plan_rows(contract)
    paid = [_entry(row.due.total, row.due_on) for row in rows if row.due_on < due_on]
    owed, after = pay_off(rows, paid, on, LoanTerms(contract=contract))
    before = allocate(rows, paid, LoanTerms(contract=contract))
    before.accrue(on)
    index = next(k for k, row in enumerate(rows) if row.due_on == due_on)
    share, year = share_of_part(contract.day_count, InterestPeriod(rows[index - 1].due_on if index else first, due_on, 30),
                                rows[index - 1].due_on if index else first, on)  # fmt: skip
    for key, wanted in expected.items():
        if key == "outstanding_principal":
            check(key, minor(wanted), owed.principal)
        elif key == "payable_principal_of_period":
            check(key, minor(wanted), after.rows[index].due[0])
        elif key == "payable_interest":
            check(key, minor(wanted), owed.interest)
        elif key == "payoff_total":
            check(key, minor(wanted), owed.total)
        elif key.startswith("on_due_date_"):
            row = before.rows[index]
            check(
                key,
                {k: minor(v) for k, v in wanted.items()},
                {"payable_principal": row.due[0], "payable_interest": row.due[1]},
            )
        elif key.startswith("rate_factor_"):
            _same_digits(key, wanted, _rate(inputs) * share / year)
        elif key == "prepay_all_later_periods_then_last":
            check("principal by row", [minor(each) for each in wanted["amounts"]], [row.due[0] for row in after.rows])
            check("interest", minor(wanted["interest_total"]), sum(row.due[1] for row in after.rows))
        else:
            raise Refused(f"the figure {key} of a payoff quote")


def _closure(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    """A loan without rows before its end: closing it costs the balance and the interest to the day."""
    on, days = day(inputs["closure_date"]), int(expected["interest_days"])
    contract = Contract(
        Method.SINGLE_PAYMENT,
        minor(inputs["principal"]),
        on - timedelta(days=days),
        1,
        _rate(inputs),
        Frequency(12),
        day_count=DayCount(f"actual/{inputs['year_days']}"),
        on_actual_balance=True,
    )
    owed, after = pay_off(plan_rows(contract), [], on, LoanTerms(contract=contract))
    check("interest", minor(expected["interest"]), owed.interest)
    check("penalty", minor(expected["penalty"]), owed.penalties)
    check("payoff", minor(expected["payoff"]), owed.total)
    check("open after it", 0, sum(sum(row.open) for row in after.rows))


def penalty(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    grace = int(inputs.get("grace_days", inputs.get("grace_offset_days", 0)))
    rate = Fraction(str(inputs["penalty_annual_rate_percent"])) / 100
    terms = LateTerms(rate, grace_days=grace, from_due=False, year_days=int(inputs["year_days"]))
    days = days_charged(int(inputs.get("days_late_total", inputs.get("days", 0))), terms)
    check("penalty days", int(expected["penalty_days"]), days)
    exact = late_interest(Fraction(str(inputs["overdue_base"])) * 100 * days, terms)
    cents = divide(exact.numerator, exact.denominator)
    if "penalty" in expected:
        check("penalty", minor(expected["penalty"]), cents)
    if "penalty_rounded" in expected:
        check("penalty", expected["penalty_rounded"], _whole(cents))


# --- lateness, things pledged --------------------------------------------------------------------------------------------


def delinquency_days(inputs: dict[str, Any], expected: Any) -> None:
    if "arrears_tolerance_days" in inputs:
        due = day(f"2021-{inputs['due']}")
        rule = DelinquencyRule(tolerance_days=int(inputs["arrears_tolerance_days"]))
        for text, days in expected.get("shown_before", {}).items():
            check(f"days in arrears on {text}", days, days_in_arrears(due, day(f"2021-{text}"), rule))
        for text, days in expected.get("asked_for", {}).items():
            check(f"days past due on {text}", days, days_past_due(due, day(f"2021-{text}")))
        return
    if "buckets" in inputs:
        due = day(inputs["first_unpaid_due_date"])
        rule = DelinquencyRule(
            tuple(low for _, low, _ in inputs["buckets"]), tuple(name for name, _, _ in inputs["buckets"])
        )
        for each in expected:
            days = days_past_due(due, day(each["as_of"]))
            check(f"days on {each['as_of']}", each["dpd"], days)
            check(f"class on {each['as_of']}", each["bucket"], class_of(days, rule))
            if "non_performing" in each:
                check("non-performing", each["non_performing"], days > int(inputs["npa_threshold_days"]))
        return
    due = day(inputs["due_date"])
    for each in expected:
        found = standing_class([Late(due, None)], day(each["as_of"]), RULES["rbi"])
        check(f"class on {each['as_of']}", each["status"], found)


def collateral(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    value = int(inputs["units"]) * minor(inputs["unit_price"])
    check("value", minor(expected["security_value"]), value)
    haircut = Fraction(str(inputs["haircut_percent"])) / 100
    check("shortfall", minor(expected["shortfall"]), shortfall_minor(minor(inputs["outstanding"]), value, haircut))


# --- rates and caps --------------------------------------------------------------------------------------------------------


def _named(inputs: dict[str, Any], *words: str) -> Any:
    """Return the first input whose name has one of these words in it; sources differ in what they call a thing."""
    return next((value for word in words for key, value in inputs.items() if word in key), None)


def apr(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    if "first_payment" not in inputs:
        irr(inputs, expected)
        return
    name = str(inputs["unit"]).replace("-", "").replace("_", "").replace(" ", "")
    units = {key.replace("_", ""): unit for key, unit in UNIT_PERIODS.items()}
    if name not in units:
        raise Refused(f"an APR by the {inputs['unit']}")
    found = apr_of_stream(
        minor(inputs["advance"]),
        day(inputs["advance_date"]),
        minor(inputs["payment"]),
        int(inputs["count"]),
        day(inputs["first_payment"]),
        units[name],
    )
    check("APR", Decimal(expected["apr_percent"]), percent(found.rate))


def irr(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    """Level payments after an advance, less what is kept of it at the start: the period's rate, simple and compound."""
    principal = _named(inputs, "principal", "advance", "loan_amount", "amount")
    kept = _named(inputs, "fee") or "0"
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
    for key, wanted in expected.items():
        name = next((name for name in values if name in key), None)
        if name is None or "percent" not in key:
            raise Refused(f"the figure {key} of a rate")
        places = -int(Decimal(str(wanted)).as_tuple().exponent)
        check(key, Decimal(str(wanted)), percent(values[name], places))


def rate_cap(inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    """Four times the one-year LPR: of a rate that is given, or of the one that held on a day."""
    lpr = next((value for key, value in inputs.items() if "lpr" in key and not isinstance(value, dict)), None)
    signed = next((value for key, value in inputs.items() if "sign" in key or "date" in key or key.endswith("_on")), None)
    table = load_fixings(LPR_FILE)
    if lpr is not None:
        on = day(signed) if signed else date(2021, 1, 1)
        table = (Fixing(on, Decimal(str(lpr)) / 100, Decimal(str(lpr)) / 100),)
        signed = on.isoformat()
    if signed is None:
        raise Refused(f"a cap of {', '.join(sorted(inputs))}")
    kind = inputs.get("licence_kind", inputs.get("lender_kind", "private_lender"))
    found = cap_for("CN", "private_lender" if kind in ("private", "private_lending") else kind, day(signed), table)
    for key, wanted in expected.items():
        if "percent" in key and found.annual_rate is not None:
            check(key, Decimal(str(wanted)), found.annual_rate * 100)
        elif key in ("status", "cap_status"):
            check(key, wanted, found.status)
        else:
            raise Refused(f"the figure {key} of a cap")


FIGURES: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "schedule": schedule,
    "schedule_fixed_instalment": schedule_fixed_instalment,
    "schedule_summary": schedule_summary,
    "schedule_dates": schedule_dates,
    "instalment_rounding_defect": instalment_rounding_defect,
    "day_count_rate_factor": day_count_rate_factor,
    "annuity_factor": annuity_factor,
    "day_count": day_count,
    "accrual": accrual,
    "allocation": allocation,
    "payoff_quote": payoff_quote,
    "penalty": penalty,
    "delinquency_days": delinquency_days,
    "collateral": collateral,
    "apr": apr,
    "irr": irr,
    "annualised_rate": irr,
    "effective_rate": irr,
    "rate_cap": rate_cap,
}


def run_figures(vector: dict[str, Any]) -> None:
    """Compare what a vector expects with what our kernel gives."""
    run = FIGURES.get(vector["kind"])
    if run is None:
        raise Refused(f"vectors of kind {vector['kind']}")
    run(vector["inputs"], vector["expected"])
