"""Readers of single values of a stored contract; what cannot be true raises ValueError with words for whoever sent it."""

from collections.abc import Callable, Sequence
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any

Read = Callable[[Any], Any]
MOST_MINOR = 10**15
"""The largest amount a contract may name, in minor units."""


def one_of(kind: type[StrEnum]) -> Read:
    """Return the reader of a name out of a list."""

    def read(value: Any) -> StrEnum:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(kind)}") from None

    return read


def whole(least: int, most: int) -> Read:
    """Return the reader of a whole number between two, both included."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            upto = f"to {most}" if most < MOST_MINOR else "up, of at most 15 digits"
            raise ValueError(f"must be a whole number from {least} {upto}")
        return value

    return read


def share(most: int) -> Read:
    """Return the reader of a fraction of one, a decimal string, of at most so many."""

    def read(value: Any) -> Fraction:
        if not isinstance(value, str) or not value.replace(".", "", 1).isdecimal() or len(value) > 20:
            raise ValueError('must be a decimal string such as "0.154"')
        found = Fraction(value)
        if found > most:
            raise ValueError(f'must be a fraction of one, at most {most}: 15.4 % is "0.154"')
        return found

    return read


def day(value: Any) -> date:
    """Read a date. Raises ValueError."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a date such as 2026-11-23") from None


def flag(value: Any) -> bool:
    """Read true or false. Raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def text(value: Any) -> str:
    """Read a short text. Raises ValueError."""
    if not isinstance(value, str) or not 0 < len(value) <= 80:
        raise ValueError("must be a text of at most 80 characters")
    return value


def some_days(value: Any) -> tuple[date, ...]:
    """Read a list of dates. Raises ValueError."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > 1200:
        raise ValueError("must be a list of at most 1200 dates")
    return tuple(day(each) for each in value)
