"""The cooling-off period of a contract: days after signing in which the borrower may leave without penalty."""

from datetime import date, timedelta


def last_day(signed_on: date, cooling_off_days: int) -> date:
    """Return the last day of the period, inclusive; the day after signing is day 1."""
    return signed_on + timedelta(days=cooling_off_days)


def may_leave(signed_on: date, cooling_off_days: int | None, on: date) -> bool:
    """Whether the borrower may leave without penalty on that day; never without a period (None)."""
    return cooling_off_days is not None and on <= last_day(signed_on, cooling_off_days)
