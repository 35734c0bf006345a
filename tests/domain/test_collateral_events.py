"""Events of pledged things: every move of the table and no other, reversals, and what custody costs until a day."""

from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.collateral_events import (
    MOVES,
    EventKind,
    ThingEvent,
    ThingState,
    costs_on,
    moved,
    reversible,
    standing,
    state_after,
)
from app.domain.errors import ConflictError, ValidationError

DAY = date(2026, 3, 2)
TODAY = DAY + timedelta(days=60)


def events(*told: tuple[str, int, int | None]) -> list[ThingEvent]:
    """Events by (kind, days after DAY, amount), numbered."""
    first = ThingEvent("e1", 1, "pledged", DAY)
    return [first] + [
        ThingEvent(f"e{no}", no, kind, DAY + timedelta(days=days), amount_minor=amount,
                   cost_kind="recovery" if kind == "cost" else None)
        for no, (kind, days, amount) in enumerate(told, start=2)
    ]  # fmt: skip


@pytest.mark.parametrize(("state", "kind"), list(product(ThingState, EventKind)))
def test_a_thing_makes_the_moves_of_the_table_and_no_other(state: ThingState, kind: EventKind) -> None:
    if kind not in MOVES:
        assert moved(state, DAY, kind, DAY, today=TODAY) is None
        return
    before, after = MOVES[kind]
    if state in before:
        assert moved(state, DAY, kind, DAY, today=TODAY) is after
    else:
        with pytest.raises(ConflictError, match=f"The thing is {state}"):
            moved(state, DAY, kind, DAY, today=TODAY)


def test_nothing_is_told_of_a_day_to_come_or_of_one_before_what_is_known() -> None:
    with pytest.raises(ValidationError, match="has not come yet"):
        moved("pledged", DAY, "taken", TODAY + timedelta(days=1), today=TODAY)
    with pytest.raises(ConflictError, match="corrected by a reversal"):
        moved("in_custody", DAY, "released", DAY - timedelta(days=1), today=TODAY)


def test_a_reversal_takes_back_the_newest_move_and_leaves_what_was_before() -> None:
    told = events(("notice_served", 1, None), ("taken", 3, 500))

    assert reversible(told, "e3").kind == "taken"
    with pytest.raises(ConflictError, match="take that back first"):
        reversible(told, "e2")
    with pytest.raises(ConflictError, match="pledged the thing"):
        reversible(events(), "e1")

    undone = [*told, ThingEvent("e4", 4, "reversal", DAY + timedelta(days=4), reverses_id="e3")]
    assert state_after(undone) == (ThingState.NOTICE_SERVED, DAY + timedelta(days=1))
    assert costs_on(undone, TODAY).total_minor == 0
    with pytest.raises(ConflictError, match="taken back already"):
        reversible(undone, "e3")


def test_each_day_of_custody_costs_from_the_first_to_the_last() -> None:
    told = events(("taken", 0, 500), ("cost", 1, 12_000), ("storage_rate", 10, 700))

    assert costs_on(told, DAY).total_minor == 500
    assert costs_on(told, DAY + timedelta(days=9)).total_minor == 12_000 + 10 * 500
    assert costs_on(told, DAY + timedelta(days=10)).by_kind == {"recovery": 12_000, "storage": 10 * 500 + 700}
    assert costs_on(told, DAY + timedelta(days=10)).days == 11
    paid_on = DAY + timedelta(days=11)
    out = [
        *told,
        ThingEvent("e5", 5, "costs_paid", paid_on, amount_minor=18_400),
        ThingEvent("e6", 6, "redeemed", paid_on),
    ]
    sheet = costs_on(out, TODAY)
    assert (sheet.total_minor, sheet.paid_minor, sheet.open_minor) == (12_000 + 5_000 + 1_400, 18_400, 0)
    assert (sheet.daily_minor, sheet.days) == (0, 0)


def test_what_the_ledger_has_already_is_not_asked_for_again() -> None:
    told = [
        *events(("taken", 0, 0)),
        ThingEvent("c", 3, "cost", DAY, cost_kind="legal", amount_minor=900, is_charged=True),
    ]

    sheet = costs_on(told, DAY)

    assert (sheet.open_minor, sheet.charged_minor) == (0, 900)


@given(st.lists(st.sampled_from([kind for kind in EventKind if kind is not EventKind.REVERSAL]), max_size=12), st.data())
def test_any_order_of_tellings_leaves_a_state_that_its_standing_events_lead_to(
    kinds: list[EventKind], data: st.DataObject
) -> None:
    told, state, on = events(), ThingState.PLEDGED, DAY
    for no, kind in enumerate(kinds, start=2):
        day = DAY + timedelta(days=no)
        try:
            after = moved(state, on, kind, day, today=TODAY)
        except ConflictError:
            continue
        told.append(ThingEvent(f"e{no}", no, kind, day, amount_minor=no))
        if after is not None:
            state, on = after, day
    assert state_after(told) == (state, on)

    moves = [each for each in standing(told) if each.kind in MOVES]
    while len(moves) > 1 and data.draw(st.booleans()):
        last = reversible(told, moves[-1].id)
        told.append(ThingEvent(f"r{len(told)}", len(told) + 100, "reversal", TODAY, reverses_id=last.id))
        moves.pop()
        assert state_after(told)[0] is MOVES[EventKind(moves[-1].kind)][1]
