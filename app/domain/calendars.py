"""Business days: calendars with layers of edits, and the rules that move a date off a day that is none."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import MAXYEAR, MINYEAR, date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from app.domain.errors import ValidationError

SATURDAY_SUNDAY = frozenset({5, 6})
SEARCH_DAYS = 366
"""Where no business day lies within so many days there is none: every day was declared off."""
_DAYS = range(1, date.max.toordinal() + 1)


class DayKind(StrEnum):
    """What a calendar says of a day it names."""

    OFF = "off"
    """No business: a public holiday, a day between two, a day the lender is closed."""
    WORKING = "working"
    """Business although it is a weekend day or a day off below: Chinese make-up days, a lender open on a holiday."""


class CalendarDay(NamedTuple):
    """One day a calendar names."""

    day: date
    kind: DayKind
    name: str


class BusinessDayRule(StrEnum):
    """Where a date goes that is no business day.

    Source: ISDA 2006 Definitions §4.12 for following, modified following and preceding; FpML BusinessDayConventionEnum
    (NONE, MODPRECEDING) for the other two.
    """

    NONE = "none"
    """Stays where it is."""
    FOLLOWING = "following"
    """To the next business day."""
    MODIFIED_FOLLOWING = "modified_following"
    """To the next business day, unless that is in another month: then to the one before."""
    PRECEDING = "preceding"
    """To the business day before."""
    MODIFIED_PRECEDING = "modified_preceding"
    """To the business day before, unless that is in another month: then to the next."""


@dataclass(frozen=True)
class Calendar:
    """Which days are business days. Days are dates, never datetimes.

    Outside the years it is known for a calendar still answers, from its weekends and whatever days it has: whoever asks
    decides with `is_known` whether that is good enough. Raises ValidationError for a day that is both off and working.
    """

    name: str
    weekend: frozenset[int] = SATURDAY_SUNDAY
    """Weekdays as `date.weekday()` counts them: Monday 0, Sunday 6."""
    days_off: frozenset[date] = frozenset()
    working_days: frozenset[date] = frozenset()
    known_from: int = MAXYEAR
    """First and last year whose days are all stated, inclusive; no year is where the first is after the last."""
    known_to: int = MINYEAR

    def __post_init__(self) -> None:
        both = self.days_off & self.working_days
        if both:
            raise ValidationError(f"Calendar {self.name} has {min(both)} both off and working.")

    def is_business_day(self, day: date) -> bool:
        """Return whether business is done on that day."""
        return day in self.working_days or (day.weekday() not in self.weekend and day not in self.days_off)

    def is_known(self, day: date) -> bool:
        """Return whether the days of that year are all stated, none estimated and none to be announced."""
        return self.known_from <= day.year <= self.known_to

    def next_business_day(self, day: date) -> date:
        """Return the first business day after `day`. Raises ValidationError when there is none within SEARCH_DAYS."""
        return self._first(day, timedelta(days=1))

    def previous_business_day(self, day: date) -> date:
        """Return the last business day before `day`. Raises ValidationError when there is none within SEARCH_DAYS."""
        return self._first(day, timedelta(days=-1))

    def add_business_days(self, day: date, count: int) -> date:
        """Return the `count`-th business day after `day`, or before it for a negative count; for 0 `day` as it is.

        Raises ValidationError when there are not so many.
        """
        if count == 0:
            return day
        target = self._count(day.toordinal() - (count < 0)) + count + (count < 0)
        found = bisect_left(_DAYS, target, key=self._count)
        if target < 1 or found == len(_DAYS):
            raise ValidationError(f"Calendar {self.name} has no {count} business days from {day}.")
        return date.fromordinal(_DAYS[found])

    def business_days_between(self, start: date, end: date) -> int:
        """Return how many business days come after `start` up to and including `end`; negative when `end` is earlier."""
        return self._count(end.toordinal()) - self._count(start.toordinal())

    def with_days(self, off: Iterable[date] = (), working: Iterable[date] = (), *, name: str | None = None) -> "Calendar":
        """Return this calendar with a layer on top that wins where they differ.

        Raises ValidationError for a day that the layer has both off and working.
        """
        layer = Calendar(name or self.name, self.weekend, frozenset(off), frozenset(working))
        return replace(
            self,
            name=layer.name,
            days_off=(self.days_off - layer.working_days) | layer.days_off,
            working_days=(self.working_days - layer.days_off) | layer.working_days,
        )

    def _first(self, day: date, step: timedelta) -> date:
        with suppress(OverflowError):
            for ahead in range(1, SEARCH_DAYS + 1):
                found = day + ahead * step
                if self.is_business_day(found):
                    return found
        raise ValidationError(f"Calendar {self.name} has no business day within {SEARCH_DAYS} days of {day}.")

    def _count(self, ordinal: int) -> int:
        """Return how many business days there are from 0001-01-01, a Monday, to that day inclusive. Takes no scan."""
        weeks, days = divmod(ordinal, 7)
        off, working = self._exceptions
        of_weekdays = weeks * self._weekdays[7] + self._weekdays[days]
        return of_weekdays - bisect_right(off, ordinal) + bisect_right(working, ordinal)

    @cached_property
    def _weekdays(self) -> tuple[int, ...]:
        """How many of the first n weekdays from Monday are no weekend, for n from 0 to 7."""
        return tuple(sum(day not in self.weekend for day in range(n)) for n in range(8))

    @cached_property
    def _exceptions(self) -> tuple[list[int], list[int]]:
        """Days off that are no weekend, and working days that are; as ordinals, sorted."""
        return (
            sorted(day.toordinal() for day in self.days_off if day.weekday() not in self.weekend),
            sorted(day.toordinal() for day in self.working_days if day.weekday() in self.weekend),
        )


def adjust(day: date, rule: BusinessDayRule, calendar: Calendar) -> date:
    """Return `day` moved by the rule; a business day stays where it is.

    The modified rules leave the month only where it has no business day at all. Raises ValidationError when there is no
    business day within SEARCH_DAYS.
    """
    if rule is BusinessDayRule.NONE or calendar.is_business_day(day):
        return day
    forward = rule in (BusinessDayRule.FOLLOWING, BusinessDayRule.MODIFIED_FOLLOWING)
    found = calendar.next_business_day(day) if forward else calendar.previous_business_day(day)
    modified = rule in (BusinessDayRule.MODIFIED_FOLLOWING, BusinessDayRule.MODIFIED_PRECEDING)
    if modified and (found.year, found.month) != (day.year, day.month):
        return calendar.previous_business_day(day) if forward else calendar.next_business_day(day)
    return found
