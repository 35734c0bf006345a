"""Amounts that are nearly all one person's: published, they would tell it to whoever knows the rest.

Source: the p% rule of Willenborg and de Waal, Elements of Statistical Disclosure Control, ch. 4: an amount is not published
where the second largest contributor could work out the largest contribution more exactly than to within p percent of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product

MOST_TOGETHER = 2
"""So many earlier amounts are held against a new one at a time: what is left of three and more is not looked at."""


def is_dominated(contributions: Iterable[int], *, percent: int) -> bool:
    """Return whether the largest contribution can be worked out to within `percent` of it by the second largest.

    Of what is taken back as of what came in, its size counts.
    """
    sizes = sorted((abs(each) for each in contributions), reverse=True)
    return bool(sizes) and sum(sizes[2:]) * 100 < percent * sizes[0]


def tells_of_one(amounts: Mapping[str, int], earlier: Sequence[Mapping[str, int]], *, percent: int) -> bool:
    """Return whether an amount, or a difference between it and earlier ones, is nearly all one person's.

    Each by person: what they contributed. `earlier`: amounts published before, about some of the same.
    """
    if is_dominated(amounts.values(), percent=percent):
        return True
    for size in range(1, min(MOST_TOGETHER, len(earlier)) + 1):
        for others in combinations(earlier, size):
            for signs in product((-1, 1), repeat=size):
                left = dict(amounts)
                for sign, other in zip(signs, others, strict=True):
                    for person, amount in other.items():
                        left[person] = left.get(person, 0) + sign * amount
                if is_dominated(left.values(), percent=percent):
                    return True
    return False
