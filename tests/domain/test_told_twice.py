"""Two files that tell of the same money: what is equal beyond doubt, and nothing else."""

import pytest

from app.domain.told_twice import same_money


@pytest.mark.parametrize(
    ("said", "told", "same"),
    [
        ([105], [105], [True]),
        ([105], [], [False]),
        ([105, 105], [105], [True, False]),
        ([210], [105, 105], [True]),
        ([70, 70, 70], [105, 105], [True, True, True]),
        ([100, 105], [105], [False, True]),
        ([104], [105], [False]),
        ([], [105], []),
        ([0], [], [False]),
    ],
)
def test_only_equal_amounts_or_equal_days_are_the_same_money(said: list[int], told: list[int], same: list[bool]) -> None:
    assert same_money(said, told) == same
