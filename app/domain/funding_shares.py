"""Shares of a loan: who holds which part of its principal on which day. What nobody funded is the lender's own part."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
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
    """The shares of one loan over time. `whole_minor`: the principal that all are parts of."""

    def __init__(self, whole_minor: int, movements: Sequence[Movement]) -> None:
        self.whole_minor = whole_minor
        self.movements = tuple(sorted(movements, key=lambda each: each.effective_on))
        self._days: list[date] = []
        self._held: list[Held] = [_held(whole_minor, {})]
        units: dict[str, int] = {}
        for day, moved in groupby(self.movements, key=lambda each: each.effective_on):
            for each in moved:
                units[each.holder] = units.get(each.holder, 0) + each.units_minor
            self._days.append(day)
            self._held.append(_held(whole_minor, units))

    def on(self, day: date) -> Held:
        """Return who holds what at the end of a day."""
        return self._held[bisect_right(self._days, day)]

    def spans(self) -> Sequence[Held]:
        """Return every state there was, in order."""
        return self._held

    def check(self, currency: str) -> None:
        """Refuse shares that are more than the loan, or less than nothing, on any day. Raises ValidationError."""
        for held in self._held:
            for holder, units in held.units.items():
                if units >= 0:
                    continue
                short = Money(-units, currency)
                if holder == OWN:
                    raise refused_at("/units", f"The shares would be {short} more than the loan's principal.")
                raise refused_at("/units", f"A funder would give {short} more than they hold on that day, or later.")


def _held(whole_minor: int, units: Mapping[str, int]) -> Held:
    listed = {holder: units[holder] for holder in sorted(units) if units[holder]}
    own = whole_minor - sum(listed.values())
    whole = ({OWN: own} | listed) if own else listed
    told = "\n".join(f"{holder} {part}" for holder, part in whole.items())
    return Held(whole, sha256(told.encode()).hexdigest())
