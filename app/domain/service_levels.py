"""Service levels: by when somebody who writes is answered, in minutes of business, on a lender's calendar and by its clock.

Business is what lies within the lender's opening hours on its business days; a day off that is worked (a make-up day) has
hours of its own. Minutes are minutes that pass, also where clocks are set: an hour that is skipped is no hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from app.domain.calendars import SEARCH_DAYS, Calendar
from app.domain.conversations import KINDS, PRIORITIES
from app.domain.errors import ValidationError, refused_at
from app.domain.times import business_date, local_instant

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
MOST_MINUTES = 60 * DAY_MINUTES
"""No target is further away: who is not answered in sixty days of business is not served."""
_TARGETS = ("first_minutes", "next_minutes", "resolution_minutes")
_NOTHING = timedelta(0)
_DAY = timedelta(days=1)

Span = tuple[int, int]
"""From minute of the day (inclusive) to minute of the day (exclusive), on the wall."""


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """When a lender's desk is open. `weekly`: spans by weekday, Monday 0; `makeup`: of a weekend day that is worked."""

    zone: str
    calendar: Calendar
    weekly: Mapping[int, Sequence[Span]]
    makeup: Sequence[Span] = ()

    def add(self, at: datetime, business: timedelta) -> datetime:
        """Return the first instant by which so much business time has passed since `at`; for none, `at` itself.

        Raises ValidationError where the desk is not open within a year.
        """
        if business <= _NOTHING:
            return at
        left, day, idle = business, business_date(at, self.zone), 0
        while idle <= SEARCH_DAYS:
            idle += 1
            for opens, closes in self._open_on(day):
                begins = max(opens, at)
                if begins >= closes:
                    continue
                idle = 0
                if left <= closes - begins:
                    return begins + left
                left -= closes - begins
            day += _DAY
        raise ValidationError(f"The desk has no opening hours within {SEARCH_DAYS} days of {day}.")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return how much business time lies between two instants; nothing where the end is not after the start."""
        total, day = _NOTHING, business_date(start, self.zone)
        last = business_date(end, self.zone)
        while day <= last:
            for opens, closes in self._open_on(day):
                total += max(min(closes, end) - max(opens, start), _NOTHING)
            day += _DAY
        return total

    def is_open(self, at: datetime) -> bool:
        """Return whether the desk is open at that instant."""
        return any(opens <= at < closes for opens, closes in self._open_on(business_date(at, self.zone)))

    def _open_on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open stretches of a local day in order; where clocks go forward none begins before the last ended."""
        if not self.calendar.is_business_day(day):
            return
        spans = self.weekly.get(day.weekday(), ())
        if not spans and day in self.calendar.working_days:
            spans = self.makeup
        done: datetime | None = None
        for begin, end in spans:
            opens, closes = self._instant(day, begin), self._instant(day, end)
            if done is not None:
                opens = max(opens, done)
            if opens < closes:
                done = closes
                yield opens, closes

    def _instant(self, day: date, minute: int) -> datetime:
        if minute == DAY_MINUTES:
            return local_instant(day + _DAY, time(0), self.zone)
        return local_instant(day, time(*divmod(minute, 60)), self.zone)


@dataclass(frozen=True, slots=True)
class Level:
    """Targets in minutes of business; None: there is none."""

    first_minutes: int | None = None
    """From the first word to the first answer."""
    next_minutes: int | None = None
    """From a later word to the answer to it."""
    resolution_minutes: int | None = None
    """From the opening to the end, what waits for the borrower not counted."""


@dataclass(frozen=True, slots=True)
class LevelRule:
    """For which threads a level is. None: for any."""

    level: Level
    kind: str | None = None
    priority: str | None = None

    @property
    def weight(self) -> int:
        """How exact it is: what names the priority goes before what names the kind alone."""
        return (self.kind is not None) + 2 * (self.priority is not None)


@dataclass(frozen=True, slots=True)
class ServiceLevels:
    """What a lender has set for its desk."""

    hours: BusinessHours
    rules: Sequence[LevelRule] = field(default_factory=tuple)
    soon_minutes: int = 60
    """So long before a target a thread is put forward."""
    reopen_days: int = 14
    """So long after it was resolved a thread is opened again by a word; later that begins another."""
    on_duty_minutes: int = 12 * 60
    """Who was at the desk so lately is given threads."""
    most_open: int = 30
    """Who has so many open is given no more by itself."""

    def level_of(self, kind: str, priority: str) -> Level:
        """Return the targets of a thread: of the most exact rule, among equals the first."""
        fits = [rule for rule in self.rules if rule.kind in (None, kind) and rule.priority in (None, priority)]
        return max(fits, key=lambda rule: rule.weight).level if fits else Level()


def read_service_levels(document: Mapping[str, Any], *, zone: str, calendar: Calendar) -> ServiceLevels:
    """Return the levels of a document as it is stored and sent. Raises ValidationError that points at what is wrong."""
    hours = document.get("hours")
    if not isinstance(hours, Mapping) or not set(hours) <= set(DAYS):
        raise refused_at("/hours", f"hours has a list of spans for each of {', '.join(DAYS)}.")
    weekly = {DAYS.index(day): _spans(spans, f"/hours/{day}") for day, spans in hours.items()}
    if not any(weekly.values()):
        raise refused_at("/hours", "The desk is never open; give at least one span.")
    levels = document.get("levels")
    if not isinstance(levels, Sequence) or not levels or len(levels) > 50:
        raise refused_at("/levels", "levels is a list of 1 to 50 rules.")
    rules = [_rule(each, f"/levels/{index}") for index, each in enumerate(levels)]
    named = [(rule.kind, rule.priority) for rule in rules]
    for index, name in enumerate(named):
        if name in named[:index]:
            raise refused_at(f"/levels/{index}", "Another rule is for the same kind and priority.")
    return ServiceLevels(
        BusinessHours(zone, calendar, weekly, _spans(document.get("makeup", ()), "/makeup")),
        rules,
        _number(document, "soon_minutes", 60, 1, MOST_MINUTES),
        _number(document, "reopen_days", 14, 0, 366),
        _number(document, "on_duty_minutes", 720, 1, MOST_MINUTES),
        _number(document, "most_open", 30, 1, 1000),
    )


def _rule(said: Any, at: str) -> LevelRule:
    if not isinstance(said, Mapping) or not set(said) <= {"kind", "priority", *_TARGETS}:
        raise refused_at(at, f"A rule has kind, priority and {', '.join(_TARGETS)}.")
    kind, priority = said.get("kind"), said.get("priority")
    if kind is not None and kind not in KINDS:
        raise refused_at(f"{at}/kind", f"kind is not one of {', '.join(KINDS)}.")
    if priority is not None and priority not in PRIORITIES:
        raise refused_at(f"{at}/priority", f"priority is not one of {', '.join(PRIORITIES)}.")
    minutes = []
    for name in _TARGETS:
        value = said.get(name)
        if value is not None and not (type(value) is int and 1 <= value <= MOST_MINUTES):
            raise refused_at(f"{at}/{name}", f"{name} is 1 to {MOST_MINUTES} minutes of business.")
        minutes.append(value)
    return LevelRule(Level(*minutes), kind, priority)


def _number(document: Mapping[str, Any], name: str, usual: int, least: int, most: int) -> int:
    value = document.get(name, usual)
    if type(value) is not int or not least <= value <= most:
        raise refused_at(f"/{name}", f"{name} is {least} to {most}.")
    return value


def _spans(said: Any, at: str) -> tuple[Span, ...]:
    wrong = refused_at(at, "Spans are pairs of wall times that follow one another: [[09:00, 12:00], [13:00, 18:00]].")
    if not isinstance(said, Sequence) or isinstance(said, str) or len(said) > 12:
        raise wrong
    spans: list[Span] = []
    for each in said:
        if not isinstance(each, Sequence) or isinstance(each, str) or len(each) != 2:
            raise wrong
        begin, end = (_minute(text) for text in each)
        if begin is None or end is None or begin >= end or (spans and begin < spans[-1][1]):
            raise wrong
        spans.append((begin, end))
    return tuple(spans)


def _minute(text: Any) -> int | None:
    """Return the minute of the day of HH:MM; 24:00 is the end of it."""
    if not isinstance(text, str) or len(text) != 5 or text[2] != ":" or not (text[:2] + text[3:]).isascii():
        return None
    if not (text[:2] + text[3:]).isdigit():
        return None
    minute = int(text[:2]) * 60 + int(text[3:])
    return minute if int(text[3:]) < 60 and minute <= DAY_MINUTES else None
