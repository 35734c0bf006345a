"""What can become of a vector: it passes, it fails, or it is left out by name."""

from datetime import date
from decimal import Decimal
from typing import Any


class Refused(Exception):
    """The product does not do this, and says so by name (docs/kernel-choices.md)."""


class ChosenDifference(Exception):
    """The product does this otherwise on purpose, and this vector shows the other way (docs/kernel-choices.md)."""


class Mismatch(AssertionError):
    """The product gives another figure."""


def day(text: str) -> date:
    return date.fromisoformat(text)


def minor(text: Any, digits: int = 2) -> int:
    """Return decimal text in minor units, exactly; empty is 0."""
    scaled = Decimal(text or "0").scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise Mismatch(f"{text} is not in whole minor units")
    return int(scaled)


def check(what: str, wanted: Any, got: Any) -> None:
    """Raise Mismatch unless the two are equal."""
    if wanted != got:
        raise Mismatch(f"{what}: wanted {wanted}, got {got}")
