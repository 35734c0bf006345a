"""Two names of one person are one person: otherwise a second pair of eyes is the first with another hat."""

import pytest

from app.domain.actors import same_person
from app.domain.bulletins import check_second_person
from app.domain.desk_limits import RoleLimits
from app.domain.errors import ConflictError, ForbiddenError
from app.domain.money import Money
from app.domain.plan_requests import Approval, check_may_decide
from app.domain.refunds import RefundRules, check_may_approve
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


def test_nor_do_they_for_a_refund_an_act_of_the_desk_or_a_plan() -> None:
    with pytest.raises(ForbiddenError, match="somebody else"):
        check_may_approve(1, "XAF", RefundRules(), requested_by="staff:Ann", by="operator:ann", role="admin")
    with pytest.raises(ForbiddenError, match="somebody else"):
        RoleLimits().check_may_approve("admin", Money(1, "XAF"), requested_by="staff:Ann", by="operator:ann")
    with pytest.raises(ForbiddenError, match="another person"):
        check_may_decide("operator:ann", "admin", asked_by="staff:Ann", given=())
    with pytest.raises(ConflictError, match="decided about it before"):
        check_may_decide("operator:bo", "admin", asked_by="staff:Ann", given=(Approval("staff:Bo", True),))
