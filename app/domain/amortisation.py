"""Plans from contracts: the rows that pay a loan back.

A plan is made of periods (`periods.py`), each a share of a year (`day_counts.py`), and of what each row pays
(`level_rows.py`, `flat_rows.py`). What happens inside the loan, money paid out later or another rate, makes new rows from
that row on. The number of rows is contractual: it is never traded for round numbers.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise, repeat
from typing import NamedTuple

from app.domain.calendars import BusinessDayRule, Calendar, adjust
from app.domain.charges import with_fees
from app.domain.contracts import Contract, Disbursement, Method, Remainder, refused
from app.domain.day_counts import DayCount, InterestPeriod, Share, share_of_year
from app.domain.errors import ValidationError, refused_at
from app.domain.flat_rows import flat_rows
from app.domain.level_rows import MOST_ROWS, Change, Paid, Stretch, run_from
from app.domain.periods import DayOfMonth, Frequency, Period, broken_days, periods, periods_to, step
from app.domain.plans import PlanRow
from app.domain.rounding import divide
from app.domain.splits import Split


class Instalment(NamedTuple):
    """One row before fees: its period, what it pays, the balance after it, and its parts where something changes inside."""

    period: Period
    principal_minor: int
    interest_minor: int
    balance_minor: int
    stretches: tuple[Stretch, ...] = ()


class DatedPeriods(NamedTuple):
    """The periods of a contract, each with its share of a year and its due date."""

    periods: Sequence[Period]
    shares: Sequence[Share]
    due_on: Sequence[date]


def plan_rows(contract: Contract, calendar: Calendar | None = None) -> tuple[PlanRow, ...]:
    """Return the rows of the plan, ascending by due date; a down payment is a row of its own.

    `calendar` is what the contract's business-day rule moves due dates by. Raises ValidationError.
    """
    dated, paid, _ = _worked_out(contract)
    due_on = dated.due_on[: len(paid.principal)]
    if calendar is not None and contract.business_day_rule is not BusinessDayRule.NONE:
        due_on = [adjust(on, contract.business_day_rule, calendar) for on in due_on]
    # Values are made by `tuple.__new__` from what zip yields: half the time of their own constructors.
    new, nothing = tuple.__new__, repeat(0)
    splits = map(new, repeat(Split), zip(paid.principal, paid.interest, nothing, nothing, strict=False))
    rows: list[PlanRow] = list(map(new, repeat(PlanRow), zip(range(1, len(due_on) + 1), due_on, splits, strict=True)))
    if contract.fees:
        rows = with_fees(rows, contract.fees, contract.lent_minor, contract.rounding)
    if contract.down_payment:  # after the fees: a down payment is no instalment, so none falls due with it
        rows = _with_down_payments(contract, rows)
    return tuple(rows)


def amortise(contract: Contract) -> list[Instalment]:
    """Return the instalments in order, without fees and down payments and before due dates move. Raises ValidationError."""
    dated, paid, stretches = _worked_out(contract)
    balance = lent_at_start(contract)
    later = sorted(changes_of(contract), key=lambda change: change.on)
    found: list[Instalment] = []
    for k, (principal, interest) in enumerate(zip(*paid, strict=True)):
        period = dated.periods[k]
        while later and later[0].on < period.interest.to_on:
            balance += later.pop(0).amount_minor
        balance -= principal
        found.append(Instalment(period, principal, interest, balance, stretches.get(k, ())))
    return found


def down_payment_minor(contract: Contract, amount_minor: int) -> int:
    """Return what of a disbursement falls due on its day."""
    share, multiple = contract.down_payment, contract.instalment_multiple_minor
    if not share:
        return 0
    # Source for the multiple: Fineract (FINERACT-1971), a down payment is as round as an instalment.
    return min(
        divide(amount_minor * share.numerator, share.denominator * multiple, contract.rounding) * multiple, amount_minor
    )


def _with_down_payments(contract: Contract, rows: list[PlanRow]) -> list[PlanRow]:
    first = Disbursement(contract.starts_on, contract.principal_minor)
    down = [
        PlanRow(0, each.on, Split(down_payment_minor(contract, each.amount_minor)))
        for each in (first, *contract.disbursements)
    ]
    ordered = sorted([*down, *rows], key=lambda row: (row.due_on, row.row_no))
    return [PlanRow(number, row.due_on, row.due) for number, row in enumerate(ordered, start=1)]


def _check(contract: Contract) -> None:
    fixed = contract.method is Method.FIXED_INSTALMENT
    if contract.instalments < 1 and not fixed:
        raise refused("instalments", "A plan needs at least one instalment.")
    if contract.instalments > MOST_ROWS:
        raise refused("instalments", f"A plan has at most {MOST_ROWS} rows.")
    if contract.principal_minor < 0 or not (contract.principal_minor or contract.disbursements):
        raise refused_at("/principal", "A plan needs a principal above 0.")
    if contract.annual_rate < 0:
        raise refused("annual_rate", "The annual rate is negative.")
    if fixed and not contract.instalment_minor:
        raise refused("instalment_minor", "A fixed instalment needs instalment_minor.")
    if fixed and contract.principal_grace:
        raise refused("principal_grace", "A fixed instalment pays principal from the first row on; it has no grace.")
    if not fixed and contract.principal_grace >= contract.instalments:
        raise refused("principal_grace", "principal_grace must leave at least one row with principal.")
    if contract.first_due_on is not None and contract.first_due_on <= contract.starts_on:
        raise refused("first_due_on", "first_due_on must be after the day the money was paid out.")
    if contract.due_dates:
        _check_due_dates(contract)
    _check_combinations(contract)


def _check_combinations(contract: Contract) -> None:
    """Refuse what is true by itself but cannot be kept together."""
    if contract.method is Method.FLAT and contract.disbursements and contract.annual_rate:
        raise refused("disbursements", "Flat interest allows no parts paid out later; agree a plan for each part.")
    if contract.on_actual_balance and contract.whole_periods and contract.down_payment:
        raise refused("whole_periods", "whole_periods cannot be combined with a down payment.")
    if contract.on_actual_balance and contract.interest_grace:
        raise refused("interest_grace", "Interest on the actual balance cannot be combined with interest_grace.")
    if contract.on_actual_balance and contract.remainder is Remainder.FIRST:
        raise refused("remainder", "Interest on the actual balance cannot be combined with the remainder first.")
    if contract.on_actual_balance and contract.method is Method.FLAT:
        raise refused("on_actual_balance", "Flat interest is on what was first lent, never on the actual balance.")


def _check_due_dates(contract: Contract) -> None:
    days = (contract.starts_on, *contract.due_dates)
    if len(contract.due_dates) != contract.instalments or any(b <= a for a, b in pairwise(days)):
        raise refused("due_dates", "due_dates must be one a row, each after the one before and after the start.")
    if contract.first_due_on is not None or contract.method is Method.SINGLE_PAYMENT:
        raise refused("due_dates", "due_dates cannot be combined with first_due_on or a single payment.")


def lent_at_start(contract: Contract) -> int:
    """Return what the rows pay back of the money first paid out: all but its down payment."""
    return contract.principal_minor - down_payment_minor(contract, contract.principal_minor)


def dated_periods(contract: Contract) -> DatedPeriods:
    """Return the contract's periods; of a fixed instalment without a number of rows, as many as there could be."""
    count = contract.instalments or MOST_ROWS
    if contract.method is Method.SINGLE_PAYMENT and count > 1:
        regular = step(contract.starts_on, contract.frequency, count)
        due = contract.first_due_on or regular
        nominal = contract.frequency.nominal_days * count
        if due != regular:
            nominal = broken_days(contract.starts_on, due, contract.frequency)
        period = Period(InterestPeriod(contract.starts_on, due, nominal), due)
        return DatedPeriods((period,), (share_of_year(contract.day_count, period.interest),), (due,))
    if contract.due_dates:
        return _with_shares(periods_to(contract.due_dates, contract.starts_on, contract.frequency), contract.day_count)
    return _dated(
        contract.starts_on, contract.frequency, count, contract.first_due_on, contract.day_of_month, contract.day_count
    )


@lru_cache(maxsize=4096)
def _dated(
    starts_on: date, frequency: Frequency, count: int, first: date | None, rule: DayOfMonth, day_count: DayCount
) -> DatedPeriods:
    """Many loans start on one day: their dates are worked out once."""
    return _with_shares(periods(starts_on, frequency, count, first, rule), day_count)


def _with_shares(found: Sequence[Period], day_count: DayCount) -> DatedPeriods:
    shares = [share_of_year(day_count, period.interest) for period in found]
    # Equal shares are one object: to see that all are alike is then a look at each, not a comparison of tuples.
    one = {share: share for share in shares}
    return DatedPeriods(found, tuple(one[share] for share in shares), tuple(period.due_on for period in found))


def changes_of(contract: Contract) -> list[Change]:
    """Return what happens inside the loan, unordered: parts paid out later, less their down payments, and other rates."""
    paid_out = [
        Change(each.on, each.amount_minor - down_payment_minor(contract, each.amount_minor), None)
        for each in contract.disbursements
    ]
    return [*paid_out, *(Change(each.on, 0, each.annual_rate) for each in contract.rate_changes)]


def _worked_out(contract: Contract) -> tuple[DatedPeriods, Paid, dict[int, tuple[Stretch, ...]]]:
    _check(contract)
    dated = dated_periods(contract)
    stretches: dict[int, tuple[Stretch, ...]] = {}
    if contract.method is Method.FLAT and not contract.disbursements:
        for each in contract.rate_changes:
            if not contract.starts_on <= each.on < dated.periods[-1].interest.to_on:
                raise _outside(contract, each.on)
        paid = flat_rows(contract, dated.periods, dated.shares, lent_at_start(contract))
    else:
        paid = run_from(contract, dated.periods, dated.shares, 0, lent_at_start(contract), contract.annual_rate).rows()
        if contract.disbursements or contract.rate_changes:
            stretches = _run_again(contract, dated, paid)
    if contract.interest_grace:
        _defer_interest(contract, paid)
    return dated, paid, stretches


def _run_again(contract: Contract, dated: DatedPeriods, paid: Paid) -> dict[int, tuple[Stretch, ...]]:
    """Work the rows out anew from each row in which something changes. Raises ValidationError for a day outside the loan."""
    changes = sorted(changes_of(contract), key=lambda change: change.on)
    rate, balance, done = contract.annual_rate, lent_at_start(contract), 0
    stretches: dict[int, tuple[Stretch, ...]] = {}
    while changes:
        first = changes[0].on
        index = next((k for k, period in enumerate(dated.periods) if first < period.interest.to_on), None)
        if index is None or index >= len(paid.principal) or first < contract.starts_on:
            raise _outside(contract, first)
        ends_on = dated.periods[index].interest.to_on
        inside = tuple(change for change in changes if change.on < ends_on)
        changes = changes[len(inside) :]
        balance -= sum(paid.principal[done:index])
        run = run_from(contract, dated.periods, dated.shares, index, balance, rate, inside)
        rows = run.rows()
        paid.principal[index:], paid.interest[index:] = rows.principal, rows.interest
        stretches[index] = run.stretches
        rate, balance, done = run.rate, run.balance_minor, index
    return stretches


def _outside(contract: Contract, on: date) -> ValidationError:
    term = "disbursements" if any(each.on == on for each in contract.disbursements) else "rate_changes"
    return refused(term, f"{on} lies outside the loan; nothing can be paid out or change on that day.")


def _defer_interest(contract: Contract, paid: Paid) -> None:
    """Move the interest of the grace rows into the first row after them. Source: Fineract, grace on interest payment."""
    grace = contract.interest_grace
    if grace >= len(paid.interest):
        raise refused("interest_grace", "interest_grace must leave a row that collects the deferred interest.")
    paid.interest[grace] += sum(paid.interest[:grace])
    paid.interest[:grace] = [0] * grace
