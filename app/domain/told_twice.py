"""Money that two files tell of: a plan whose rows say what was paid, and a list of payments."""

from collections import Counter
from collections.abc import Sequence


def same_money(said: Sequence[int], told: Sequence[int]) -> list[bool]:
    """Return for each amount in `said` whether it is among the money `told` before of the same loan and day.

    All of it is when both add up to the same: one payment of two rows, or two of one. Else each amount stands for one equal
    amount. Nothing nearer to a guess is tried.
    """
    if told and sum(said) == sum(told):
        return [True] * len(said)
    left = Counter(told)
    found: list[bool] = []
    for amount in said:
        found.append(left[amount] > 0)
        left[amount] -= found[-1]
    return found
