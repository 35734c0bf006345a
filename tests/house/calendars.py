"""Writes app/content/calendars from the `holidays` package: `python -m tests.house.calendars`.

A test fails when the files are not what the pinned package says, so that a change of a country's days is seen as a line.
"""

import csv
import inspect
import io
import re
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import holidays

FOLDER = Path(__file__).resolve().parents[2] / "app" / "content" / "calendars"
YEARS = range(2016, 2029)
COUNTRIES = (
    "AE AU BD BR CN CO CZ DE EE ES FR GB GH HK ID IN JO JP KE KR KZ "
    "LT LV MX MY NG PE PH PK PL RU SA SG TH TR TW TZ UA US VN ZA"
).split()
SUBDIVISIONS = {"GB": "ENG"}
"""Where the days that all of the country shares are not the ones its banks keep."""
MOVED_BY_DECREE_UNTIL = {"CN": 2026, "KZ": 2025, "LV": 2026, "RU": 2027, "TW": 2026, "UA": 2025, "VN": 2026}
"""Countries that move days by a decree for each year (Ukraine: suspends them), and the last year the package has."""
WEEKEND_SINCE = {"AE": 2022}
"""Where the weekend of today is younger than the days: Friday and Saturday until 2021."""
LANGUAGES = ("en_US", "en_GB")


def write_calendars() -> dict[str, str]:
    """Return the text of each file by its name."""
    countries, days = io.StringIO(), io.StringIO()
    about = csv.writer(countries, lineterminator="\n")
    named = csv.writer(days, lineterminator="\n")
    about.writerow(["country", "weekend", "known_from", "known_to"])
    named.writerow(["country", "kind", "name", "days"])
    for country in COUNTRIES:
        found = _country(country)
        known = _known_years(country, found)
        about.writerow([country, "".join(str(day) for day in sorted(found.weekend)), *known])
        for kind, name, dates in _by_name(found):
            named.writerow([country, kind, name, " ".join(day.isoformat() for day in dates)])
    return {"countries.csv": countries.getvalue(), "days.csv": days.getvalue()}


def _country(code: str) -> Any:
    kind = type(holidays.country_holidays(code))
    options: dict[str, Any] = {"years": YEARS, "subdiv": SUBDIVISIONS.get(code)}
    if "islamic_show_estimated" in inspect.signature(kind.__init__).parameters:
        options["islamic_show_estimated"] = True  # Saudi Arabia keeps quiet about it unless asked
    language = next((each for each in LANGUAGES if each in kind.supported_languages), None)
    return kind(**options, language=language)


def _known_years(code: str, found: Any) -> tuple[object, object]:
    """Return the first and last of the latest unbroken years without an estimated day, or two empty cells."""
    estimated = {day.year for day, name in found.items() if "estimated" in name}
    last = MOVED_BY_DECREE_UNTIL.get(code, YEARS[-1])
    stated = [year for year in YEARS if year not in estimated and WEEKEND_SINCE.get(code, 0) <= year <= last]
    if not stated:
        return "", ""
    first = stated[-1]
    while first - 1 in stated:
        first -= 1
    return first, stated[-1]


def _by_name(found: Any) -> list[tuple[str, str, list[date]]]:
    grouped: dict[tuple[str, str], list[date]] = defaultdict(list)
    for day in sorted(found):
        grouped["off", re.sub(r" \(substituted from [^)]*\)", " (moved)", found[day])].append(day)
    for day in sorted(found.weekend_workdays):
        if day.year in YEARS:
            grouped["working", "Working day (moved)"].append(day)
    return [(kind, name, dates) for (kind, name), dates in grouped.items()]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file_name, text in write_calendars().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
