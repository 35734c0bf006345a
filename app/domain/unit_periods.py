"""Unit-periods of US Regulation Z: which interval a transaction is measured in, and how many lie between two dates.

Source: 12 CFR part 1026, appendix J, (b)(3) to (b)(5). Paragraph numbers below are of that appendix.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple


class UnitPeriod(NamedTuple):
    """`multiple` days, weeks or months, or one semimonth; 12 months are a year, and no unit-period is longer."""

    kind: str
    multiple: int = 1

    @property
    def per_year(self) -> Fraction:
        """How many there are in a year: (b)(5)(ii) to (v). Days that are no whole weeks count as days do."""
        return Fraction({"day": 365, "week": 52, "semimonth": 24, "month": 12}[self.kind], self.multiple)

    @property
    def length_days(self) -> int:
        """Its length where lengths are compared: a month has 30 days, a year 365."""
        if self == YEAR:
            return 365
        return {"day": 1, "week": 7, "semimonth": 15, "month": 30}[self.kind] * self.multiple


SEMIMONTH = UnitPeriod("semimonth")
YEAR = UnitPeriod("month", 12)
UNITS = {
    "day": UnitPeriod("day"),
    "week": UnitPeriod("week"),
    "two_weeks": UnitPeriod("week", 2),
    "four_weeks": UnitPeriod("week", 4),
    "semimonth": SEMIMONTH,
    "month": UnitPeriod("month"),
    "two_months": UnitPeriod("month", 2),
    "quarter": UnitPeriod("month", 3),
    "half_year": UnitPeriod("month", 6),
    "year": YEAR,
}
"""Names of the intervals that payments usually have."""
_STANDARD = (
    UnitPeriod("day"),
    *(UnitPeriod("week", count) for count in range(1, 53)),
    SEMIMONTH,
    *(UnitPeriod("month", count) for count in range(1, 13)),
)


def unit_period(advances: Sequence[date], payments: Sequence[date]) -> UnitPeriod:
    """Return the unit-period of a transaction; both are ascending, without repetition, and not empty. Source: (b)(4)."""
    start = advances[0]
    if len(advances) == len(payments) == 1:
        return _term(start, payments[0])
    chains = (advances, (start, *payments))
    found: Counter[UnitPeriod] = Counter(unit for chain in chains for units in _intervals(chain) for unit in units)
    common = {unit: times for unit, times in found.items() if times > 1}
    if common:
        return min(common, key=lambda unit: (-common[unit], unit.length_days, unit))
    spans = [(later - earlier).days for chain in chains for earlier, later in pairwise(chain)]
    average = Fraction(sum(spans), len(spans))
    return min(_STANDARD, key=lambda unit: (abs(average - unit.length_days), unit.length_days, unit))


def between(start: date, on: date, unit: UnitPeriod, dates: Sequence[date]) -> tuple[int, Fraction]:
    """Return the full unit-periods from `start` to `on` and the part of one that remains (0 to 1). Source: (b)(5).

    `dates` are all dates of the transaction; they tell whether a 28th of February stands for the end of the month.
    """
    if unit.kind in ("day", "week"):
        return _divided((on - start).days, unit.length_days)
    day = _measured_day(on, dates)
    months, begins_on = _full_months(start, on, day)
    days = (begins_on - start).days
    if unit == YEAR:
        years, more_months = divmod(months, 12)
        if days == 0:
            return years, Fraction(more_months, 12)
        return years, Fraction((_back(on, 12 * years, day) - start).days, 365)
    if unit.kind == "month" and unit.multiple == 1:
        return months, Fraction(days, 30)
    return _divided(30 * months + days, unit.length_days)


def dates_every(unit: UnitPeriod, first: date, count: int) -> list[date]:
    """Return `count` dates, one unit apart. Semimonthly ones fall on two days 15 apart, such as the 1st and the 16th."""
    if unit.kind in ("day", "week"):
        return [date.fromordinal(first.toordinal() + n * unit.length_days) for n in range(count)]
    if unit.kind == "month":
        return [_moved(first, n * unit.multiple, first.day) for n in range(count)]
    lower = first.day if first.day <= 15 else first.day - 15
    late = int(first.day > 15)
    return [_moved(first, (n + late) // 2, lower + 15 * ((n + late) % 2)) for n in range(count)]


def _term(start: date, on: date) -> UnitPeriod:
    """(b)(4)(ii), (b)(5)(vi) and (vii): the term itself, in months where it is whole months, at most a year."""
    months = _whole_months(start, on)
    if months is not None and 0 < months < 12:
        return UnitPeriod("month", months)
    return YEAR if on >= _moved(start, 12, start.day) else UnitPeriod("day", (on - start).days)


def _intervals(chain: Sequence[date]) -> list[set[UnitPeriod]]:
    """Return for each period between neighbours what it may be called: 28 days may be four weeks and a month."""
    named = []
    for at, (earlier, later) in enumerate(pairwise(chain)):
        days = (later - earlier).days
        units = set()
        months = _whole_months(earlier, later)
        if months:
            units.add(UnitPeriod("month", min(months, 12)))
        if days % 7 == 0 and days <= 364:
            units.add(UnitPeriod("week", days // 7))
        around = ((chain[at - 1], later) if at else None, (earlier, chain[at + 2]) if at + 2 < len(chain) else None)
        if 13 <= days <= 18 and any(pair and _whole_months(*pair) == 1 for pair in around):
            units.add(SEMIMONTH)
        if not units:
            units.add(UnitPeriod("day", days) if days <= 365 else YEAR)
        named.append(units)
    return named


def _whole_months(earlier: date, later: date) -> int | None:
    """Return the months between the same point of two months; the last of a shorter month stands for a day it lacks."""
    same = (
        earlier.day == later.day
        or (_is_last(earlier) and later.day > earlier.day)
        or (_is_last(later) and earlier.day > later.day)
    )
    return (later.year - earlier.year) * 12 + later.month - earlier.month if same else None


def _measured_day(on: date, dates: Sequence[date]) -> int:
    """Return the day of the month that months are measured back to from `on`: (b)(3)(iv)."""
    late = [each for each in dates if each.day >= 28]
    if on not in late:
        return on.day
    if all(_is_last(each) for each in dates):
        return 31
    latest = max(each.day for each in dates[1:])
    scheduled = [each for each in dates[1:] if each.day >= 28]
    return latest if all(each.day == min(latest, _length(each)) for each in scheduled) else on.day


def _full_months(start: date, on: date, day: int) -> tuple[int, date]:
    months = (on.year - start.year) * 12 + on.month - start.month
    if _back(on, months, day) < start:
        months -= 1
    return months, _back(on, months, day)


def _back(on: date, months: int, day: int) -> date:
    return _moved(on, -months, day) if months else on


def _moved(on: date, months: int, day: int) -> date:
    """Return that day of the month so many months from `on`, or its last day."""
    year, month = divmod(on.year * 12 + on.month - 1 + months, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))


def _length(on: date) -> int:
    return monthrange(on.year, on.month)[1]


def _is_last(on: date) -> bool:
    return on.day == _length(on)


def _divided(days: int, length_days: int) -> tuple[int, Fraction]:
    whole, rest = divmod(days, length_days)
    return whole, Fraction(rest, length_days)
