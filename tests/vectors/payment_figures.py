"""Figures of what is paid: interest of a stretch of days, allocation, payoff quotes, penalties, lateness, things pledged."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.domain.allocation import STRATEGIES
from app.domain.amortisation import plan_rows
from app.domain.collateral import shortfall_minor
from app.domain.contracts import Contract, Method, Prepayment
from app.domain.day_counts import DayCount, InterestPeriod, share_of_part, share_of_year
from app.domain.delinquency import RULES, DelinquencyRule, Late, class_of, days_in_arrears, days_past_due, standing_class
from app.domain.late_charges import LateTerms, days_charged, late_interest
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.periods import Frequency, step
from app.domain.plans import PlanRow
from app.domain.quotes import pay_off
from app.domain.replay import allocate
from app.domain.rounding import divide
from app.domain.splits import Split
from app.domain.terms import LoanTerms
from tests.vectors.fields import Fields
from tests.vectors.loans import day_count_of, rate_of
from tests.vectors.outcomes import Malformed, Mismatch, Refused, check, day, minor
from tests.vectors.plan_figures import START, instalment_rounding, whole
from tests.vectors.progressive import same_digits

AT = datetime(2000, 1, 1, tzinfo=UTC)


def _entry(amount: int, on: date) -> LedgerEntry:
    return LedgerEntry(f"e{on}", EntryKind.REPAYMENT, amount, on, AT)


def _actual(year_days: Any) -> DayCount:
    try:
        return DayCount(f"actual/{year_days}")
    except ValueError:
        raise Refused(f"a year of {year_days} days") from None


# --- interest ------------------------------------------------------------------------------------------------------------


def day_count(inputs: Fields, expected: Fields) -> None:
    period = InterestPeriod(START, START + timedelta(days=int(inputs["days"])), 30)
    share, year = share_of_year(_actual(inputs["year_days"]), period)
    percent = rate_of(inputs) * share / year * 100
    wanted = Fraction(str(expected["period_rate_percent"]))
    off = abs(percent - wanted)
    near = off <= Fraction(str(expected.get("tolerance", "0")))
    check("period rate", float(wanted), float(wanted) if near else float(percent))


def accrual(inputs: Fields, expected: Fields) -> None:
    start, after = day(inputs["from"]), day(inputs["to_inclusive"]) + timedelta(days=1)
    days = int(inputs.get("days", (after - start).days))
    share, year = share_of_year(_actual(inputs["year_days"]), InterestPeriod(start, after, 30))
    exact = minor(inputs["principal"]) * rate_of(inputs) * share / year
    if days != (after - start).days:
        raise Malformed(f"inputs.days is {days}, from {start} to before {after} are {(after - start).days}")
    check("interest", minor(expected["interest"]), divide(exact.numerator, exact.denominator))


# --- paying --------------------------------------------------------------------------------------------------------------


def allocation(inputs: Fields, expected: Fields) -> None:
    if "instalments_due" in inputs:
        _interest_first(inputs, expected)
        return
    rounding, multiple = instalment_rounding(inputs)
    contract = Contract(
        Method.EQUAL_INSTALMENT,
        minor(inputs["principal"]),
        START,
        int(inputs["number_of_repayments"]),
        rate_of(inputs),
        instalment_rounding=rounding,
        instalment_multiple_minor=multiple,
    )
    rows = plan_rows(contract)
    on = rows[0].due_on + timedelta(days=int(inputs["payment_days_after_due"]))
    late = LateTerms(Fraction(1, 4), grace_days=int(inputs["grace_days"]))
    account = allocate(rows, [_entry(minor(inputs["payment"]), on)], LoanTerms(late=late))
    check("interest", minor(expected["first_instalment_interest"]), account.rows[0].paid.interest)
    check("principal", minor(expected["first_instalment_principal"]), account.rows[0].paid.principal)


def _interest_first(inputs: Fields, expected: Fields) -> None:
    if "all due interest" not in inputs["strategy"]:
        raise Refused(f"the strategy {inputs['strategy']!r}")
    rows = tuple(
        PlanRow(each["n"], START + timedelta(days=each["n"]), Split(minor(each["principal"]), minor(each["interest"])))
        for each in inputs.children("instalments_due")
    )
    entry = _entry(minor(inputs["payment"]), rows[-1].due_on)
    account = allocate(rows, [entry], LoanTerms(STRATEGIES["interest-first"]))
    for wanted in expected.children("rows"):
        row = account.row(wanted["n"])
        if row is None:
            raise Mismatch(f"row {wanted['n']}: there is none")
        figures = {
            "interest_paid": row.paid.interest,
            "interest_left": row.open[1],
            "principal_paid": row.paid.principal,
            "principal_left": row.open[0],
        }
        for key, amount in figures.items():
            if key in wanted:
                check(f"row {wanted['n']} {key}", minor(wanted[key]), amount)


def payoff_quote(inputs: Fields, expected: Fields) -> None:
    if "closure_date" in inputs:
        _closure(inputs, expected)
        return
    due_on, on = day(inputs["quote_period_due"]), day(inputs["quote_date"])
    count = int(inputs["number_of_repayments"])
    if "first_period" in inputs:
        first, first_due = (day(each) for each in inputs["first_period"])
        if step(first, Frequency(), 1) != first_due:
            raise Refused(f"a first period from {first} to {first_due}")
    else:
        first = step(due_on, Frequency(), -1)
    contract = Contract(
        Method.EQUAL_INSTALMENT,
        minor(inputs["principal"]),
        first,
        count,
        rate_of(inputs),
        day_count=day_count_of(str(inputs["days_in_month"]), str(inputs["days_in_year"])),
        even_out=True,
        on_actual_balance=True,
        prepayment=Prepayment.NEXT_ROWS,
    )
    rows = plan_rows(contract)
    index = next((k for k, row in enumerate(rows) if row.due_on == due_on), None)
    if index is None:
        raise Malformed(f"inputs.quote_period_due: no row is due on {due_on}")
    paid = [_entry(row.due.total, row.due_on) for row in rows if row.due_on < due_on]
    owed, after = pay_off(rows, paid, on, LoanTerms(contract=contract))
    before = allocate(rows, paid, LoanTerms(contract=contract))
    before.accrue(on)
    on_due, begins = before.rows[index], rows[index - 1].due_on if index else first
    figures = {
        "outstanding_principal": owed.principal,
        "payable_principal_of_period": after.rows[index].due[0],
        "payable_interest": owed.interest,
        "payoff_total": owed.total,
    }
    for key in expected:
        if key in figures:
            check(key, minor(expected[key]), figures[key])
        elif key == f"on_due_date_{due_on}":
            for name, amount in (("payable_principal", on_due.due[0]), ("payable_interest", on_due.due[1])):
                if name in expected.child(key):
                    check(f"{key} {name}", minor(expected[key][name]), amount)
        elif key == f"rate_factor_{(on - begins).days}_of_{(due_on - begins).days}_days":
            share, year = share_of_part(contract.day_count, InterestPeriod(begins, due_on, 30), begins, on)
            same_digits(key, expected[key], rate_of(inputs) * share / year)
        elif key == "prepay_all_later_periods_then_last":
            wanted = expected.child(key)
            check("principal by row", [minor(each) for each in wanted["amounts"]], [row.due[0] for row in after.rows])
            check("interest", minor(wanted["interest_total"]), sum(row.due[1] for row in after.rows))


def _closure(inputs: Fields, expected: Fields) -> None:
    """A loan without rows before its end: closing it costs the balance and the interest to the day."""
    inputs.set_aside("grace_days", "accrued_through")  # what the source had already booked; a day's sum is the same
    on, days = day(inputs["closure_date"]), int(expected["interest_days"])
    contract = Contract(
        Method.SINGLE_PAYMENT,
        minor(inputs["principal"]),
        on - timedelta(days=days),
        1,
        rate_of(inputs),
        Frequency(12),
        day_count=_actual(inputs["year_days"]),
        on_actual_balance=True,
    )
    owed, after = pay_off(plan_rows(contract), [], on, LoanTerms(contract=contract))
    for key, amount in (("interest", owed.interest), ("penalty", owed.penalties), ("payoff", owed.total)):
        if key in expected:
            check(key, minor(expected[key]), amount)
    check("open after it", 0, sum(sum(row.open) for row in after.rows))


def penalty(inputs: Fields, expected: Fields) -> None:
    grace = int(inputs.first_of("grace_days", "grace_offset_days") or 0)
    late_days = int(inputs.first_of("days_late_total", "days") or 0)
    rate = Fraction(str(inputs["penalty_annual_rate_percent"])) / 100
    terms = LateTerms(rate, grace_days=grace, from_due=False, year_days=int(inputs["year_days"]))
    base = Fraction(str(inputs["overdue_base"])) * 100
    days = days_charged(late_days, terms)
    exact = late_interest(base * days, terms)
    cents = divide(exact.numerator, exact.denominator)
    if "penalty_days" in expected:
        check("penalty days", int(expected["penalty_days"]), days)
    if "penalty" in expected:
        check("penalty", minor(expected["penalty"]), cents)
    if "penalty_rounded" in expected:
        check("penalty", expected["penalty_rounded"], whole(cents))


# --- lateness, things pledged --------------------------------------------------------------------------------------------


def _of_2021(text: str) -> date:
    """Return a day whose source leaves the year out."""
    return day(f"2021-{text}" if len(text) == len("12-31") else text)


def delinquency_days(inputs: Fields, expected: Any) -> None:
    inputs.set_aside("rule")  # the same in words
    if "arrears_tolerance_days" in inputs:
        _tolerance(inputs, expected)
    elif "buckets" in inputs:
        _buckets(inputs, expected)
    else:
        due = day(inputs["due_date"])
        if inputs.get("unpaid", True) is not True:
            raise Refused("the standing of a row that is paid")
        for each in expected:
            found = standing_class([Late(due, None)], day(each["as_of"]), RULES["rbi"])
            check(f"class on {each['as_of']}", each["status"], found)
            if "dpd" in each:
                check(f"days on {each['as_of']}", each["dpd"], days_past_due(due, day(each["as_of"])))


def _tolerance(inputs: Fields, expected: Fields) -> None:
    due = _of_2021(inputs["due"])
    rule = DelinquencyRule(tolerance_days=int(inputs["arrears_tolerance_days"]))
    for text, days in expected.get("shown_before", {}).items():
        check(f"days in arrears on {text}", days, days_in_arrears(due, _of_2021(text), rule))
    for text, days in expected.get("asked_for", {}).items():
        check(f"days past due on {text}", days, days_past_due(due, _of_2021(text)))


def _buckets(inputs: Fields, expected: list[Fields]) -> None:
    due, npa = day(inputs["first_unpaid_due_date"]), inputs.get("npa_threshold_days")
    rule = DelinquencyRule(tuple(low for _, low, _ in inputs["buckets"]), tuple(name for name, _, _ in inputs["buckets"]))
    for each in expected:
        days = days_past_due(due, day(each["as_of"]))
        if "dpd" in each:
            check(f"days on {each['as_of']}", each["dpd"], days)
        if "bucket" in each:
            check(f"class on {each['as_of']}", each["bucket"], class_of(days, rule))
        if "non_performing" in each and npa is not None:
            check("non-performing", each["non_performing"], days > int(npa))


def collateral(inputs: Fields, expected: Fields) -> None:
    value = Decimal(str(inputs["units"])) * minor(inputs["unit_price"])
    haircut = Fraction(str(inputs["haircut_percent"])) / 100
    found = shortfall_minor(minor(inputs["outstanding"]), int(value), haircut)
    if "security_value" in expected:
        check("value", minor(expected["security_value"]), value)
    check("shortfall", minor(expected["shortfall"]), found)
