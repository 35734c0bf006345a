"""Files of a lender's own days: `day,kind,name`, one day a line."""

import csv
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from app.domain.calendars import CalendarDay, DayKind
from app.domain.errors import RefusedError

COLUMNS = ["day", "kind", "name"]
_SHOWN = 10


def read_days(path: Path) -> list[CalendarDay]:
    """Return the days of a file in UTF-8 with commas and the header `day,kind,name`.

    Raises RefusedError that names the lines which are wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RefusedError(f"{path} cannot be opened: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise RefusedError(f"{path.name} is not UTF-8 text.") from None
    found: list[CalendarDay] = []
    problems: list[str] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = ([cell.strip() for cell in row] for row in reader if row)
    try:
        if next(rows, None) != COLUMNS:
            raise RefusedError(f"The first line of {path.name} must be {','.join(COLUMNS)}.")
        for row in rows:
            try:
                found.append(_day(row))
            except ValueError as error:
                problems.append(f"line {reader.line_num}: {error}")
    except csv.Error as error:
        raise RefusedError(f"{path.name}, line {reader.line_num}: not separated text ({error}).") from None
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise RefusedError(f"{path.name} is refused whole: " + "; ".join(problems[:_SHOWN]) + more + ".")
    return found


def _day(row: Sequence[str]) -> CalendarDay:
    if len(row) != len(COLUMNS):
        raise ValueError(f"needs the {len(COLUMNS)} cells {','.join(COLUMNS)}")
    day, kind, name = row
    try:
        on = date.fromisoformat(day)
    except ValueError:
        raise ValueError(f"{day!r} is not a day like 2026-05-01") from None
    if kind not in set(DayKind):
        raise ValueError(f"{kind!r} is neither {DayKind.OFF} nor {DayKind.WORKING}")
    return CalendarDay(on, DayKind(kind), name)
