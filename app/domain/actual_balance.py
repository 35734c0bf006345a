"""Interest on the balance really owed: late money costs more, early money less, to the day.

The plan's rows are worked out again from what was paid: up to a day from the true balance, after it from the plan, as if
what is late were paid on that day. A row's interest is rounded for each stretch of one balance. Money that is more than what
is due comes off the balance at once; what that does to the rows is the contract's choice (`Prepayment`). Sources: Fineract,
interest recalculation (daily rest, no compounding); the study, loan servicing §2.5 and §1 (prepayment policy).
"""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from app.domain.allocation import Surplus
from app.domain.amortisation import amortise, level_of, periods_of
from app.domain.annuities import FREE, Factor, level_instalment, rate_factor
from app.domain.contracts import Contract, Method, Prepayment
from app.domain.day_counts import InterestPeriod, share_of_part
from app.domain.rounding import divide

_CHOICES = {
    Surplus.NEXT: Prepayment.PAY_AHEAD,
    Surplus.LAST: Prepayment.REDUCE_TERM,
    Surplus.EVENLY: Prepayment.REDUCE_INSTALMENT,
}


class Row(Protocol):
    """A row of the account: what is due and open by component, and when."""

    due_on: date
    due: list[int]
    open: list[int]
    paid_on: date | None


class ActualBalance:
    """Works the rows of one loan out again after each thing that happens to it."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.periods: Sequence[InterestPeriod] = [period.interest for period in periods_of(contract)]
        self.factors: list[Factor] = [
            FREE if k < contract.interest_free else rate_factor(contract, contract.annual_rate, period)
            for k, period in enumerate(self.periods)
        ]
        evened = contract.even_out and contract.method is Method.EQUAL_INSTALMENT and contract.instalment_minor is None
        self._first_level = level_of(contract) if evened else self._level(contract.principal_minor, 0)
        self.paid: list[tuple[date, int]] = []
        """Principal paid, by day."""
        self._ahead_minor = 0
        self._chosen: dict[int, Prepayment] = {}
        """By row, what the payer chose for money paid early in it; else the contract's way."""

    @classmethod
    def of(cls, contract: Contract, rows: Sequence[Row]) -> "ActualBalance | None":
        """Return it for an account of these rows; None where they are not the contract's, as after another plan."""
        agreed = [[each.principal_minor, each.interest_minor] for each in amortise(contract)]
        return cls(contract) if agreed == [row.due[:2] for row in rows] else None

    def note(self, on: date, principal_minor: int) -> None:
        """Remember that principal was paid."""
        if principal_minor:
            self.paid.append((on, principal_minor))

    def reduce(
        self, rows: Sequence[Row], amount_minor: int, on: date, choice: Surplus | None = None
    ) -> list[tuple[int, int]]:
        """Take money that is more than what is due off the balance; return (index of row, principal it counts for).

        `choice` is the payer's, for this money. What is more than the balance is left over. The rows are worked out anew.
        """
        owed = self.contract.principal_minor - sum(minor for _, minor in self.paid)
        current = next((k for k in range(len(self.periods)) if rows[k].due_on >= on), len(self.periods) - 1)
        principal = min(amount_minor, owed)
        if principal <= 0:
            return []
        way = self.contract.prepayment if choice is None else _CHOICES[choice]
        if way is not Prepayment.NEXT_ROWS:
            self._chosen[current] = way
            return [(current, principal)]
        self._ahead_minor = principal
        self.paid.append((on, principal))
        self.project(rows, on)
        self.paid.pop()
        self._ahead_minor = 0
        found: list[tuple[int, int]] = []
        for index in range(current, len(self.periods)):
            part = min(principal, rows[index].open[0])
            principal -= part
            if part:
                found.append((index, part))
        return found

    def project(self, rows: Sequence[Row], today: date) -> None:
        """Set principal and interest of every row as they follow from what was paid until `today`."""
        contract, last = self.contract, len(self.periods) - 1
        planned = contract.principal_minor
        level, surplus = self._first_level, 0
        later = sum(rows[k].due[0] - rows[k].open[0] for k in range(last + 1))
        ahead = later + self._ahead_minor
        for k in range(last + 1):
            row = rows[k]
            paid = row.due[0] - row.open[0]
            interest = self._interest(k, planned, planned - ahead, today)
            wanted = max(level - surplus, interest)
            way = self._chosen.get(k, contract.prepayment)
            principal = self._principal(k, planned, wanted - interest)
            excess = min(paid, planned) > principal
            if excess:
                principal = min(paid, planned)
            later -= paid
            principal = min(principal, planned - later)  # what was paid in later rows by their name is not asked for here
            _set(row, principal, interest)
            planned -= principal
            # Money paid ahead that no row has yet counts for the first rows that are not due.
            ahead = max(ahead - (principal if self._ahead_minor and row.due_on >= today else paid), 0)
            if surplus or (excess and way is Prepayment.PAY_AHEAD):
                surplus = max(surplus + principal + interest - level, 0)
            if excess and k < last and way is Prepayment.REDUCE_INSTALMENT:
                level = self._level(planned, k + 1)

    def _level(self, balance: int, index: int) -> int:
        contract = self.contract
        if contract.method not in (Method.EQUAL_INSTALMENT, Method.FIXED_INSTALMENT) or balance <= 0:
            return 0
        if contract.instalment_minor is not None:
            return contract.instalment_minor
        start = max(index, contract.principal_grace)
        return level_instalment(contract, balance, self.periods[start:], self.factors[start:], contract.annual_rate)

    def _principal(self, k: int, planned: int, wanted: int) -> int:
        contract = self.contract
        if k == len(self.periods) - 1:
            return planned
        if k < contract.principal_grace or contract.method in (Method.INTEREST_ONLY, Method.SINGLE_PAYMENT):
            return 0
        if contract.method is Method.EQUAL_PRINCIPAL:
            rows = contract.rows_with_principal
            return min(divide(contract.principal_minor, rows, contract.rounding), planned)
        return max(min(wanted, planned), 0)

    def _interest(self, k: int, planned: int, after: int, today: date) -> int:
        """Return a row's interest: on the true balance until `today`, on the planned one (`after`) from then on."""
        contract, period = self.contract, self.periods[k]
        start, end = period.from_on, period.to_on
        if k < contract.interest_free:
            return 0
        if contract.whole_periods:
            balance = self._balance(start) if start < today else after
            return self._rounded(k, balance, start, end)
        days = {start, end, *(on for on, _ in self.paid if start < on < end)}
        if start < today < end:
            days.add(today)
        stretches: list[tuple[date, int]] = []
        for day in sorted(days)[:-1]:
            balance = self._balance(day) if day < today else after
            if not stretches or stretches[-1][1] != balance:
                stretches.append((day, balance))
        ends = [day for day, _ in stretches[1:]] + [end]
        return sum(self._rounded(k, balance, day, stop) for (day, balance), stop in zip(stretches, ends, strict=True))

    def _balance(self, on: date) -> int:
        return self.contract.principal_minor - sum(minor for day, minor in self.paid if day <= on)

    def _rounded(self, k: int, balance: int, start: date, end: date) -> int:
        contract = self.contract
        rate = contract.annual_rate
        share, year = share_of_part(contract.day_count, self.periods[k], start, end)
        return divide(balance * rate.numerator * share, rate.denominator * year, contract.rounding)


def _set(row: Row, principal: int, interest: int) -> None:
    paid_principal, paid_interest = row.due[0] - row.open[0], row.due[1] - row.open[1]
    row.due[0], row.due[1] = max(principal, paid_principal), max(interest, paid_interest)
    row.open[0], row.open[1] = row.due[0] - paid_principal, row.due[1] - paid_interest
    if any(row.open):
        row.paid_on = None
