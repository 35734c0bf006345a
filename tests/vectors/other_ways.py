"""How sources go that differ from us on purpose (docs/kernel-choices.md): played to show that nothing else is different."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from app.domain.account_rows import AccountRow
from app.domain.actual_balance import ActualBalance
from app.domain.amortisation import changes_of, dated_periods, lent_at_start, plan_rows
from app.domain.contracts import Contract
from app.domain.day_counts import InterestPeriod, share_of_part
from app.domain.level_rows import Change, Stretch, run_from
from app.domain.plans import PlanRow
from app.domain.rounding import divide
from app.domain.splits import Split

LATE_PRINCIPAL = (
    "late principal bears interest for as long as it is late; the source counts only the days since the latest due date"
)
ROUNDED_SUM = "each stretch of one balance is rounded; the source rounds the sum of the stretches of a row"
PAID_OUT_ON_DUE_DAY = "money paid out on a due date comes after that row; the source spreads it over that row too"
OVERLAP = "pauses by overlap: the source takes an ended pause off whole, also its days before arrears"
NO_PAID_DATE = "a row of nothing has no paid date; the source shows the day of the disbursement"


class LatestPeriodOnly(ActualBalance[AccountRow]):
    """How Fineract's cumulative schedules recalculate: what is late bears interest since the latest due date only."""

    def project(self, today: date) -> None:
        self.latest = max((period.from_on for period in self.periods if period.from_on < today), default=date.min)
        super().project(today)

    def _interest(self, stretch: Any, today: date) -> int:
        if stretch.end <= self.latest:
            return self._rounded(stretch.k, stretch.planned, stretch.start, stretch.end)
        return super()._interest(stretch, today)


def rows_by_rounded_sums(contract: Contract) -> tuple[PlanRow, ...]:
    """Return the plan of a loan paid out in parts where a row's interest is the sum of its stretches, rounded once."""
    spread, balance, rate = dated_periods(contract), lent_at_start(contract), contract.annual_rate
    paid = run_from(contract, spread.periods, spread.shares, 0, balance, rate).rows()
    changes, done = sorted(changes_of(contract), key=lambda change: change.on), 0
    while changes:
        index = next(k for k, period in enumerate(spread.periods) if changes[0].on < period.interest.to_on)
        period = spread.periods[index].interest
        inside = tuple(change for change in changes if change.on < period.to_on)
        changes = changes[len(inside) :]
        balance -= sum(paid.principal[done:index])
        run = run_from(contract, spread.periods, spread.shares, index, balance, rate, inside)
        exact = _exact_interest(contract, period, balance, rate, inside)
        whole = Stretch(period.from_on, period.to_on, balance, divide(exact.numerator, exact.denominator, contract.rounding))
        rows = replace(run, stretches=(whole,)).rows()
        paid.principal[index:], paid.interest[index:] = rows.principal, rows.interest
        rate, balance, done = run.rate, run.balance_minor, index
    amounts = zip(spread.due_on, paid.principal, paid.interest, strict=True)
    return tuple(PlanRow(number, due_on, Split(*parts)) for number, (due_on, *parts) in enumerate(amounts, start=1))


def _exact_interest(
    contract: Contract, period: InterestPeriod, balance: int, rate: Fraction, inside: tuple[Change, ...]
) -> Fraction:
    exact, start = Fraction(0), period.from_on
    for change in (*inside, Change(period.to_on, 0, None)):
        share, year = share_of_part(contract.day_count, period, start, change.on)
        exact += balance * rate * share / year
        start, balance = change.on, balance + change.amount_minor
        rate = rate if change.annual_rate is None else change.annual_rate
    return exact


def rows_with_payouts_before_their_day(contract: Contract) -> tuple[PlanRow, ...]:
    """Return the plan where money paid out on a due date is already part of that day's row; its down payment stays."""
    due, night = set(dated_periods(contract).due_on), timedelta(days=1)
    moved = {each.on - night: each.on for each in contract.disbursements if each.on in due}
    earlier = (replace(each, on=each.on - night) if each.on in due else each for each in contract.disbursements)
    rows = plan_rows(replace(contract, disbursements=tuple(earlier)))
    return tuple(row._replace(due_on=moved.get(row.due_on, row.due_on)) for row in rows)
