"""Hours on the wall: which minutes of a local day are allowed, and the first instant allowed in several zones at once.

Half-open, in local wall time; the offset is that of the instant. When clocks go back a minute of the wall comes twice and is
allowed twice; when they go forward the first instant after the gap stands for the minutes it skips.
"""

from bisect import bisect_right
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.domain.times import zone_named

DAY_MINUTES = 24 * 60
SEARCH = timedelta(days=14)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_SUNDAY = 6

Spans = tuple[tuple[int, int], ...]
"""Minutes of the day, half-open, ascending, apart; none spans midnight."""

_NO_DATES: frozenset[date] = frozenset()


def minute_of(at: time) -> int:
    """Return the minute of the day."""
    return at.hour * 60 + at.minute


def span(start: int, end: int) -> Spans:
    """Return the minutes from `start` up to `end`; over midnight when `end` is earlier, none when they are equal."""
    if start <= end:
        return ((start, end),) if start < end else ()
    return ((0, end), (start, DAY_MINUTES)) if end else ((start, DAY_MINUTES),)


def intersection(one: Spans, other: Spans) -> Spans:
    """Return the minutes in both."""
    met = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return tuple(sorted((a, b) for a, b in met if a < b))


def union(one: Spans, other: Spans) -> Spans:
    """Return the minutes in either."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(one + other):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


class Hours(NamedTuple):
    """The minutes allowed on each local day, and the days on which none is."""

    spans: Spans
    skip_sunday: bool = False
    skip_dates: AbstractSet[date] = _NO_DATES

    def allow(self, wall: datetime) -> bool:
        """Whether that moment of the wall clock is allowed."""
        if (self.skip_sunday and wall.weekday() == _SUNDAY) or (self.skip_dates and wall.date() in self.skip_dates):
            return False
        minute = wall.hour * 60 + wall.minute
        for start, end in self.spans:
            if start <= minute < end:
                return True
        return False


def first_allowed(at: datetime, zones: tuple[str, ...], hours: Hours) -> datetime | None:
    """Return the first instant from `at` on that is allowed in every zone; None when none is within SEARCH."""
    if not hours.spans:
        return None
    until = at + SEARCH
    found = at
    while True:
        latest = found
        for zone in zones:
            following = _first_in_zone(latest, zone, hours, until)
            if following is None:
                return None
            latest = following
        if latest == found:
            return found
        found = latest


def _first_in_zone(at: datetime, zone: str, hours: Hours, until: datetime) -> datetime | None:
    named = zone_named(zone)
    wall = at.astimezone(named)
    if hours.allow(wall):
        return at
    day = wall.date() - _DAY  # a wall that goes back over midnight has minutes of the day before still to come
    starts = tuple(sorted({0, *(start for start, _ in hours.spans)}))
    while True:
        moments = _moments(day, zone, starts)
        for moment in moments[bisect_right(moments, at) :]:
            if moment > until:
                return None
            if hours.allow(moment.astimezone(named)):
                return moment
        day += _DAY
        if (day - wall.date()) > SEARCH + 2 * _DAY:
            return None


@lru_cache(maxsize=16384)
def _moments(day: date, zone: str, starts: tuple[int, ...]) -> tuple[datetime, ...]:
    """Return the instants at which an allowed stretch can begin on that local day or the next: starts, and new offsets.

    Two days at once, because a wall that goes back over midnight shows the end of a day after the start of the next.
    """
    named = zone_named(zone)
    moments = set(_changes(day, zone)) | set(_changes(day + _DAY, zone))
    for start in starts:
        for on in (day, day + _DAY):
            for fold in (0, 1):
                wall = datetime.combine(on, time(start // 60, start % 60, fold=fold), tzinfo=named)
                moment = wall.astimezone(UTC)
                if _shows(moment, wall, named):  # else the wall never shows it: it lies in a gap, whose end is a change
                    moments.add(moment)
    return tuple(sorted(moments))


def _shows(moment: datetime, wall: datetime, zone: ZoneInfo) -> bool:
    return moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None)


def _changes(day: date, zone: str) -> list[datetime]:
    """Return the instants from which on the zone has another offset and that local day, to the second."""
    named = zone_named(zone)
    start = datetime.combine(day, time(0), tzinfo=UTC) - _DAY  # no zone is a day away from UTC
    found = []
    for step in range(6):  # half days: two changes within one are not known
        low, high = start + step * _DAY / 2, start + (step + 1) * _DAY / 2
        before = low.astimezone(named).utcoffset()
        if high.astimezone(named).utcoffset() == before:
            continue
        while high - low > _SECOND:
            middle = low + (high - low) // 2
            middle = middle.replace(microsecond=0)
            if middle.astimezone(named).utcoffset() == before:
                low = middle
            else:
                high = middle
        if high.astimezone(named).date() == day:
            found.append(high)
    return found
