"""Instalments as they are shown add up to the position shown, whatever the core says."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.mismatches import RowFigures, shown_position, shown_rows
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import position_at, replay
from app.domain.splits import Split
from app.domain.tapes import CoreFigures, DayRange
from app.domain.times import EPOCH

DAY = date(2026, 3, 20)

_rows = st.lists(
    st.tuples(st.integers(-30, 90), st.integers(1, 500), st.integers(0, 50)), max_size=6, unique_by=lambda row: row[0]
)


@settings(max_examples=300, deadline=None)
@given(_rows, st.none() | st.integers(0, 4000), st.none() | st.integers(0, 120))
def test_rows_add_up_to_the_position_shown(rows: list[tuple[int, int, int]], overdue: int | None, days: int | None) -> None:
    ordered = sorted((DAY - timedelta(days=late), Split(principal, interest)) for late, principal, interest in rows)
    plan = tuple(PlanRow(number, on, due) for number, (on, due) in enumerate(ordered, start=1))
    ours = position_at(replay(None, [PlanVersion(1, plan, EPOCH)], []), DAY)
    core = CoreFigures(DAY, overdue_minor=overdue, days_past_due=None if days is None else DayRange(days, days))
    shown = shown_position(core, ours, ours) or ours

    found, loose = shown_rows([RowFigures(row.due_on, row.due, row.due) for row in plan], shown)

    late = [each for each, row in zip(found, plan, strict=True) if row.due_on < DAY and each.open.total]
    total = loose
    for each in late:
        total = total.plus(each.open)
    assert total == shown.overdue
    assert not late or late[0].days_past_due == shown.days_past_due == max(each.days_past_due for each in late)
    assert not (loose.total and late)
    assert [each.open for each, row in zip(found, plan, strict=True) if row.due_on >= DAY] == [
        row.due for row in plan if row.due_on >= DAY
    ]
    assert all(min(each.open) >= 0 for each in found)


def test_rows_that_agree_stay_as_they_are() -> None:
    plan = tuple(PlanRow(n, DAY - timedelta(days=30 * (3 - n)), Split(1_000, 10)) for n in (1, 2, 3))
    ours = position_at(replay(None, [PlanVersion(1, plan, EPOCH)], []), DAY)
    shown = replace(ours, principal_outstanding_minor=1)

    found, loose = shown_rows([RowFigures(row.due_on, row.due, row.due) for row in plan], shown)

    assert [(each.open, each.days_past_due) for each in found] == [(Split(1_000, 10), days) for days in (60, 30, 0)]
    assert loose.total == 0
