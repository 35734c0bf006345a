"""Business time of a desk: opening hours, days off, make-up days and nights when clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendars import Calendar
from app.domain.errors import ValidationError
from app.domain.service_levels import BusinessHours, Level, ServiceLevels, read_service_levels
from app.services.country_calendars import country_calendar
from app.services.service_levels import shipped_levels

NINE_TO_SIX = ((9 * 60, 18 * 60),)
WEEK = dict.fromkeys(range(5), NINE_TO_SIX)
CHINA = BusinessHours("Asia/Shanghai", country_calendar("CN"), WEEK, NINE_TO_SIX)
BERLIN = BusinessHours("Europe/Berlin", Calendar("x", weekend=frozenset()), dict.fromkeys(range(7), ((0, 1440),)))
SPLIT = BusinessHours(
    "America/New_York", country_calendar("US"), dict.fromkeys(range(7), ((60, 150), (180, 300), (720, 1440))), NINE_TO_SIX
)
DESKS = {"china": CHINA, "berlin, always": BERLIN, "new york, split": SPLIT}
instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 20)).map(lambda at: at.replace(tzinfo=UTC))
spans = st.integers(0, 60 * 60 * 80).map(lambda seconds: timedelta(seconds=seconds))


@pytest.mark.parametrize("desk", DESKS.values(), ids=DESKS)
@given(at=instants, span=spans)
def test_what_is_added_is_what_is_measured(desk: BusinessHours, at: datetime, span: timedelta) -> None:
    due = desk.add(at, span)

    assert due >= at
    assert desk.between(at, due) == span


@pytest.mark.parametrize("desk", DESKS.values(), ids=DESKS)
@given(at=instants, span=spans, more=spans, later=spans)
def test_more_time_and_a_later_start_are_never_due_earlier(
    desk: BusinessHours, at: datetime, span: timedelta, more: timedelta, later: timedelta
) -> None:
    assert desk.add(at, span + more) >= desk.add(at, span)
    assert desk.add(at + later, span) >= desk.add(at, span)
    assert desk.between(at, at + span + more) >= desk.between(at, at + span)


@pytest.mark.parametrize("desk", DESKS.values(), ids=DESKS)
@given(at=instants, span=spans, more=spans)
def test_two_spans_one_after_the_other_are_their_sum(
    desk: BusinessHours, at: datetime, span: timedelta, more: timedelta
) -> None:
    assert desk.add(desk.add(at, span), more) == desk.add(at, span + more)


def test_a_weekend_day_that_is_worked_counts_and_a_holiday_does_not() -> None:
    before_spring_festival = datetime(2026, 2, 13, 9, 0, tzinfo=UTC)  # Friday, 17:00 in Shanghai; Saturday is worked

    due = CHINA.add(before_spring_festival, timedelta(hours=2))

    assert country_calendar("CN").is_business_day(date(2026, 2, 14))
    assert due == datetime(2026, 2, 14, 2, 0, tzinfo=UTC)
    assert CHINA.add(datetime(2026, 2, 14, 9, 0, tzinfo=UTC), timedelta(hours=2)).date() > date(2026, 2, 23)


def test_a_minute_is_a_minute_also_where_clocks_are_set() -> None:
    spring, autumn = datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)

    assert BERLIN.between(spring, spring + timedelta(hours=23)) == timedelta(hours=23)
    assert BERLIN.add(autumn, timedelta(hours=25)) == autumn + timedelta(hours=25)


def test_a_deadline_may_be_the_instant_the_desk_closes() -> None:
    assert CHINA.add(datetime(2026, 3, 2, 9, 0, tzinfo=UTC), timedelta(hours=1)) == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert not CHINA.is_open(datetime(2026, 3, 2, 10, 0, tzinfo=UTC))


def test_a_desk_that_never_opens_is_refused_and_does_not_search_for_ever() -> None:
    closed = BusinessHours("UTC", Calendar("x", weekend=frozenset(range(7))), WEEK)

    with pytest.raises(ValidationError):
        closed.add(datetime(2026, 3, 2, tzinfo=UTC), timedelta(minutes=1))


def levels(*rules: dict[str, object], **changes: object) -> ServiceLevels:
    document = {**shipped_levels(), "levels": list(rules), **changes}
    return read_service_levels(document, zone="UTC", calendar=Calendar("x"))


def test_the_most_exact_rule_counts() -> None:
    found = levels(
        {"first_minutes": 1}, {"kind": "dispute", "first_minutes": 2}, {"priority": "urgent", "first_minutes": 3},
        {"kind": "dispute", "priority": "urgent", "first_minutes": 4},
    )  # fmt: skip

    asked = [("question", "normal"), ("dispute", "normal"), ("question", "urgent"), ("dispute", "urgent")]
    assert [found.level_of(*each).first_minutes for each in asked] == [1, 2, 3, 4]
    assert levels({"kind": "promise", "first_minutes": 1}).level_of("question", "low") == Level()


def test_the_shipped_levels_are_fit() -> None:
    found = read_service_levels(shipped_levels(), zone="Asia/Shanghai", calendar=country_calendar("CN"))

    assert found.level_of("hardship", "normal").first_minutes == 120
    assert found.hours.is_open(datetime(2026, 3, 2, 2, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"hours": {"mon": [["18:00", "09:00"]]}}, "/hours/mon"),
        ({"hours": {"mon": [["09:00", "12:00"], ["11:00", "18:00"]]}}, "/hours/mon"),
        ({"hours": {"mon": [["9:00", "12:00"]]}}, "/hours/mon"),
        ({"hours": {"mon": [["09:00", "24:01"]]}}, "/hours/mon"),
        ({"hours": {}}, "/hours"),
        ({"hours": {"fun": []}}, "/hours"),
        ({"levels": []}, "/levels"),
        ({"levels": [{"first_minutes": 0}]}, "/levels/0/first_minutes"),
        ({"levels": [{"first_minutes": True}]}, "/levels/0/first_minutes"),
        ({"levels": [{"kind": "joke"}]}, "/levels/0/kind"),
        ({"levels": [{}, {}]}, "/levels/1"),
        ({"reopen_days": -1}, "/reopen_days"),
    ],
)
def test_what_cannot_be_is_pointed_at(changes: dict[str, object], pointer: str) -> None:
    document = {**shipped_levels(), **changes}

    with pytest.raises(ValidationError) as refused:
        read_service_levels(document, zone="UTC", calendar=Calendar("x"))

    assert refused.value.errors[0].pointer == pointer
