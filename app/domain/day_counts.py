"""Day counts: which share of a year a stretch of days is, as an exact ratio (numerator, denominator).

A contract names how a month counts and how a year counts. Sources: ISDA 2006 definitions §4.16; the two that fix a whole
period at its nominal length (30/360 and its kin) prorate a part of it by actual days, as Fineract's progressive loans do
(14 of the 31 days of January are 14/31 of 30/360). Actual/actual is split at 31 December: days up to it over the length of
the old year, the rest over that of the new (Fineract; ISDA counts the 31st itself to the old year, `actual/actual-isda`).
"""

from datetime import date
from enum import StrEnum
from typing import NamedTuple

Share = tuple[int, int]
"""(numerator, denominator) of a year; not reduced."""

_BOTH_YEARS = 365 * 366


class DayCount(StrEnum):
    """Month convention / year convention."""

    THIRTY_360 = "30/360"
    THIRTY_365 = "30/365"
    ACTUAL_360 = "actual/360"
    ACTUAL_364 = "actual/364"
    ACTUAL_365 = "actual/365"
    ACTUAL_366 = "actual/366"
    ACTUAL_ACTUAL = "actual/actual"
    ACTUAL_ACTUAL_ISDA = "actual/actual-isda"

    @property
    def nominal(self) -> bool:
        """Whether a whole period counts by its nominal length rather than by its days."""
        return self is DayCount.THIRTY_360 or self is DayCount.THIRTY_365


_YEARS = {
    DayCount.THIRTY_360: 360,
    DayCount.THIRTY_365: 365,
    DayCount.ACTUAL_360: 360,
    DayCount.ACTUAL_364: 364,
    DayCount.ACTUAL_365: 365,
    DayCount.ACTUAL_366: 366,
}


class InterestPeriod(NamedTuple):
    """A stretch for which interest is worked out: from `from_on` (inclusive) to `to_on` (exclusive).

    `nominal_days` is its length in a year of 360 days: 30 for a month, 15 for half a month, the days themselves for periods
    of days and weeks, and 30/360 days for a broken first period.
    """

    from_on: date
    to_on: date
    nominal_days: int


def days_30_360(start: date, end: date) -> int:
    """Return the days between two dates where every month has 30. Source: ISDA 2006 §4.16(f), bond basis."""
    first = min(start.day, 30)
    last = 30 if end.day == 31 and first == 30 else end.day
    return (end.year - start.year) * 360 + (end.month - start.month) * 30 + last - first


def days_in_year(year: int) -> int:
    """Return 366 in a leap year, else 365."""
    return 366 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 365


def year_days(day_count: DayCount, on: date) -> int:
    """Return how many days the convention gives a year; of an actual year, the one of that day."""
    return _YEARS.get(day_count) or days_in_year(on.year)


def share_of_year(day_count: DayCount, period: InterestPeriod) -> Share:
    """Return the share of a year of a whole period."""
    if day_count.nominal:
        return period.nominal_days, _YEARS[day_count]
    return _actual(day_count, period.from_on, period.to_on)


def share_of_part(day_count: DayCount, period: InterestPeriod, start: date, end: date) -> Share:
    """Return the share of a year of a part of a period: a nominal period by actual days in it, others by their own days."""
    if day_count.nominal:
        whole = (period.to_on - period.from_on).days or 1
        return period.nominal_days * (end - start).days, _YEARS[day_count] * whole
    return _actual(day_count, start, end)


def _actual(day_count: DayCount, start: date, end: date) -> Share:
    year = _YEARS.get(day_count)
    if year is not None:
        return (end - start).days, year
    if start.year == end.year:
        return (end - start).days, days_in_year(start.year)
    cut_month, cut_day = (1, 1) if day_count is DayCount.ACTUAL_ACTUAL_ISDA else (12, 31)
    numerator = 0
    while start < end:
        cut = date(start.year + (cut_day == 1), cut_month, cut_day)
        if cut <= start:
            cut = date(start.year + 1, cut_month, cut_day)
        stop = min(cut, end)
        # From 31 December on, the days belong to the year that begins.
        year = days_in_year(start.year + (1 if cut_day == 31 and (start.month, start.day) == (12, 31) else 0))
        numerator += (stop - start).days * (_BOTH_YEARS // year)
        start = stop
    return numerator, _BOTH_YEARS
