"""Interest on the balance really owed: late money costs more, early money less, to the day.

The plan's rows are worked out again from what was paid: up to a day from the true balance, after it from the plan, as if
what is late were paid on that day. A row's interest is rounded for each stretch of one balance and one rate. Money that is
more than what is due comes off the balance at once; what that does to the rows is the contract's choice (`Prepayment`).
Money paid out later, or another rate, makes the instalments anew from its row on. A down payment bears no interest. Where
money paid early is for the next rows (`Prepayment.NEXT_ROWS`, `Surplus.NEXT`), a level instalment paid before its day is
paid: its interest is what was earned by then, the rest of it is principal, and the interest of the days that follow falls
due with the next row. Not so where interest is for whole periods, and not in a principal grace.
Sources: Fineract, interest recalculation (daily rest, no compounding); the study, loan servicing §2.5 and §1 (prepayment
policy).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Generic, NamedTuple, Protocol, TypeVar

from app.domain.allocation import Component, OpenClaim, Stage, Strategy, Surplus, When, spread
from app.domain.amortisation import amortise, changes_of, dated_periods, lent_at_start
from app.domain.annuities import FREE, Factor, level_instalment, rate_factors
from app.domain.ceilings import Ceiling
from app.domain.contracts import Contract, Method, Prepayment
from app.domain.day_counts import share_of_part
from app.domain.level_rows import Change, run_from
from app.domain.plans import without_down_payments
from app.domain.rounding import divide
from app.domain.stops import Span, without

_CHOICES = {
    Surplus.NEXT: Prepayment.PAY_AHEAD,
    Surplus.LAST: Prepayment.REDUCE_TERM,
    Surplus.EVENLY: Prepayment.REDUCE_INSTALMENT,
}


_PRINCIPAL_AHEAD = Strategy(
    "principal-in-advance",
    (Stage(When.IN_ADVANCE, (Component.PRINCIPAL,)),),
    "Apache Fineract, advanced payment allocation: future instalments of loans with interest recalculation",
)


class Row(OpenClaim, Protocol):
    """A row of the account: what is due and open by component, and when."""

    due: list[int]
    paid_on: date | None
    stopped_minor: int


R = TypeVar("R", bound=Row)


class _Closed(NamedTuple):
    """An instalment paid before its due date: on which day, and its principal (None: still to be worked out)."""

    on: date
    principal_minor: int | None = None


class _Waiting(NamedTuple):
    """A stretch of a row whose interest has not fallen due yet."""

    k: int
    start: date
    end: date
    planned: int
    """The balance at the row's beginning."""
    after: int
    """The same, less what was paid ahead."""


class ActualBalance(Generic[R]):
    """Works the rows of one loan out again after each thing that happens to it. `rows` are those of its periods."""

    def __init__(
        self, contract: Contract, rows: Sequence[R], stopped: Sequence[Span] = (), ceiling: Ceiling | None = None
    ) -> None:
        self.contract = contract
        self._stopped = stopped
        self._ceiling = ceiling if ceiling is not None and _may_exceed(contract, ceiling) else None
        self.rows = rows
        self._dated = dated_periods(contract)
        self.periods = [period.interest for period in self._dated.periods[: len(rows)]]
        self._lent = lent_at_start(contract)
        self._changes = sorted(changes_of(contract), key=lambda change: change.on)
        self._inside = [[each for each in self._changes if p.from_on <= each.on < p.to_on] for p in self.periods]
        self._lent_later = [sum(e.amount_minor for e in self._changes if e.on >= p.to_on) for p in self.periods]
        """By row, what is lent after it."""
        self._factors: dict[Fraction, list[Factor]] = {}
        self._own = {id(row) for row in rows}
        self.paid: list[tuple[date, int]] = []
        """Principal paid, by day."""
        self._chosen: dict[int, Prepayment] = {}
        """By row, what the payer chose for money paid early in it; else the contract's way."""
        self._closed: dict[int, _Closed] = {}
        """By row, how its whole instalment was paid before its due date."""
        self._instalments: list[int] = []
        """By row, what a level instalment comes to, as last worked out."""
        self._begins = self._anew(0, self._lent, contract.annual_rate, ())

    @classmethod
    def of(
        cls, contract: Contract, rows: Sequence[R], stopped: Sequence[Span] = (), ceiling: Ceiling | None = None
    ) -> "ActualBalance[R] | None":
        """Return it for an account of these rows; None where they are not the contract's, as after another plan."""
        agreed = [[each.principal_minor, each.interest_minor] for each in amortise(contract)]
        own = without_down_payments(rows, contract.down_payment_days)
        return cls(contract, own, stopped, ceiling) if agreed == [row.due[:2] for row in own] else None

    def note(self, row: R, on: date, principal_minor: int) -> None:
        """Remember that principal of a row was paid. A down payment is not part of the balance that bears interest."""
        if not principal_minor or id(row) not in self._own:
            return
        self.paid.append((on, principal_minor))
        if principal_minor < 0:  # given back: the row is open again
            index = next(k for k, each in enumerate(self.rows) if each is row)
            self._closed.pop(index, None)

    def reduce(
        self, amount_minor: int, on: date, strategy: Strategy, choice: Surplus | None = None
    ) -> list[tuple[R, int, int]]:
        """Take money that is more than what is due off the balance; return (row, principal, interest) it counts for.

        `strategy` is the loan's, `choice` the payer's, for this money. What is more than the balance is left over. The rows
        are to be projected again.
        """
        surplus, principal_first = strategy.surplus, _principal_first(strategy)
        owed = self._lent_by(on) - sum(minor for _, minor in self.paid)
        current = next((k for k, row in enumerate(self.rows) if row.due_on >= on), len(self.rows) - 1)
        principal = min(amount_minor, owed)
        if principal <= 0:
            return []
        way = self.contract.prepayment if choice is None else _CHOICES[choice]
        if way is not Prepayment.NEXT_ROWS:
            self._chosen[current] = way
            return [(self.rows[current], principal, 0)]
        if surplus is not Surplus.NEXT:
            placed = spread(principal, self.rows, on, replace(_PRINCIPAL_AHEAD, surplus=surplus))
            return [(self.rows[index], part.principal, 0) for index, part in placed]
        if self._instalments_close(current):
            return self._close(amount_minor, owed, current, on, principal_first)
        self.project(on, ahead_minor=principal)
        found: list[tuple[R, int, int]] = []
        for row in self.rows[current:]:
            part = min(principal, row.open[0])
            principal -= part
            if part:
                found.append((row, part, 0))
        return found

    def _instalments_close(self, current: int) -> bool:
        contract = self.contract
        level = contract.method in (Method.EQUAL_INSTALMENT, Method.FIXED_INSTALMENT)
        return level and not contract.whole_periods and current >= contract.principal_grace

    def _close(self, left: int, owed: int, current: int, on: date, principal_first: bool) -> list[tuple[R, int, int]]:
        """Pay whole instalments from the current row on; what does not pay one whole is paid into it."""
        last = len(self.rows) - 1
        lends_more = any(each.amount_minor and each.on > on for each in self._changes)
        found: list[tuple[R, int, int]] = []
        for k in range(current, last + 1):
            row = self.rows[k]
            if row.due_on <= on or k in self._closed or not any(row.open[:2]):
                continue
            if not found:
                self._closed[k] = _Closed(on)
                self.project(on)
                principal, interest = row.open[0] if lends_more else min(row.open[0], owed), row.open[1]
                del self._closed[k]
            else:  # before its first day no interest is earned
                principal, interest = owed if k == last else min(self._instalments[k], owed), 0
            # A row is not whole while more is to be lent in it, or for lack of what is to be lent after it.
            whole = not (lends_more and (k == last or principal >= owed or any(e.on > on for e in self._inside[k])))
            if not whole or left < principal + interest:
                most = min(left, owed + interest)
                part = min(most, principal, owed) if principal_first else most - min(most, interest)
                found.append((row, part, min(most - part, interest)))
                break
            self._closed[k] = _Closed(on, row.due[0] - row.open[0] + principal)
            found.append((row, principal, interest))
            left -= principal + interest
            owed -= principal
            if not left or not owed:
                break
        return found

    def project(self, today: date, ahead_minor: int = 0) -> None:
        """Set principal and interest of every row as they follow from what was paid until `today`.

        `ahead_minor` is principal paid today that no row has yet; it counts for the first rows that are not due.
        """
        contract, rows, last = self.contract, self.rows, len(self.rows) - 1
        planned, rate = self._lent, contract.annual_rate
        level, surplus = self._begins, 0
        later = sum(row.due[0] - row.open[0] for row in rows)
        ahead = later + ahead_minor
        self._instalments = []
        waiting: list[_Waiting] = []
        for k, row in enumerate(rows):
            paid = row.due[0] - row.open[0]
            period = self.periods[k]
            waiting.append(_Waiting(k, period.from_on, period.to_on, planned, planned - ahead))
            closed = self._closed.get(k)
            interest, waiting = self._charged(waiting, closed.on if closed else None, today)
            interest = max(interest, row.due[1] - row.open[1])  # what was paid of it stays
            owed = max(interest - self._relief, row.due[1] - row.open[1])
            row.stopped_minor = interest - owed
            inside = self._inside[k]
            if inside:
                level, surplus = self._anew(k, planned, rate, inside), 0
                planned += sum(change.amount_minor for change in inside)
                rate = _rate_after(inside, rate)
            wanted = level if contract.method is Method.EQUAL_PRINCIPAL else max(level - surplus, interest) - interest
            way = self._chosen.get(k, contract.prepayment)
            self._instalments.append(max(level - surplus, 0))
            principal = self._principal(k, planned, wanted)
            if closed and closed.principal_minor is not None:
                principal = min(closed.principal_minor, planned)
            excess = min(paid, planned) > principal
            if excess:
                principal = min(paid, planned)
            later -= paid
            # What was paid in later rows by their name is not asked for here.
            principal = max(min(principal, planned + self._lent_later[k] - later), 0)
            _set(row, principal, owed)
            planned -= principal
            ahead = max(ahead - (principal if ahead_minor and row.due_on >= today else paid), 0)
            if surplus or (excess and way is Prepayment.PAY_AHEAD):
                surplus = max(surplus + principal + interest - level, 0)
            if excess and k < last and way is Prepayment.REDUCE_INSTALMENT:
                level = self._less(k + 1, planned, rate, level)

    def _anew(self, k: int, opening: int, rate: Fraction, inside: Sequence[Change]) -> int:
        """Return what rows from `k` on pay once something changes in it: the instalment, or of equal principal its part."""
        contract, dated = self.contract, self._dated
        if contract.method is Method.EQUAL_PRINCIPAL:
            balance = opening + sum(change.amount_minor for change in inside)
            return divide(balance, len(self.rows) - max(k, contract.principal_grace), contract.rounding)
        if contract.method not in (Method.EQUAL_INSTALMENT, Method.FIXED_INSTALMENT):
            return 0
        if contract.instalment_minor is not None:
            return contract.instalment_minor
        return run_from(contract, dated.periods, dated.shares, k, opening, rate, inside).level_and_rows()[0]

    def _less(self, k: int, balance: int, rate: Fraction, level: int) -> int:
        """Return the smaller instalment of the rows from `k` on after money paid early; a part of principal stays."""
        contract = self.contract
        if contract.method is Method.EQUAL_PRINCIPAL or contract.instalment_minor is not None or not level or balance <= 0:
            return level if balance > 0 else 0
        start = max(k, contract.principal_grace)
        return level_instalment(contract, balance, self.periods[start:], self._factors_at(rate)[start:], rate)

    def _factors_at(self, rate: Fraction) -> list[Factor]:
        if rate not in self._factors:
            found = rate_factors(rate, self._dated.shares[: len(self.rows)])
            free = min(self.contract.interest_free, len(found))
            self._factors[rate] = [FREE] * free + found[free:]
        return self._factors[rate]

    def _principal(self, k: int, planned: int, wanted: int) -> int:
        contract = self.contract
        if k == len(self.rows) - 1:
            return planned
        if k < contract.principal_grace or contract.method in (Method.INTEREST_ONLY, Method.SINGLE_PAYMENT):
            return 0
        return max(min(wanted, planned), 0)

    def _charged(self, waiting: list["_Waiting"], closed: date | None, today: date) -> tuple[int, list["_Waiting"]]:
        """Return the interest of what is waiting that falls due with a row, and what goes on waiting for the next one.

        It is what the contract asks, by which principal is worked out; `_relief` is then what of it a law takes off.
        """
        self._relief = 0
        if closed is None:
            return sum(self._interest(each, today) for each in waiting), []
        now = [each._replace(end=min(each.end, closed)) for each in waiting if each.start < closed]
        later = [each._replace(start=max(each.start, closed)) for each in waiting if each.end > closed]
        return sum(self._interest(each, today) for each in now), later

    def _interest(self, stretch: "_Waiting", today: date) -> int:
        """Return the interest of a stretch of a row: on the true balance until `today`, on the planned one from then on."""
        contract, (k, start, end, _, after) = self.contract, stretch
        if k < contract.interest_free:
            return 0
        days = {start, *(each.on for each in self._inside[k] if start < each.on < end)}
        if not contract.whole_periods:
            days |= {on for on, _ in self.paid if start < on < end}
            if start < today < end:
                days.add(today)
        stretches: list[tuple[date, int, int]] = []
        for day in sorted(days):
            seen = sum(each.on <= day for each in self._changes) if self._changes else 0
            paid_by = start if contract.whole_periods else day
            if paid_by < today:
                balance = self._lent_by(day) - sum(minor for on, minor in self.paid if on <= paid_by)
            else:
                balance = after + sum(each.amount_minor for each in self._inside[k] if each.on <= day)
            balance = max(balance, 0)  # paid ahead of what is still to be lent
            if not stretches or stretches[-1][1:] != (balance, seen):
                stretches.append((day, balance, seen))
        ends = [day for day, _, _ in stretches[1:]] + [end]
        return sum(self._rounded(k, balance, day, stop) for (day, balance, _), stop in zip(stretches, ends, strict=True))

    def _rounded(self, k: int, balance: int, start: date, end: date) -> int:
        """Return the interest of a stretch of one balance and one rate, the one that holds on its first day."""
        contract = self.contract
        rate = _rate_after([each for each in self._changes if each.on <= start], contract.annual_rate)
        asked = self._for_days(k, balance, rate, start, end)
        if self._stopped or self._ceiling is not None:
            self._relief += max(asked - self._lawful(k, balance, rate, start, end), 0)
        return asked

    def _for_days(self, k: int, balance: int, rate: Fraction, start: date, end: date) -> int:
        share, year = share_of_part(self.contract.day_count, self.periods[k], start, end)
        return divide(balance * rate.numerator * share, rate.denominator * year, self.contract.rounding)

    def _lawful(self, k: int, balance: int, rate: Fraction, start: date, end: date) -> int:
        """Return the interest of the days that bear any, none of them dearer than a cap allows."""
        ceiling, total = self._ceiling, 0
        for since, until in without(start, end, self._stopped):
            turn = until if ceiling is None else min(max(ceiling.from_on, since), until)
            total += self._for_days(k, balance, rate, since, turn) if since < turn else 0
            if ceiling is not None and turn < until:
                lawful = ceiling.most(balance * (until - turn).days)
                total += min(self._for_days(k, balance, rate, turn, until), lawful)
        return total

    def _lent_by(self, on: date) -> int:
        return self._lent + sum(each.amount_minor for each in self._changes if each.on <= on)


def _may_exceed(contract: Contract, ceiling: Ceiling) -> bool:
    rates = (contract.annual_rate, *(each.annual_rate for each in contract.rate_changes))
    return max(rates) > ceiling.annual_rate


def _principal_first(strategy: Strategy) -> bool:
    ahead = [component for stage in strategy.stages if When.IN_ADVANCE in stage.when for component in stage.order]
    return ahead.index(Component.PRINCIPAL) < ahead.index(Component.INTEREST)


def _rate_after(changes: Sequence[Change], rate: Fraction) -> Fraction:
    return next((change.annual_rate for change in reversed(changes) if change.annual_rate is not None), rate)


def _set(row: Row, principal: int, interest: int) -> None:
    paid_principal, paid_interest = row.due[0] - row.open[0], row.due[1] - row.open[1]
    row.due[0], row.due[1] = max(principal, paid_principal), max(interest, paid_interest)
    row.open[0], row.open[1] = row.due[0] - paid_principal, row.due[1] - paid_interest
    if any(row.open):
        row.paid_on = None
