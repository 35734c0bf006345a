"""A lender's calendar: its country's, with the lender's own days on top."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.domain.book import check_text
from app.domain.calendars import Calendar, CalendarDay, DayKind
from app.domain.errors import NotFoundError, ValidationError
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.calendars import (
    delete_calendar_days,
    find_calendar_days,
    put_calendar_days,
    renew_calendar_version,
)
from app.persistence.unit_of_work import Work
from app.services.country_calendars import country_calendar, country_days

YEARS = range(1970, 2200)
"""A day outside is a slip of the pen."""
_SHOWN = 10


class ShownDay(NamedTuple):
    """One day a lender's calendar names. `source` is the country's code, or `own`."""

    day: date
    kind: DayKind
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class ShownYear:
    """One year of a lender's calendar: the days it names, ascending, what holds for each day, and whether all is stated."""

    calendar: Calendar
    days: Sequence[ShownDay]
    business_days: int
    is_known: bool


def calendar_for(session: Session, lender: LenderRow) -> Calendar:
    """Return the lender's calendar. One statement, and none while its own days are as this process last read them.

    `lender` is of this session, so that its version is as new as everything else the transaction sees.
    """
    base = country_calendar(lender.jurisdiction)
    if lender.calendar_version is None:
        return base
    key = (lender.calendar_version, lender.jurisdiction)
    held = _held.get(lender.id)
    if held is None or held[0] != key:
        own = find_calendar_days(session, lender.id).values()
        held = _held[lender.id] = (key, _layered(base, own, lender.code))
    return held[1]


_held: dict[str, tuple[tuple[str, str], Calendar]] = {}
"""Calendars by lender, with the version they were read under. A version is never used twice, also not after a rollback."""


def _layered(base: Calendar, own: Collection[CalendarDay], name: str) -> Calendar:
    return base.with_days(
        off=(each.day for each in own if each.kind is DayKind.OFF),
        working=(each.day for each in own if each.kind is DayKind.WORKING),
        name=name,
    )


def year_of(session: Session, lender: LenderRow, year: int) -> ShownYear:
    """Return one year of the lender's calendar; of a day that both name, what the lender says. Raises ValidationError."""
    if year not in YEARS:
        raise ValidationError(f"{year} is not a year from {YEARS[0]} to {YEARS[-1]}.")
    calendar = calendar_for(session, lender)
    named = {each.day: ShownDay(*each, lender.jurisdiction) for each in country_days(lender.jurisdiction)}
    named |= {day: ShownDay(*each, "own") for day, each in find_calendar_days(session, lender.id).items()}
    first, last = date(year, 1, 1), date(year, 12, 31)
    return ShownYear(
        calendar,
        [named[day] for day in sorted(named) if first <= day <= last],
        calendar.business_days_between(first - timedelta(days=1), last),
        calendar.is_known(first),
    )


def put_days(work: Work, lender: LenderRow, days: Sequence[CalendarDay], *, now: datetime, by: str) -> Counter[str]:
    """Have the lender's calendar say this of these days; return how many were added, changed, unchanged.

    `by` names who says so. Raises ValidationError, and then nothing is written.
    """
    _check(days)
    renew_calendar_version(work.session, lender)
    stored = find_calendar_days(work.session, lender.id)
    done = Counter(
        "unchanged" if stored.get(each.day) == each else "changed" if each.day in stored else "added" for each in days
    )
    put_calendar_days(work.session, lender.id, [each for each in days if stored.get(each.day) != each], at=now, by=by)
    return done


def _check(days: Sequence[CalendarDay]) -> None:
    for day, count in Counter(each.day for each in days).items():
        if count > 1:
            raise ValidationError(f"{day} is listed {count} times; a calendar says one thing of a day.")
    for each in days:
        if each.day.year not in YEARS:
            raise ValidationError(f"{each.day} is not a day from {YEARS[0]} to {YEARS[-1]}.")
        if not each.name.strip():
            raise ValidationError(f"{each.day} needs a name: why it is {each.kind}.")
        check_text("name", each.name)


def remove_days(work: Work, lender: LenderRow, days: Collection[date]) -> None:
    """Have the lender's calendar say of these days what its country's does. Raises NotFoundError when one is not its own."""
    renew_calendar_version(work.session, lender)
    missing = sorted(set(days) - set(find_calendar_days(work.session, lender.id)))
    if missing:
        raise NotFoundError(
            f"{_listed(missing)} not among {lender.code}'s own days. To do business on a day off of {lender.jurisdiction}, "
            "add it as working."
        )
    delete_calendar_days(work.session, lender.id, days)


def _listed(days: Sequence[date]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:_SHOWN])
    return shown + (f" and {len(days) - _SHOWN} more are" if len(days) > _SHOWN else " is" if len(days) == 1 else " are")
