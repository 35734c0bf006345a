"""Two names of one person are one person: otherwise a second pair of eyes is the first with another hat."""

import pytest

from app.domain.actors import same_person
from app.domain.bulletins import check_second_person
from app.domain.errors import ForbiddenError
from app.domain.registers import check_second


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("staff:Ann", "staff:ann", True),
        ("staff:Wang  Fang", "staff:wang fang ", True),
        ("staff:Ann", "operator:Ann", True),
        ("staff:Ａｎｎ", "staff:Ann", True),
        ("staff:Ann", "staff:Anna", False),
        ("system", "staff:system", True),
        ("policy:cn-v1", "staff:Ann", False),
        (None, "staff:Ann", False),
        (None, None, False),
    ],
)
def test_one_person_by_any_spelling_and_at_any_door(one: str | None, other: str | None, same: bool) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same


def test_neither_a_command_nor_capitals_make_a_second_person() -> None:
    with pytest.raises(ForbiddenError):
        check_second("operator:Ann", "staff:Ann")
    with pytest.raises(ForbiddenError):
        check_second_person("staff:ann", "staff:Bo", "operator:Ann")
    check_second("staff:Ann", "staff:Bo")
    check_second_person("staff:Ann", "staff:Bo", None)
