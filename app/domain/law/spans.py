"""Calendar arithmetic of the law: periods of days, business days, months and years, with month ends clamped."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, timedelta

from app.domain.law.params import Params
from app.domain.periods import add_months

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Span:
    """A period from an anchor date. Months (years are twelve) are added first, then days, then business days."""

    months: int = 0
    days: int = 0
    business_days: int = 0
    hours: int | None = None
    """Counted from an instant; then nothing else is."""
    inclusive: bool = False
    """The anchor day is day 1."""

    def after(self, anchor: date, holidays: AbstractSet[date]) -> date:
        """Return the last date of the period, or the calendar's where the period ends beyond it. The hours are not in it."""
        try:
            start = anchor - _DAY if self.inclusive else anchor
            moved = add_months(anchor, self.months) - (anchor - start) if self.months else start
            return add_business_days(moved + self.days * _DAY, self.business_days, holidays)
        except (OverflowError, ValueError):
            return date.max

    def longer(self, by: "Span") -> "Span":
        """Return the sum of two periods from the same anchor."""
        return replace(
            self,
            months=self.months + by.months,
            days=self.days + by.days,
            business_days=self.business_days + by.business_days,
            hours=None if self.hours is None and by.hours is None else (self.hours or 0) + (by.hours or 0),
        )


def later(on: date, by: timedelta) -> date:
    """Return a later date, or the calendar's last one: a record may hold "until the year 9999"."""
    return on + min(by, date.max - on)


def add_business_days(on: date, count: int, holidays: AbstractSet[date]) -> date:
    """Return the `count`-th day after `on` that is neither Saturday, Sunday nor a holiday; for 0 `on` as it is."""
    while count > 0:
        on += _DAY
        if on.weekday() < _SATURDAY and on not in holidays:
            count -= 1
    return on


SPAN_NAMES = ("days", "months", "years", "hours", "business_days")


def read_span(params: Params, inclusive: bool = False) -> Span:
    """Return the period of a test's parameters."""
    if not any(params.has(name) for name in SPAN_NAMES):
        params.fault("days", "a period is missing")
    return Span(
        months=params.count("months", 0) + 12 * params.count("years", 0),
        days=params.count("days", 0),
        business_days=params.count("business_days", 0),
        hours=params.whole("hours"),
        inclusive=inclusive,
    )
