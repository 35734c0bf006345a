"""Shares of a loan: who holds which part of its principal on which day. What nobody funded is the lender's own part."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import groupby

from app.domain.errors import refused_at
from app.domain.money import Money

OWN = ""
"""The holder of what nobody funded: the lender itself."""


@dataclass(frozen=True, slots=True)
class Movement:
    """A share grew or shrank from a day on (inclusive)."""

    holder: str
    units_minor: int
    effective_on: date


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds what on a day. `key` is the same exactly when the shares are."""

    units: Mapping[str, int]
    """By holder, the lender's own part among them; nobody with nothing; in the order of the holders' names."""
    key: str


class Shares:
    """The shares of one loan over time. `whole_minor`: the principal that all are parts of.

    Who holds what is worked out for the days that are asked for: a loan may have a thousand funders, each of a day of their
    own.
    """

    def __init__(self, whole_minor: int, movements: Iterable[Movement]) -> None:
        self.whole_minor = whole_minor
        self.movements = tuple(sorted(movements, key=lambda each: each.effective_on))
        self._days = [each.effective_on for each in self.movements]
        self._held: dict[int, Held] = {}

    def on(self, day: date) -> Held:
        """Return who holds what at the end of a day."""
        moved = bisect_right(self._days, day)
        held = self._held.get(moved)
        if held is None:
            units: defaultdict[str, int] = defaultdict(int)
            for each in self.movements[:moved]:
                units[each.holder] += each.units_minor
            held = self._held[moved] = _held(self.whole_minor, units)
        return held

    def check(self, currency: str) -> None:
        """Refuse shares that are more than the loan, or less than nothing, on any day. Raises ValidationError."""
        units: defaultdict[str, int] = defaultdict(int)
        own = self.whole_minor
        for _, moved in groupby(self.movements, key=lambda each: each.effective_on):
            holders = set()
            for each in moved:
                units[each.holder] += each.units_minor
                own -= each.units_minor
                holders.add(each.holder)
            if own < 0:
                raise refused_at("/units", f"The shares would be {Money(-own, currency)} more than the loan's principal.")
            short = -min(units[holder] for holder in holders)
            if short > 0:
                held = Money(short, currency)
                raise refused_at("/units", f"A funder would give {held} more than they hold on that day, or later.")


def _held(whole_minor: int, units: Mapping[str, int]) -> Held:
    listed = {holder: units[holder] for holder in sorted(units) if units[holder]}
    own = whole_minor - sum(listed.values())
    whole = ({OWN: own} | listed) if own else listed
    told = "\n".join(f"{holder} {part}" for holder, part in whole.items())
    return Held(whole, sha256(told.encode()).hexdigest())
