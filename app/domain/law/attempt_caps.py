"""The test `cap`: so many attempts within a run of calendar dates, counted in every zone the borrower may be in."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from app.domain.law.params import Answer, Params, Test, decided, noted
from app.domain.law.questions import Question, date_in, start_of_day
from app.domain.law.records import LIVES, Element, covers_channel, covers_number, is_active
from app.domain.law.results import Result, Topic

_DAY = timedelta(days=1)
_LIFE = LIVES["consent"]
_OUTBOUND = ("outbound",)
_NONE_COUNTED = Result("allow", values={"counted_attempts": 0})


class Limit(NamedTuple):
    """At most `most` attempts within `days` consecutive dates, today included; None: ever."""

    most: int
    days: int | None


class _Consent(NamedTuple):
    purpose: str
    days: int


def cap(params: Params) -> Test:
    """Compile the test: over contact attempts, or over failed drawings when `list` names them."""
    limits = []
    for each in params.parts("limits"):
        each.only("max", "days")
        if not each.has("max"):
            each.fault("max", "missing")
        limits.append(Limit(each.count("max", 0), each.whole("days")))
    zone = params.zone("zone")
    event = params.enum("since_event", "event_kind")
    if params.has("list"):
        attempts = _failed_drawings(params)
        limits = [limit._replace(days=None) for limit in limits]
        return _counted(limits, attempts, zone, event, None)
    return _counted(limits, _contacts(params), zone, event, _consent(params))


Attempts = Callable[[Question], list[datetime]]


def _contacts(params: Params) -> Attempts:
    channels = frozenset(params.words("channels", "channel"))
    directions = frozenset(params.words("directions", "direction") or _OUTBOUND)
    uncounted = frozenset(params.words("uncounted_outcomes", "attempt_outcome"))
    per_debt = params.choice("per", ("person", "person_debt"), "person") == "person_debt"

    def counts(attempt: Element, debt: str | None) -> bool:
        if channels and attempt["channel"] not in channels:
            return False
        if attempt["direction"] not in directions or attempt["outcome"] in uncounted:
            return False
        # An attempt that names no debt may have been about this one; so may every attempt when the question names none.
        return not per_debt or debt is None or attempt.get("debt") in (debt, None)

    def attempts(question: Question) -> list[datetime]:
        debt, at = question.facts.get("debt"), question.at
        found = question.facts.get("contact_attempts") or ()
        return [each["at"] for each in found if (at is None or each["at"] <= at) and counts(each, debt)]

    return attempts


def _failed_drawings(params: Params) -> Attempts:
    path = params.text("list") or ""
    of = params.list_type(path, "list")
    if of is not None and "succeeded" not in (of.fields or {}):
        params.fault("list", f"{path!r} has no field that says what failed")

    def attempts(question: Question) -> list[datetime]:
        at = question.at
        found: Iterable[Any] = question.get(path) or ()
        return [each["at"] for each in found if not each["succeeded"] and (at is None or each["at"] <= at)]

    return attempts


def _consent(params: Params) -> _Consent | None:
    part = params.part("consent")
    if part is None:
        return None
    part.only("purpose", "days")
    return _Consent(part.enum("purpose", "consent_purpose") or "", part.count("days", 0))


def _counted(
    limits: Sequence[Limit], attempts: Attempts, zone: str | None, event: str | None, consent: _Consent | None
) -> Test:
    days = [limit.days for limit in limits if limit.days is not None]
    longest = (max(days) + 1) * _DAY if days and len(days) == len(limits) else None  # a local day may have 25 hours
    always_room = all(limit.most > 0 for limit in limits)

    def test(question: Question) -> Answer:
        zones = (zone,) if zone is not None else question.day_zones
        made = attempts(question)
        counted = 0
        reached = False
        until: datetime | None = None
        endless = False
        if longest is not None and question.at is not None:
            earliest = question.at - longest
            made = [at for at in made if at >= earliest]
        if not made and always_room:
            return noted(_untouched(consent, question, zones[0]))
        for each in zones:
            dates = sorted((date_in(at, each) for at in made), reverse=True)
            if event is not None:
                dates = _after_event(dates, event, question, each)
            today = question.today_in(each)
            counted = max(counted, _within(limits[0], dates, today) if limits else 0)
            for limit in limits:
                if _within(limit, dates, today) < limit.most:
                    continue
                reached = True
                room_on = _room_on(limit, dates)
                if room_on is None:
                    endless = True
                elif until is None or start_of_day(room_on, each) > until:
                    until = start_of_day(room_on, each)
        values: dict[str, Any] = {"counted_attempts": counted}
        if consent is not None:
            values["counted"] = not _is_within_consent(consent, question, zones[0])
        if reached and values.get("counted", True):
            return decided(Result("cap_reached", until=None if endless else until, values=values, topic=Topic.CAP))
        return noted(Result("allow", values=values))

    return test


def _untouched(consent: _Consent | None, question: Question, zone: str) -> Result:
    if consent is None:
        return _NONE_COUNTED
    counted = not _is_within_consent(consent, question, zone)
    return Result("allow", values={"counted_attempts": 0, "counted": counted})


def _within(limit: Limit, dates: Sequence[date], today: date | None) -> int:
    """Return how many of the dates, which descend, lie in the run that ends today."""
    if limit.days is None:
        return len(dates)
    if today is None:
        return 0
    return sum(on > today - limit.days * _DAY for on in dates)


def _room_on(limit: Limit, dates: Sequence[date]) -> date | None:
    """Return the first date whose run has room again: when the oldest of the newest `most` has left it; None: never."""
    if limit.days is None or limit.most == 0:
        return None
    return dates[limit.most - 1] + limit.days * _DAY


def _after_event(dates: Sequence[date], kind: str, question: Question, zone: str) -> list[date]:
    today = question.today_in(zone)
    events = question.facts.get("events") or ()
    past = [each["on"] for each in events if each["kind"] == kind and (today is None or each["on"] <= today)]
    return [each for each in dates if not past or each > max(past)]


def _is_within_consent(consent: _Consent, question: Question, zone: str) -> bool:
    """Whether this call falls within so many dates of such a consent, the date of the consent being day 1."""
    today = question.today_in(zone)
    if today is None:
        return False
    return any(
        given["purpose"] == consent.purpose
        and is_active(given, _LIFE, question.at)
        and covers_channel(given, question.facts.get("channel"))
        and covers_number(given, question.facts.get("endpoint"))
        and today < date_in(given["given_at"], zone) + consent.days * _DAY
        for given in question.facts.get("consents") or ()
    )
