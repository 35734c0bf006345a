"""Business days: weekends, days off, make-up days, a lender's edits, and where a date goes that falls on none."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendars import SEARCH_DAYS, BusinessDayRule, Calendar, adjust
from app.domain.errors import ValidationError

FIRST = date(2026, 1, 1)
RULES = [rule for rule in BusinessDayRule if rule is not BusinessDayRule.NONE]
MODIFIED = [BusinessDayRule.MODIFIED_FOLLOWING, BusinessDayRule.MODIFIED_PRECEDING]

days = st.integers(0, 364).map(lambda number: FIRST + timedelta(days=number))
few_days = st.frozensets(days, max_size=40)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    weekend = draw(st.frozensets(st.integers(0, 6), max_size=4))
    off = draw(few_days)
    return Calendar("test", weekend, off, draw(few_days) - off, 2026, 2026)


@given(calendars(), days, st.sampled_from(BusinessDayRule))
def test_adjusting_twice_changes_nothing_more(calendar: Calendar, day: date, rule: BusinessDayRule) -> None:
    once = adjust(day, rule, calendar)

    assert adjust(once, rule, calendar) == once


@given(calendars(), days, st.sampled_from(RULES))
def test_an_adjusted_date_is_a_business_day(calendar: Calendar, day: date, rule: BusinessDayRule) -> None:
    assert calendar.is_business_day(adjust(day, rule, calendar))


@given(calendars(), days, st.sampled_from(MODIFIED))
def test_the_modified_rules_stay_in_a_month_that_has_a_business_day(
    calendar: Calendar, day: date, rule: BusinessDayRule
) -> None:
    month = [
        d for d in (day + timedelta(days=n) for n in range(-31, 32)) if d.month == day.month and abs((d - day).days) < 31
    ]
    adjusted = adjust(day, rule, calendar)

    assert adjusted in month or not any(calendar.is_business_day(each) for each in month)


@given(calendars(), days)
def test_following_is_the_first_business_day_not_before_and_preceding_the_last_not_after(
    calendar: Calendar, day: date
) -> None:
    following = adjust(day, BusinessDayRule.FOLLOWING, calendar)
    preceding = adjust(day, BusinessDayRule.PRECEDING, calendar)

    assert preceding <= day <= following
    assert calendar.business_days_between(preceding, following) == (0 if preceding == following else 1)


@given(calendars(), days, st.integers(-300, 300))
def test_adding_and_taking_away_come_back(calendar: Calendar, day: date, count: int) -> None:
    start = adjust(day, BusinessDayRule.FOLLOWING, calendar)

    there = calendar.add_business_days(start, count)

    assert calendar.add_business_days(there, -count) == start
    assert calendar.business_days_between(start, there) == count


@given(calendars(), days, st.integers(1, 60))
def test_adding_is_stepping(calendar: Calendar, day: date, count: int) -> None:
    after = before = day
    for _ in range(count):
        after, before = calendar.next_business_day(after), calendar.previous_business_day(before)

    assert calendar.add_business_days(day, count) == after
    assert calendar.add_business_days(day, -count) == before


@given(calendars(), days, st.integers(0, 400))
def test_counting_is_looking_at_each_day(calendar: Calendar, start: date, length: int) -> None:
    end = start + timedelta(days=length)

    counted = sum(calendar.is_business_day(start + timedelta(days=number)) for number in range(1, length + 1))

    assert calendar.business_days_between(start, end) == counted
    assert calendar.business_days_between(end, start) == -counted


@given(calendars(), few_days, few_days, days)
def test_the_later_layer_wins_and_the_rest_shows_through(
    calendar: Calendar, off: frozenset[date], working: frozenset[date], day: date
) -> None:
    working -= off
    layered = calendar.with_days(off, working)

    expected = False if day in off else True if day in working else calendar.is_business_day(day)
    assert layered.is_business_day(day) is expected
    assert (layered.weekend, layered.is_known(day)) == (calendar.weekend, calendar.is_known(day))


@pytest.mark.parametrize(
    ("day", "rule", "expected"),
    [
        ("2026-05-30", "none", "2026-05-30"),
        ("2026-05-29", "following", "2026-05-29"),
        ("2026-05-30", "following", "2026-06-01"),
        ("2026-05-30", "modified_following", "2026-05-29"),
        ("2026-05-09", "modified_following", "2026-05-11"),
        ("2026-05-31", "preceding", "2026-05-29"),
        ("2026-08-01", "preceding", "2026-07-31"),
        ("2026-08-01", "modified_preceding", "2026-08-03"),
        ("2026-08-08", "modified_preceding", "2026-08-07"),
        ("2028-01-01", "modified_preceding", "2028-01-03"),
    ],
)
def test_the_rules_on_plain_weekends(day: str, rule: str, expected: str) -> None:
    adjusted = adjust(date.fromisoformat(day), BusinessDayRule(rule), Calendar("weekends"))

    assert adjusted == date.fromisoformat(expected)


def test_a_month_without_a_business_day_is_left_the_other_way() -> None:
    closed = Calendar("closed").with_days(off=[date(2026, 6, 1) + timedelta(days=number) for number in range(30)])

    assert adjust(date(2026, 6, 15), BusinessDayRule.MODIFIED_FOLLOWING, closed) == date(2026, 5, 29)
    assert adjust(date(2026, 6, 15), BusinessDayRule.MODIFIED_PRECEDING, closed) == date(2026, 7, 1)


def test_the_same_month_of_another_year_is_another_month() -> None:
    closed = Calendar("closed").with_days(off=[date(2026, 6, 1) + timedelta(days=number) for number in range(370)])

    assert closed.next_business_day(date(2026, 6, 15)) == date(2027, 6, 7)
    assert adjust(date(2026, 6, 15), BusinessDayRule.MODIFIED_FOLLOWING, closed) == date(2026, 5, 29)


def test_from_a_day_off_the_first_business_day_counts() -> None:
    calendar = Calendar("weekends")
    saturday = date(2026, 5, 30)

    assert calendar.add_business_days(saturday, 1) == date(2026, 6, 1)
    assert calendar.add_business_days(saturday, -1) == date(2026, 5, 29)
    assert calendar.add_business_days(saturday, 0) == saturday


def test_a_search_without_end_ends() -> None:
    never = Calendar("never", weekend=frozenset(range(7)))

    with pytest.raises(ValidationError, match=f"within {SEARCH_DAYS} days of 2026-01-01"):
        adjust(FIRST, BusinessDayRule.FOLLOWING, never)
    for count in (1, -1):
        with pytest.raises(ValidationError, match="business days"):
            never.add_business_days(FIRST, count)


@pytest.mark.parametrize(("day", "count"), [(date.max, 1), (date.min, -1), (FIRST, 10**9), (FIRST, -(10**9))])
def test_the_ends_of_time_are_refused_not_stumbled_over(day: date, count: int) -> None:
    calendar = Calendar("weekends")

    with pytest.raises(ValidationError):
        calendar.add_business_days(day, count)
    with pytest.raises(ValidationError):
        (Calendar.next_business_day if count > 0 else Calendar.previous_business_day)(
            calendar, date.max if count > 0 else date.min
        )


def test_a_year_without_data_is_weekends_and_says_so() -> None:
    calendar = Calendar("XX", days_off=frozenset({date(2026, 1, 1)}), known_from=2026, known_to=2026)

    assert [calendar.is_known(date(year, 1, 1)) for year in (2025, 2026, 2027)] == [False, True, False]
    assert calendar.is_business_day(date(2027, 1, 1))
    assert not Calendar("nothing known").is_known(FIRST)


def test_a_day_cannot_be_off_and_working_in_one_layer() -> None:
    with pytest.raises(ValidationError, match="2026-01-01 both off and working"):
        Calendar("weekends").with_days(off=[FIRST], working=[FIRST])
