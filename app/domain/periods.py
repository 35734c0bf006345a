"""When instalments fall due: periods of days, weeks, half-months and months, with a first period short or long.

Interest runs from period to period on the unadjusted dates; a due date that is no business day moves by the contract's
rule without changing the interest (ISDA "unadjusted"). Months step from the anchor day: 31 January, 28 February, 31 March.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from app.domain.day_counts import InterestPeriod, days_30_360
from app.domain.errors import refused_at

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Unit(StrEnum):
    """What a period is counted in."""

    DAYS = "days"
    WEEKS = "weeks"
    HALF_MONTHS = "half_months"
    MONTHS = "months"


class DayOfMonth(StrEnum):
    """Which day of its month a monthly instalment falls on."""

    SAME = "same_day"
    """The day of the first due date, or the last day of a shorter month."""
    MONTH_END = "month_end"
    FIRST_OF_NEXT = "first_of_next_month"


@dataclass(frozen=True, slots=True)
class Frequency:
    """One instalment every `every` units."""

    every: int = 1
    unit: Unit = Unit.MONTHS

    @property
    def nominal_days(self) -> int:
        """The length of a period in a year of 360 days."""
        return self.every * {Unit.DAYS: 1, Unit.WEEKS: 7, Unit.HALF_MONTHS: 15, Unit.MONTHS: 30}[self.unit]


MONTHLY = Frequency()


class Period(NamedTuple):
    """One row's stretch of interest and its due date before any business-day rule."""

    interest: InterestPeriod
    due_on: date


def month_length(year: int, month: int) -> int:
    """Return how many days a month has."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _LENGTHS[month - 1]


def add_months(on: date, months: int, day: int | None = None) -> date:
    """Return the date `months` later, on `day` (default: its own) or the last day of a shorter month."""
    years, month = divmod(on.month - 1 + months, 12)
    year = on.year + years
    return date(year, month + 1, min(day or on.day, month_length(year, month + 1)))


def step(start: date, frequency: Frequency, times: int) -> date:
    """Return the date `times` periods after `start`, counted from `start` and never from the date before it.

    Raises ValidationError for a date after the year 9999.
    """
    try:
        return _step(start, frequency, times)
    except (ValueError, OverflowError):
        detail = f"{times} periods after {start} fall after the year 9999; fewer or shorter ones do not."
        raise refused_at("/contract/instalments", detail) from None


def _step(start: date, frequency: Frequency, times: int) -> date:
    count = frequency.every * times
    if frequency.unit is Unit.DAYS:
        return start + timedelta(days=count)
    if frequency.unit is Unit.WEEKS:
        return start + timedelta(days=7 * count)
    if frequency.unit is Unit.MONTHS:
        return add_months(start, count)
    months, half = divmod(count, 2)
    if not half:
        return add_months(start, months)
    if start.day <= 15:
        return add_months(start, months, start.day + 15)
    return add_months(start, months + 1, start.day - 15)


def first_due_on(start: date, frequency: Frequency, rule: DayOfMonth = DayOfMonth.SAME) -> date:
    """Return the first due date of a loan that starts on `start` and names none."""
    due = step(start, frequency, 1)
    return on_day_of_month(due, rule) if frequency.unit is Unit.MONTHS else due


def on_day_of_month(due: date, rule: DayOfMonth) -> date:
    """Return `due` moved to the day of the month that the rule names."""
    if rule is DayOfMonth.MONTH_END:
        return date(due.year, due.month, month_length(due.year, due.month))
    if rule is DayOfMonth.FIRST_OF_NEXT:
        return due if due.day == 1 else add_months(due, 1, 1)
    return due


def broken_days(start: date, end: date, frequency: Frequency) -> int:
    """Return the nominal length of a period that is no whole number of the frequency's own."""
    return (end - start).days if frequency.unit in (Unit.DAYS, Unit.WEEKS) else days_30_360(start, end)


@lru_cache(maxsize=4096)
def periods_to(due_dates: Sequence[date], starts_on: date, frequency: Frequency) -> tuple[Period, ...]:
    """Return the periods that end on given days, each of one unit's nominal length. `due_dates` ascend from `starts_on`."""
    starts = (starts_on, *due_dates)
    return tuple(
        Period(InterestPeriod(start, end, frequency.nominal_days), end)
        for start, end in zip(starts, due_dates, strict=False)
    )


def periods(
    starts_on: date,
    frequency: Frequency,
    count: int,
    first: date | None = None,
    rule: DayOfMonth = DayOfMonth.SAME,
) -> tuple[Period, ...]:
    """Return `count` periods from `starts_on`; `first` is the first due date when it is not one whole period later."""
    natural = first_due_on(starts_on, frequency, rule)
    first = natural if first is None else on_day_of_month(first, rule) if frequency.unit is Unit.MONTHS else first
    nominal = frequency.nominal_days
    regular = first == step(starts_on, frequency, 1)
    first_days = nominal if regular else broken_days(starts_on, first, frequency)
    found = [Period(InterestPeriod(starts_on, first, first_days), first)]
    before = first
    # A regular first period keeps the anchor day of the start: 31 January, 28 February, 31 March.
    anchor, ahead = (starts_on, 1) if regular else (first, 0)
    for times in range(1, count):
        due = step(anchor, frequency, times + ahead)
        if rule is DayOfMonth.MONTH_END and frequency.unit is Unit.MONTHS:
            due = on_day_of_month(due, rule)
        found.append(Period(InterestPeriod(before, due, nominal), due))
        before = due
    return tuple(found)
