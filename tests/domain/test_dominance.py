"""An amount that is nearly all one person's is told of that person: so is what it adds to amounts published before."""

import pytest

from app.domain.dominance import is_dominated, tells_of_one

PERCENT = 10


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([], False),
        ([0, 0, 0], False),
        ([100, 100, 100, 100, 100], False),
        ([1000, 500, 100], False),  # what is left is just ten percent of the largest
        ([1000, 500, 99], True),
        ([1000, 900], True),  # the other one knows it exactly
        ([100_000, 1, 1, 1, 1, 1, 1], True),
        ([-1000, 500, 60, -50], False),  # sizes count, of what is taken back too
        ([-1000, 500, 40, -50], True),
    ],
)
def test_the_second_largest_cannot_work_out_the_largest(amounts: list[int], expected: bool) -> None:
    assert is_dominated(amounts, percent=PERCENT) is expected


def test_nothing_is_asked_where_the_rule_is_off() -> None:
    assert not is_dominated([1000, 1], percent=0)


def test_what_a_correction_adds_is_asked_too() -> None:
    before = {f"p{n}": 100 for n in range(20)}
    after = {person: amount + 1 for person, amount in before.items()} | {"p3": 5_000}

    assert not tells_of_one(after, [], percent=200 // 20)
    assert tells_of_one(after, [before], percent=PERCENT)
    assert not tells_of_one({person: amount * 2 for person, amount in before.items()}, [before], percent=PERCENT)
    assert not tells_of_one(before, [before], percent=PERCENT)  # it adds nothing


def test_a_whole_less_two_parts_that_were_published_is_asked_too() -> None:
    parts = [{f"a{n}": 100 for n in range(9)}, {f"b{n}": 100 for n in range(9)}]
    rest = {"c1": 10_000, "c2": 50, "c3": 50, "c4": 50, "c5": 50, **{f"d{n}": 2_000 for n in range(9)}}
    whole = {**parts[0], **parts[1], **rest}
    lonely = {**parts[0], **parts[1], "c1": 1_000, "c2": 1, "c3": 1, "c4": 1, "c5": 1}

    assert not tells_of_one(whole, parts, percent=PERCENT)
    assert tells_of_one(lonely, parts, percent=PERCENT)
    assert not tells_of_one(lonely, parts[:1], percent=PERCENT)
