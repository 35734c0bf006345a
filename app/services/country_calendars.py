"""The calendars that come with the product: public holidays and moved working days, by country (see content/calendars)."""

import csv
from datetime import MAXYEAR, MINYEAR, date
from functools import lru_cache
from pathlib import Path

from app.domain.calendars import Calendar, CalendarDay, DayKind

_CONTENT = Path(__file__).resolve().parents[1] / "content" / "calendars"


@lru_cache(maxsize=256)
def country_calendar(country: str) -> Calendar:
    """Return the calendar of a country (ISO 3166); of one that none came for Saturdays and Sundays, no year known."""
    with (_CONTENT / "countries.csv").open(encoding="utf-8", newline="") as file:
        about = next((row for row in csv.DictReader(file) if row["country"] == country), None)
    if about is None:
        return Calendar(country)
    days = country_days(country)
    return Calendar(
        name=country,
        weekend=frozenset(map(int, about["weekend"])),
        days_off=frozenset(each.day for each in days if each.kind is DayKind.OFF),
        working_days=frozenset(each.day for each in days if each.kind is DayKind.WORKING),
        known_from=int(about["known_from"] or MAXYEAR),
        known_to=int(about["known_to"] or MINYEAR),
    )


@lru_cache(maxsize=256)
def country_days(country: str) -> tuple[CalendarDay, ...]:
    """Return the days that the country's calendar names, ascending; none where none came."""
    with (_CONTENT / "days.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(line for line in file if line.startswith(f"{country},"))
        return tuple(
            sorted(
                CalendarDay(date.fromisoformat(day), DayKind(kind), name)
                for _country, kind, name, days in rows
                for day in days.split()
            )
        )
