"""The clocks of a conversation as it goes back and forth, and where it may be moved."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import conversation_clocks as clockwork
from app.domain.calendars import Calendar
from app.domain.conversation_clocks import Clocks
from app.domain.conversations import (
    LONGEST_SNOOZE,
    MOVES,
    STATUSES,
    check_move,
    check_snooze,
    language_of,
    shown_status,
    takes_word,
)
from app.domain.errors import ConflictError, ValidationError
from app.domain.service_levels import BusinessHours, Level

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = BusinessHours("UTC", Calendar("x"), dict.fromkeys(range(5), ((540, 1080),)))
LEVEL = Level(first_minutes=60, next_minutes=120, resolution_minutes=600)


def test_the_first_answer_is_due_and_once_given_nothing_is_but_the_settling() -> None:
    clocks = clockwork.begun(MONDAY, LEVEL, HOURS)

    assert clocks.due_at == MONDAY + HOUR
    answered = clockwork.answered(clocks, MONDAY + HOUR / 2)
    assert (answered.waiting_since, answered.first_due_at, answered.due_at) == (None, None, clocks.resolution_due_at)


def test_who_waits_goes_on_waiting_since_then_however_often_they_write() -> None:
    clocks = clockwork.begun(MONDAY, LEVEL, HOURS)

    assert clockwork.heard(clocks, MONDAY + HOUR, LEVEL, HOURS) == clocks


def test_a_later_word_has_a_target_of_its_own() -> None:
    answered = clockwork.answered(clockwork.begun(MONDAY, LEVEL, HOURS), MONDAY)

    heard = clockwork.heard(answered, MONDAY + HOUR, LEVEL, HOURS)

    assert (heard.next_due_at, heard.first_due_at) == (MONDAY + 3 * HOUR, None)


def test_waiting_for_the_borrower_costs_no_time_however_long() -> None:
    clocks = clockwork.answered(clockwork.begun(MONDAY, LEVEL, HOURS), MONDAY)

    waited = clockwork.paused(clocks, MONDAY + 2 * HOUR, HOURS)
    again = clockwork.heard(waited, MONDAY + timedelta(days=7), LEVEL, HOURS)

    assert (waited.due_at, waited.next_look(MONDAY)) == (None, None)
    assert HOURS.between(MONDAY + timedelta(days=7), again.resolution_due_at or MONDAY) == 8 * HOUR


def test_resolving_stops_every_clock_and_opening_again_starts_them_anew() -> None:
    late = clockwork.stopped(Clocks(resolution_due_at=MONDAY, resolution_breached_at=MONDAY, first_answered_at=MONDAY))

    fresh = clockwork.restarted(late, MONDAY + HOUR, LEVEL, HOURS, is_asked=True)

    assert (late.due_at, late.newly_breached(MONDAY + timedelta(days=365))) == (None, ())
    assert (fresh.waiting_since, fresh.next_due_at, fresh.resolution_breached_at) == (MONDAY + HOUR, MONDAY + 3 * HOUR, None)
    assert HOURS.between(MONDAY + HOUR, fresh.resolution_due_at or MONDAY) == 10 * HOUR
    assert clockwork.restarted(late, MONDAY, LEVEL, HOURS, is_asked=False).waiting_since is None


def test_a_missed_target_is_new_once() -> None:
    clocks = clockwork.begun(MONDAY, LEVEL, HOURS)

    assert clocks.newly_breached(MONDAY + HOUR) == ("first",)
    assert clocks.next_look(MONDAY + HOUR) == clocks.resolution_due_at
    noticed = Clocks(**{**_fields(clocks), "first_breached_at": MONDAY + HOUR})
    assert noticed.newly_breached(MONDAY + 2 * HOUR) == ()


def test_another_kind_is_due_as_if_it_had_been_so_from_the_beginning() -> None:
    clocks = clockwork.begun(MONDAY, LEVEL, HOURS)

    urgent = clockwork.reset(clocks, MONDAY, Level(10, 20, 30), HOURS, MONDAY + HOUR)

    assert urgent.first_due_at == MONDAY + timedelta(minutes=10)
    assert urgent.newly_breached(MONDAY + HOUR) == ("first", "resolution")
    waiting = clockwork.paused(clocks, MONDAY, HOURS)
    assert clockwork.reset(waiting, MONDAY, LEVEL, HOURS, MONDAY).resolution_left_seconds == 36_000


_acts = st.lists(
    st.tuples(st.sampled_from(["word", "answer", "pause", "resume", "stop", "restart"]), st.integers(1, 60 * 24 * 3)),
    max_size=20,
)


@given(acts=_acts)
def test_whatever_happens_only_one_clock_of_answers_runs_and_none_while_nobody_waits(acts: list[tuple[str, int]]) -> None:
    now, clocks = MONDAY, clockwork.begun(MONDAY, LEVEL, HOURS)
    for act, minutes in acts:
        now += timedelta(minutes=minutes)
        clocks = {
            "word": lambda c, n: clockwork.heard(c, n, LEVEL, HOURS),
            "answer": clockwork.answered,
            "pause": lambda c, n: clockwork.paused(c, n, HOURS),
            "resume": lambda c, n: clockwork.resumed(c, n, HOURS),
            "stop": lambda c, _: clockwork.stopped(c),
            "restart": lambda c, n: clockwork.restarted(c, n, LEVEL, HOURS, is_asked=True),
        }[act](clocks, now)  # fmt: skip
        assert clocks.first_due_at is None or clocks.next_due_at is None
        assert clocks.waiting_since is not None or (clocks.first_due_at, clocks.next_due_at) == (None, None)
        assert clocks.resolution_due_at is None or clocks.resolution_left_seconds is None
        assert act not in ("stop", "pause") or clocks.due_at is None


def _fields(clocks: Clocks) -> dict[str, Any]:
    return {name: getattr(clocks, name) for name in clocks.__slots__}


# -- where it may be moved ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("to", STATUSES)
def test_every_move_is_allowed_refused_or_nothing(status: str, to: str) -> None:
    if to in MOVES[status]:
        assert check_move(status, to)
    elif to == status:
        assert not check_move(status, to)
    else:
        with pytest.raises(ConflictError):
            check_move(status, to)


def test_what_is_put_away_comes_back_within_a_while() -> None:
    assert check_snooze(MONDAY + HOUR, MONDAY) == MONDAY + HOUR
    for until in (None, MONDAY, MONDAY + LONGEST_SNOOZE + HOUR):
        with pytest.raises(ValidationError):
            check_snooze(until, MONDAY)


def test_a_word_joins_what_is_open_or_was_resolved_lately() -> None:
    assert takes_word("pending", None, MONDAY, reopen_days=0)
    assert takes_word("resolved", MONDAY - timedelta(days=14), MONDAY, reopen_days=14)
    assert not takes_word("resolved", MONDAY - timedelta(days=15), MONDAY, reopen_days=14)
    assert not takes_word("resolved", None, MONDAY, reopen_days=14)


def test_a_borrower_is_not_told_that_the_desk_has_put_them_away() -> None:
    assert [shown_status(each) for each in STATUSES] == ["open", "pending", "open", "resolved"]


def test_the_language_is_that_of_the_words_where_they_show_it() -> None:
    assert language_of("我想周五还款 OK", "en") == "zh-CN"
    assert language_of("Can I pay on Friday? 谢", "en") == "en"
    assert language_of("123", "zh-CN") == "zh-CN"
