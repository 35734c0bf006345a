"""Where a request for help may go, and what its answers may be; what may be asked about contact."""

import pytest

from app.domain.contact_requests import ContactRequestValues
from app.domain.contact_requests import check_new as check_contact_request
from app.domain.errors import ConflictError, ValidationError
from app.domain.hardship import (
    MOVES,
    STATES,
    HardshipValues,
    answers_document,
    check_move,
    check_new,
    check_none_open,
)

ALLOWED = {
    ("open", "in_review"), ("open", "agreed"), ("open", "declined"), ("open", "withdrawn"),
    ("in_review", "agreed"), ("in_review", "declined"), ("in_review", "withdrawn"),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("to", STATES)
def test_a_request_takes_the_steps_of_the_table_and_no_others(state: str, to: str) -> None:
    assert set(MOVES) == set(STATES)
    if (state, to) in ALLOWED:
        check_move(state, to)
        return
    with pytest.raises(ConflictError, match=r"decide it|a new one can be sent"):
        check_move(state, to)


def test_one_answer_is_enough_and_only_what_was_said_is_kept() -> None:
    check_new(HardshipValues("illness"))

    assert answers_document(HardshipValues("illness")) == {"change": "illness", "wants_advice": False}
    nothing = answers_document(HardshipValues("income_lost", monthly_minor=0, currency="CNY"))
    assert (nothing["monthly_minor"], nothing["currency"]) == (0, "CNY")


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        (HardshipValues("bored"), "/change"),
        (HardshipValues("other", lasts="always"), "/lasts"),
        (HardshipValues("other", monthly_minor=-1, currency="CNY"), "/monthly"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_at_its_field(values: HardshipValues, pointer: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_new(values)

    assert [each.pointer for each in refused.value.errors] == [pointer]


def test_a_second_request_is_refused_by_the_name_of_the_first() -> None:
    check_none_open(None)
    with pytest.raises(ConflictError, match="abc"):
        check_none_open("abc")


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        (ContactRequestValues("shout"), "/kind"),
        (ContactRequestValues("representative", name="Chen Jing"), "/representative"),
        (ContactRequestValues("avoid_place"), "/place"),
        (ContactRequestValues("avoid_place", place="moon"), "/place"),
        (ContactRequestValues("only_channel", channel="smoke"), "/channel"),
        (ContactRequestValues("cease", place="home"), "/place"),
    ],
)
def test_a_request_about_contact_says_what_its_kind_needs(values: ContactRequestValues, pointer: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_contact_request(values)

    assert [each.pointer for each in refused.value.errors] == [pointer]
