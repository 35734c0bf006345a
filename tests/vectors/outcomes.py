"""What can become of a vector: it passes, it fails, or it is left out by name; and the comparisons that decide it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any


class Refused(Exception):
    """The product does not do this, or this runner does not understand it, and says so by name (docs/kernel-choices.md)."""


class ChosenDifference(Exception):
    """The product does this otherwise on purpose, and this vector shows the other way (docs/kernel-choices.md)."""


class Mismatch(AssertionError):
    """The product gives another figure."""


class Malformed(Exception):
    """The vector is not of the format: something is missing or is no date, no amount, no object."""


_compared: ContextVar[list[str]] = ContextVar("compared")


@contextmanager
def comparisons() -> Iterator[list[str]]:
    """Yield the list that every comparison of this block adds its name to. A vector that compares nothing proves nothing."""
    made: list[str] = []
    token = _compared.set(made)
    try:
        yield made
    finally:
        _compared.reset(token)


def day(text: Any) -> date:
    """Return an ISO date."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise Malformed(f"{text!r} is not a date") from None


def minor(text: Any, digits: int = 2) -> int:
    """Return decimal text in minor units, exactly; empty is 0."""
    try:
        scaled = Decimal(text or "0").scaleb(digits)
    except (InvalidOperation, TypeError, ValueError):
        raise Malformed(f"{text!r} is not an amount") from None
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise Malformed(f"{text} is not in whole minor units")
    return int(scaled)


def check(what: str, wanted: Any, got: Any) -> None:
    """Raise Mismatch unless the two are equal."""
    check_one_of(what, wanted, [got])


def check_one_of(what: str, wanted: Any, values: Collection[Any]) -> None:
    """Raise Mismatch unless it is one of the values, each of which is right."""
    _compared.get([]).append(what)
    if wanted not in values:
        raise Mismatch(f"{what}: wanted {wanted}, got {' or '.join(map(str, values))}")
