"""The calendars that come with the product."""

from datetime import date

import pytest

from app.domain.calendars import BusinessDayRule, Calendar, DayKind, adjust
from app.services.country_calendars import country_calendar, country_days
from tests.house.calendars import COUNTRIES, FOLDER, write_calendars


def test_the_files_are_what_the_pinned_package_says() -> None:
    for name, text in write_calendars().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "run: python -m tests.house.calendars"


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_country_names_days_and_no_day_both_ways(country: str) -> None:
    calendar, days = country_calendar(country), country_days(country)

    assert len(days) > 50
    assert [each.day for each in days] == sorted({each.day for each in days})
    assert all(each.day.weekday() in calendar.weekend for each in days if each.kind is DayKind.WORKING)
    assert not any("estimated" in each.name for each in days if calendar.is_known(each.day))


@pytest.mark.parametrize(
    ("country", "day", "is_business_day"),
    [
        ("CN", "2026-02-14", True),  # a Saturday worked for Spring Festival
        ("CN", "2026-02-16", False),
        ("CN", "2026-02-28", True),
        ("CN", "2026-10-10", True),
        ("CN", "2020-01-31", False),
        ("US", "2026-11-26", False),
        ("GB", "2026-04-06", False),  # Easter Monday is no holiday of Scotland, whose days are not the ones meant
        ("GB", "2026-08-31", False),
        ("IN", "2026-01-26", False),
        ("NG", "2017-05-29", False),
        ("BD", "2026-01-02", False),  # a Friday
        ("BD", "2026-01-04", True),  # a Sunday
    ],
)
def test_days_that_are_easily_got_wrong(country: str, day: str, is_business_day: bool) -> None:
    assert country_calendar(country).is_business_day(date.fromisoformat(day)) is is_business_day


def test_years_to_be_announced_or_estimated_are_not_known() -> None:
    def known(country: str) -> list[int]:
        return [year for year in range(2015, 2030) if country_calendar(country).is_known(date(year, 6, 1))]

    assert known("CN") == list(range(2016, 2027))
    assert known("US") == list(range(2016, 2029))
    assert known("AE") == list(range(2022, 2027))
    assert known("JO") == []


@pytest.mark.parametrize("jurisdiction", ["EU", "MM"])
def test_a_country_without_a_calendar_has_weekends_and_no_known_year(jurisdiction: str) -> None:
    assert country_calendar(jurisdiction) == Calendar(jurisdiction)
    assert country_days(jurisdiction) == ()


def test_spring_festival_moves_a_due_date_over_the_holiday_to_a_worked_saturday() -> None:
    china = country_calendar("CN")

    assert adjust(date(2026, 2, 15), BusinessDayRule.FOLLOWING, china) == date(2026, 2, 24)
    assert adjust(date(2026, 2, 15), BusinessDayRule.PRECEDING, china) == date(2026, 2, 14)
    assert china.business_days_between(date(2025, 12, 31), date(2026, 12, 31)) == 261 - 19 + 6
