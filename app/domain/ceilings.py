"""What is above a cap is not collected: how much each row of a plan asks too much, and how much a charge may still add.

A cap bounds the sum of interest, fees, penalties and overdue interest over the principal in use. A plan that keeps it in sum
is left as it is. Of one that does not, what goes beyond the cap is taken off in the order of its rows, each as soon as all
that was asked until then is more than the principal until then may cost, until exactly the excess is gone. Within a row
penalties go first, then fees, then interest. Source: SPC provisions on private lending (2nd amendment of 2020), art. 25-29.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from app.domain.caps import YEAR_DAYS
from app.domain.plans import PlanRow
from app.domain.splits import NOTHING, Split


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The cap of one loan, as a replay needs it."""

    annual_rate: Fraction
    """A fraction, on a year of 365 days."""
    from_on: date
    """First day on which nothing above the cap is collected; what was paid before stays where it was booked."""
    lent: tuple[tuple[date, int], ...]
    """What was lent, in minor units by day."""
    fees_upfront_minor: int = 0
    """What was kept back from it at the start: it counts as charged, and bears no principal."""

    def most(self, principal_days: int) -> int:
        """Return the most that may be charged on principal (minor units) times days, rounded down."""
        return self.annual_rate.numerator * principal_days // (self.annual_rate.denominator * YEAR_DAYS)


@dataclass(frozen=True, slots=True)
class PlanExcess:
    """What a plan asks above the cap, by row in the order of the rows, and the room it leaves where it keeps it."""

    by_row: tuple[Split, ...]
    over_minor: int
    """All of it; what was kept back at the start may make it more than the rows can give up."""
    room_minor: int
    """What may still be charged beside the plan."""
    cut_minor: int
    """What of it is to be taken off the rows; less than all where interest of our own computing keeps the cap by itself."""

    @property
    def is_kept(self) -> bool:
        """Whether the plan keeps the cap."""
        return self.over_minor == 0


def plan_excess(rows: Sequence[PlanRow], ceiling: Ceiling) -> PlanExcess | None:
    """Return what the rows ask above the cap; None where they do not say all: their principal is not what was lent.

    `rows` ascend by due date.
    """
    lent_minor = sum(minor for _, minor in ceiling.lent)
    if not rows or sum(row.due.principal for row in rows) != lent_minor:
        return None
    charged = ceiling.fees_upfront_minor
    days = Principal(ceiling)
    most_by_row: list[int] = []
    for row in rows:
        most_by_row.append(ceiling.most(days.until(row.due_on)))
        days.repay(row.due_on, row.due.principal)
        charged += row.due.total - row.due.principal
    over = left = max(charged - most_by_row[-1], 0)
    found: list[Split] = []
    asked = ceiling.fees_upfront_minor
    for row, most in zip(rows, most_by_row, strict=True):
        due = row.due
        cut = min(max(asked + due.total - due.principal - most, 0), due.total - due.principal, left) if left else 0
        found.append(taken_off(due, cut) if cut else NOTHING)
        left -= cut
        asked += due.total - due.principal - cut
    return PlanExcess(tuple(found), over, max(most_by_row[-1] - charged, 0), over)


def excess_of_fees(rows: Sequence[PlanRow], ceiling: Ceiling, annual_rate: Fraction, excess: PlanExcess) -> PlanExcess:
    """Return what is to be taken off the fees of rows whose interest is worked out day by day, at the cap's rate at most."""
    share = min(ceiling.annual_rate / annual_rate, Fraction(1)) if annual_rate else Fraction(1)
    lawful = [row._replace(due=row.due._replace(interest=int(row.due.interest * share))) for row in rows]
    found = plan_excess(lawful, ceiling)
    if found is None:
        return excess
    by_row = tuple(part._replace(interest=0) for part in found.by_row)
    return PlanExcess(by_row, excess.over_minor, found.room_minor, sum(part.total for part in by_row))


def taken_off(of: Split | Sequence[int], minor: int) -> Split:
    """Return `minor` by component, taken of a split's charges: penalties first, then fees, then interest."""
    penalties = min(max(of[3], 0), minor)
    fees = min(max(of[2], 0), minor - penalties)
    return Split(0, min(max(of[1], 0), minor - penalties - fees), fees, penalties)


class Principal:
    """The principal in use of a loan, added up over its days (minor units times days)."""

    def __init__(self, ceiling: Ceiling) -> None:
        self._to_come = sorted(ceiling.lent)
        self._balance = -ceiling.fees_upfront_minor if self._to_come else 0
        self._since = self._to_come[0][0] if self._to_come else date.min
        self._total = 0

    def until(self, on: date) -> int:
        """Return the sum over the days before `on`; days must not go back."""
        while self._to_come and self._to_come[0][0] <= on:
            day, minor = self._to_come.pop(0)
            self._run_to(day)
            self._balance += minor
        self._run_to(on)
        return self._total

    def repay(self, on: date, minor: int) -> None:
        """Take principal off from `on` on, the day of the last `until`."""
        self.until(on)
        self._balance -= minor

    def _run_to(self, on: date) -> None:
        if on > self._since:
            self._total += max(self._balance, 0) * (on - self._since).days
            self._since = on
