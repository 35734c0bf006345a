"""Days for which a law stops interest on a loan, and sums charged for lateness: a pure input of the replay.

A day that is stopped bears no interest, whoever computed it: of a plan as given, a row's interest is lessened by the share
of its days that are stopped. What is known of a stop changes (it begins open, and ends once the notice is given), so each
stop keeps the span of knowledge in which it stood, and an earlier instant sees what was known then.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from app.domain.rounding import Rounding, divide
from app.domain.times import parse_instant, rfc3339

INTEREST, INTEREST_AND_CHARGES = "interest", "interest_and_charges"
SCOPES = (INTEREST, INTEREST_AND_CHARGES)

Span = tuple[date, date]
"""A first day, and the first day after."""


class Stop(NamedTuple):
    """One stop as it was known from `recorded_at` until `replaced_at` (None: it still is)."""

    from_on: date
    """First day that bears nothing."""
    until_on: date | None
    """First day that bears interest again; None: as long as it stands, days to come included."""
    scope: str
    rule: str
    """The rule of law that stops it."""
    recorded_at: datetime
    replaced_at: datetime | None = None


class Stopped(NamedTuple):
    """The days on which nothing is owed, each a list of spans that ascend and do not touch."""

    interest: tuple[Span, ...] = ()
    charges: tuple[Span, ...] = ()
    """Days on which a sum charged for lateness that would fall due is not owed."""


NOT_STOPPED = Stopped()


def stopped_by(stops: Iterable[Stop], known_at: datetime | None = None) -> Stopped:
    """Return the days that these stops take out, as now known or as was known at an instant."""
    known = standing(stops, known_at)
    if not known:
        return NOT_STOPPED
    return Stopped(_merged(known), _merged([each for each in known if each.scope == INTEREST_AND_CHARGES]))


def standing(stops: Iterable[Stop], known_at: datetime | None = None) -> list[Stop]:
    """Return the stops that take out at least a day, as now known or as was known at an instant; the first day first."""
    return sorted(
        (
            each
            for each in stops
            if (each.replaced_at is None if known_at is None else _stood(each, known_at))
            and (each.until_on is None or each.from_on < each.until_on)
        ),
        key=lambda each: (each.from_on, each.rule, each.recorded_at),
    )


def stop_on(stops: Iterable[Stop], on: date) -> Stop | None:
    """Return the stop in which a day lies, as now known; of several the one that lasts longest. None: it bears interest."""
    found = [each for each in standing(stops) if each.from_on <= on and (each.until_on is None or on < each.until_on)]
    return max(found, key=lambda each: (each.until_on or date.max, each.scope == INTEREST_AND_CHARGES), default=None)


def days_within(spans: Sequence[Span], start: date, end: date) -> int:
    """Return how many of the days from `start` up to the day before `end` lie in the spans."""
    return sum(max((min(until, end) - max(since, start)).days, 0) for since, until in spans)


def without(start: date, end: date, spans: Sequence[Span]) -> list[Span]:
    """Return the days from `start` up to the day before `end` that lie in none of the spans."""
    found: list[Span] = []
    for since, until in spans:
        if since >= end:
            break
        if until > start:
            if since > start:
                found.append((start, since))
            start = until
    return [*found, (start, end)] if start < end else found


def is_within(spans: Sequence[Span], on: date) -> bool:
    """Return whether a day lies in one of the spans."""
    return any(since <= on < until for since, until in spans)


def interest_stopped(interest_minor: int, from_on: date | None, due_on: date, spans: Sequence[Span]) -> int:
    """Return what of a row's interest, of the days from `from_on` up to the day before `due_on`, is stopped; half to even.

    Where the first day is not known, any stop before the due date takes all of it: a doubt is for who pays.
    """
    if interest_minor <= 0 or not spans:
        return 0
    if from_on is None or from_on >= due_on:
        return interest_minor if any(since < due_on for since, _ in spans) else 0
    return divide(interest_minor * days_within(spans, from_on, due_on), (due_on - from_on).days, Rounding.HALF_EVEN)


def packed(stops: Iterable[Stop]) -> list[list[str | None]]:
    """Return stops as the loan's copy of them keeps them, the oldest knowledge first."""
    return [
        [
            each.from_on.isoformat(),
            None if each.until_on is None else each.until_on.isoformat(),
            each.scope,
            each.rule,
            rfc3339(each.recorded_at),
            None if each.replaced_at is None else rfc3339(each.replaced_at),
        ]
        for each in sorted(stops, key=lambda each: (each.recorded_at, each.from_on, each.rule))
    ]


def unpacked(kept: Iterable[Sequence[str]] | None) -> tuple[Stop, ...]:
    """Return what `packed` made."""
    return tuple(
        Stop(
            date.fromisoformat(from_on),
            None if until_on is None else date.fromisoformat(until_on),
            scope,
            rule,
            parse_instant(recorded_at),
            None if replaced_at is None else parse_instant(replaced_at),
        )
        for from_on, until_on, scope, rule, recorded_at, replaced_at in kept or ()
    )


def _stood(stop: Stop, at: datetime) -> bool:
    return stop.recorded_at <= at and (stop.replaced_at is None or at < stop.replaced_at)


def _merged(stops: Iterable[Stop]) -> tuple[Span, ...]:
    found: list[Span] = []
    for since, until in sorted((each.from_on, each.until_on or date.max) for each in stops):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((since, until))
    return tuple(found)
