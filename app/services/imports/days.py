"""Days that a file does not state but its terms give: the first instalment a month after the loan, the 12th after it."""

from calendar import monthrange
from datetime import date


def later_day(start: date, on_day: int | None, months: int) -> date:
    """Return `start`, or the first day of the month `on_day` (1 to 28) after it, and `months` calendar months later.

    A day the month does not have becomes its last: a month after 31 January is 28 or 29 February.
    """
    day = start
    if on_day is not None:
        day = start.replace(day=on_day)
        if day <= start:
            day = _in_months(day, 1)
    return _in_months(day, months)


def _in_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
