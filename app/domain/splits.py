"""An amount by component: principal, interest, fees, penalties, each in minor units of one currency."""

from collections.abc import Sequence
from typing import NamedTuple


class Split(NamedTuple):
    """Minor units by component. Adding and subtracting work component by component."""

    principal: int = 0
    interest: int = 0
    fees: int = 0
    penalties: int = 0

    @property
    def total(self) -> int:
        """The sum of the components."""
        return self[0] + self[1] + self[2] + self[3]

    def plus(self, other: "Split") -> "Split":
        """Return the sum, component by component."""
        return Split(self[0] + other[0], self[1] + other[1], self[2] + other[2], self[3] + other[3])

    def minus(self, other: "Split") -> "Split":
        """Return the difference, component by component; components may become negative."""
        return Split(self[0] - other[0], self[1] - other[1], self[2] - other[2], self[3] - other[3])

    def capped(self, limit: "Split") -> "Split":
        """Return the smaller of the two, component by component."""
        return Split(*(min(mine, cap) for mine, cap in zip(self, limit, strict=True)))


NOTHING = Split()


def total_of(splits: Sequence[Split]) -> Split:
    """Return the sum of any number of splits, component by component; of none, nothing."""
    return Split(*map(sum, zip(*splits, strict=True))) if splits else NOTHING
