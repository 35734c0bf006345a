"""Legal windows of the day against the times and quiet hours of a policy, as minutes on the wall."""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

from app.domain.quiet_hours import QuietHours

Span = tuple[time, time]
"""From (inclusive) to (exclusive); may span midnight. Equal: the whole day."""

_DAY = 24 * 60


def legal_span(test: Mapping[str, Any]) -> Span:
    """Return the window of a `window` test's document."""
    return _wall(_minute_of_text(test["allow_from"])), _wall(_minute_of_text(test["allow_to"]))


def first_outside(span: Span, start: time, end: time) -> time | None:
    """Return the first minute from `start` to `end`, both inclusive, that lies outside the window, or None.

    An `end` before `start` is on the next day.
    """
    first, last = _minute(start), _minute(end)
    if last < first:
        last += _DAY
    return next((_wall(each) for each in range(first, last + 1) if not _inside(span, each)), None)


def open_outside(span: Span, quiet: QuietHours, *, start: time, life: timedelta) -> time | None:
    """Return the first minute from `start` on, `life` long, that is neither quiet nor inside the window, or None.

    That is when a message which may wait for so long would leave though it may not.
    """
    hushed = None if quiet.start == quiet.end else (quiet.start, quiet.end)
    first = _minute(start)
    minutes = range(first, first + min(_DAY, int(life.total_seconds()) // 60))
    return next((_wall(m) for m in minutes if not _inside(span, m) and (hushed is None or not _inside(hushed, m))), None)


def _inside(span: Span, minute: int) -> bool:
    start, end, minute = _minute(span[0]), _minute(span[1]), minute % _DAY
    if start == end:
        return True
    return start <= minute < end if start < end else minute >= start or minute < end


def _minute(wall: time) -> int:
    return wall.hour * 60 + wall.minute


def _wall(minute: int) -> time:
    minute %= _DAY
    return time(minute // 60, minute % 60)


def _minute_of_text(text: str) -> int:
    hours, _, minutes = text.partition(":")  # 24:00 is the end of the day
    return int(hours) * 60 + int(minutes)
