"""Where the core and our book differ, and what is shown then."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.mismatches import (
    DAYS_PAST_DUE,
    KINDS,
    Mismatch,
    MismatchPolicy,
    compare,
    shown_position,
    still_holds,
    waits_for_core,
)
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import Position, Snapshot, position_at, replay
from app.domain.splits import Split
from app.domain.tapes import CoreFigures, DayRange, figures_of

DAY = date(2026, 3, 2)
ROWS = tuple(PlanRow(n, date(2026, n, 10), Split(100, 5, 3)) for n in range(1, 7))
AGREEING = {"principal_balance": 600, "total_due": 616, "amount_past_due": 216, "days_past_due": 51}


def _snapshot() -> Snapshot:
    return replay(600, [PlanVersion(1, ROWS, datetime(2026, 1, 1, tzinfo=UTC))], [])


def _ours(on: date = DAY) -> Position:
    return position_at(_snapshot(), on)


def _core(**facts: object) -> CoreFigures:
    return figures_of(facts, DAY)


def test_two_books_that_agree_have_no_mismatch() -> None:
    core = figures_of(AGREEING, DAY)

    assert compare(core, _ours()) == []
    assert shown_position(core, _ours(), _ours(DAY + timedelta(days=40))) is None


def test_every_figure_that_differs_is_listed_with_the_cores_less_ours() -> None:
    core = _core(principal_balance=500, total_due=520, amount_past_due=100, days_past_due=20)

    found = compare(core, _ours())

    assert [each.kind for each in found] == list(KINDS)
    assert [each.difference for each in found] == [-100, -96, -116, -31]


def test_what_the_core_does_not_say_is_no_mismatch() -> None:
    assert compare(_core(status="active"), _ours()) == []


@pytest.mark.parametrize(("tolerance", "count"), [(0, 1), (1, 0)])
def test_amounts_within_the_tolerance_are_the_same(tolerance: int, count: int) -> None:
    assert len(compare(_core(principal_balance=601), _ours(), MismatchPolicy(amount_minor=tolerance))) == count


@pytest.mark.parametrize(("least", "most", "difference"), [(31, 120, None), (16, 30, -21), (60, None, 9), (51, 51, None)])
def test_of_a_band_of_days_the_nearest_edge_counts(least: int, most: int | None, difference: int | None) -> None:
    found = compare(_core(days_past_due_from=least, days_past_due_to=most), _ours())

    assert [each.difference for each in found] == ([] if difference is None else [difference])
    assert all(each.band == DayRange(least, most) for each in found)


def test_nothing_overdue_and_no_days_past_due_are_one_thing() -> None:
    assert _core(days_past_due=0).overdue_minor == 0
    assert _core(amount_past_due=0).days_past_due == DayRange(0, 0)


def test_all_that_is_owed_is_the_total_or_the_sum_of_its_parts() -> None:
    assert _core(principal_balance=600, interest_due=10, fees_due=6).outstanding_minor == 616
    assert _core(principal_balance=600, interest_due=10, total_due=617).outstanding_minor == 617
    assert _core(principal_balance=600).outstanding_minor is None


def test_the_cores_figures_are_shown_on_its_day() -> None:
    core = _core(principal_balance=500, amount_past_due=108, days_past_due=20)

    shown = shown_position(core, _ours(), _ours())

    assert shown is not None
    assert (shown.principal_outstanding_minor, shown.overdue_minor, shown.days_past_due) == (500, 108, 20)
    assert (shown.outstanding_minor, shown.bucket) == (516, "1-29")
    assert shown.overdue == Split(100, 5, 3)


def test_days_past_due_of_the_core_are_counted_on() -> None:
    later = _ours(DAY + timedelta(days=5))

    late = shown_position(_core(days_past_due=20), _ours(), later)

    assert late is not None
    assert late.days_past_due == 25


def test_what_the_core_had_not_overdue_becomes_late_by_what_fell_due_since() -> None:
    core = _core(days_past_due=0)

    shown = [shown_position(core, _ours(), _ours(on)) for on in (DAY, date(2026, 3, 10), date(2026, 3, 12))]

    assert [(each.days_past_due, each.overdue_minor) for each in shown if each] == [(0, 0), (0, 0), (2, 108)]


def test_a_payment_after_the_cores_day_is_never_hidden() -> None:
    core, zone = _core(days_past_due=20), "Asia/Shanghai"
    end = datetime(2026, 3, 2, 15, 59, 59, 999999, tzinfo=UTC)

    def holds(on: date = DAY, effective_on: date | None = None, recorded_at: datetime | None = None) -> bool:
        return still_holds(core, on, zone=zone, last_effective_on=effective_on, last_recorded_at=recorded_at)

    assert holds()
    assert holds(effective_on=DAY, recorded_at=end)
    assert not holds(effective_on=DAY, recorded_at=end + timedelta(microseconds=1))
    assert not holds(DAY + timedelta(days=3), effective_on=DAY + timedelta(days=1))
    assert not holds(DAY - timedelta(days=1))


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 400), st.integers(0, 200), st.integers(0, 10**12))
def test_what_is_shown_on_the_cores_day_is_what_the_core_said_and_adds_up(
    principal: int, overdue: int, days: int, later: int, outstanding: int
) -> None:
    core = CoreFigures(DAY, principal, outstanding, overdue, DayRange(days, days))
    then, asked = _ours(), _ours(DAY + timedelta(days=later))

    on_the_day = shown_position(core, then, then) or then
    shown = shown_position(core, then, asked) or asked

    assert (on_the_day.principal_outstanding_minor, on_the_day.outstanding_minor) == (principal, outstanding)
    assert (on_the_day.overdue_minor, on_the_day.days_past_due) == (overdue, days)
    assert compare(core, on_the_day) == []
    assert shown.outstanding_minor - outstanding == asked.outstanding_minor - then.outstanding_minor
    assert shown.overdue_minor - overdue == asked.overdue_minor - then.overdue_minor
    assert min(shown.overdue) >= 0
    assert shown.due_to_date.total - shown.overdue_minor == asked.due_to_date.total - asked.overdue_minor


def test_a_single_unit_of_days_within_the_tolerance_is_the_same() -> None:
    ours = replace(_ours(), days_past_due=21)

    assert compare(_core(days_past_due=20), ours, MismatchPolicy(days=1)) == []
    assert [each.kind for each in compare(_core(days_past_due=20), ours)] == [DAYS_PAST_DUE]


@pytest.mark.parametrize(
    ("differs", "untold", "waits"),
    [
        ({"outstanding": 500}, 500, True),
        ({"outstanding": 500, "overdue": 300, "principal_balance": 0, "days_past_due": 4}, 500, True),
        ({"overdue": 300}, 500, True),
        ({"outstanding": 499}, 500, False),
        ({"outstanding": 500, "overdue": 501}, 500, False),
        ({"outstanding": 500, "principal_balance": -1}, 500, False),
        ({"outstanding": 500, "days_past_due": -1}, 500, False),
        ({"outstanding": 500}, 0, False),
        ({}, 500, False),
    ],
)
def test_what_the_core_has_still_to_book_of_the_desk_explains_so_much_and_no_more(
    differs: dict[str, int], untold: int, waits: bool
) -> None:
    found = [Mismatch(kind, difference, 0, difference) for kind, difference in differs.items()]

    assert waits_for_core(found, untold) == waits
