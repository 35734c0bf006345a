"""Where a mandate may go, and what a drawing or the loan's own word makes of it."""

from datetime import date

import pytest

from app.domain.errors import ConflictError, ValidationError
from app.domain.mandates import (
    LIVING,
    MOVES,
    DrawValues,
    MandateState,
    check_draw,
    check_move,
    is_drawn,
    is_newest,
    state_after,
    state_by_loan,
)

DAY = date(2026, 3, 2)


@pytest.mark.parametrize("before", list(MandateState))
@pytest.mark.parametrize("after", list(MandateState))
def test_a_mandate_moves_as_the_table_says_and_no_other_way(before: MandateState, after: MandateState) -> None:
    if after in MOVES[before]:
        check_move(before, after)
    else:
        with pytest.raises(ConflictError, match=before.value):
            check_move(before, after)


def test_what_is_over_stays_over_and_only_an_active_one_is_drawn() -> None:
    assert [state for state in MandateState if not MOVES[state]] == [MandateState.REVOKED, MandateState.ENDED]
    assert [state for state in MandateState if is_drawn(state)] == [MandateState.ACTIVE]
    assert all(MandateState.REVOKED in MOVES[state] for state in LIVING)


@pytest.mark.parametrize(
    ("outcome", "retry_on", "after"),
    [
        ("succeeded", None, MandateState.ACTIVE),
        ("failed", date(2026, 3, 5), MandateState.FAILING),
        ("failed", None, MandateState.FAILED),
    ],
)
def test_a_drawing_leaves_the_mandate_where_it_says(outcome: str, retry_on: date | None, after: MandateState) -> None:
    assert state_after(DrawValues("D1", DAY, outcome, retry_on=retry_on)) is after


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        (DrawValues("D1", date(2026, 3, 3), "failed"), "/drawn_on"),
        (DrawValues("D1", DAY, "maybe"), "/outcome"),
        (DrawValues("D1", DAY, "succeeded", code="x"), "/outcome"),
        (DrawValues("D1", DAY, "succeeded", retry_on=DAY), "/outcome"),
        (DrawValues("D1", DAY, "failed", retry_on=date(2026, 3, 1)), "/retry_on"),
    ],
)
def test_a_drawing_that_cannot_have_been_is_refused(values: DrawValues, pointer: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_draw(values, today=DAY)

    assert [each.pointer for each in refused.value.errors] == [pointer]


def test_a_drawing_told_late_is_not_the_newest() -> None:
    assert is_newest(DrawValues("D1", DAY, "failed"), None)
    assert is_newest(DrawValues("D2", DAY, "failed"), DAY)
    assert not is_newest(DrawValues("D0", date(2026, 3, 1), "failed"), DAY)


@pytest.mark.parametrize("state", list(MandateState))
@pytest.mark.parametrize("autopay", [True, False])
def test_the_loans_new_word_revives_or_ends_what_lives(state: MandateState, autopay: bool) -> None:
    after = state_by_loan(state, autopay)

    if state not in LIVING:
        assert after is state
    elif autopay:
        assert after is MandateState.ACTIVE
    else:
        assert after is (MandateState.ENDED if state is MandateState.ACTIVE else state)
