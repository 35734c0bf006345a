"""The question put to a rule: typed facts at a moment, with local dates worked out once for all rules."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple

from app.domain.law.results import NO_REFERENCES, References
from app.domain.times import local_instant, zone_named

Facts = Mapping[str, Any]
"""Typed facts by the vocabulary's names; see `Vocabulary.read_facts` for the Python types."""


class Circumstances(NamedTuple):
    """What decides whether a rule is for a question; None is absent, and means what the vocabulary says that it means."""

    act: str | None = None
    channel: str | None = None
    message_class: str | None = None
    stage: str | None = None
    lender_role: str | None = None
    licence_kind: str | None = None
    product_kind: str | None = None


class Question:
    """Facts at `at`. Several rules share one, so that the wall clock of a zone is read once.

    `at` is None where time plays no part: then nothing is past, future or out of force. Raises ValidationError for a zone
    the zone database does not have.
    """

    __slots__ = ("_dates", "_holidays", "_locals", "_today", "asked", "at", "facts", "found_hours", "references", "zones")

    def __init__(self, facts: Facts, at: datetime | None, references: References = NO_REFERENCES) -> None:
        self.facts = facts
        self.at = at
        self.references = references
        self.zones: tuple[str, ...] = tuple(dict.fromkeys([zone["name"] for zone in facts.get("zones") or ()]))
        """Names of the borrower's zones, each once; empty when none is known."""
        get = facts.get
        self.asked = Circumstances(
            get("act"),
            get("channel"),
            get("message_class"),
            get("stage"),
            get("lender_role"),
            get("licence_kind"),
            get("product_kind"),
        )
        self.found_hours: dict[Any, datetime | None] = {}
        """First allowed instants by hours and zones: several rules of one pack have the same window."""
        self._dates: tuple[date, ...] | None = None
        self._locals: dict[str, datetime] = {}
        self._today: date | None = None
        self._holidays: frozenset[date] | None = None

    def local(self, zone: str) -> datetime:
        """Return the wall clock in that zone now. There must be a now."""
        found = self._locals.get(zone)
        if found is None:
            assert self.at is not None
            found = self._locals[zone] = self.at.astimezone(zone_named(zone))
        return found

    @property
    def day_zones(self) -> tuple[str, ...]:
        """The zones whose calendars count: the borrower's, or UTC when none is known."""
        return self.zones or ("UTC",)

    @property
    def today(self) -> date | None:
        """The date in the borrower's first zone (UTC without one); None when time plays no part."""
        if self._today is None and self.at is not None:
            self._today = self.local(self.day_zones[0]).date()
        return self._today

    @property
    def dates(self) -> tuple[date, ...]:
        """Today in each of the day zones, in their order; empty when time plays no part."""
        if self._dates is None:
            zones = () if self.at is None else self.day_zones
            self._dates = tuple([self.local(zone).date() for zone in zones])
        return self._dates

    def today_in(self, zone: str) -> date | None:
        """The date in that zone; None when time plays no part."""
        return None if self.at is None else self.local(zone).date()

    def date_of(self, value: date | datetime) -> date:
        """Return a date as it is, and the date of an instant in the borrower's first zone."""
        return date_in(value, self.day_zones[0])

    @property
    def holidays(self) -> frozenset[date]:
        """The non-working dates on top of Saturday and Sunday."""
        if self._holidays is None:
            self._holidays = frozenset(self.facts.get("public_holidays") or ())
        return self._holidays

    def get(self, path: str) -> Any:
        """Return a fact or a field of an object fact (`a.b`); None when absent or null."""
        name, _, field = path.partition(".")
        found = self.facts.get(name)
        return found.get(field) if field and found is not None else found


def date_in(value: date | datetime, zone: str) -> date:
    """Return a date as it is, and the date of an instant on the wall in `zone`.

    An instant at either end of the calendar ("until the year 9999") keeps the calendar's first or last date.
    """
    if not isinstance(value, datetime):
        return value
    try:
        return value.astimezone(zone_named(zone)).date()
    except OverflowError:
        return value.date()


def is_past(value: date | datetime, question: Question) -> bool:
    """Whether a date or an instant is at or before now; never when time plays no part."""
    if question.at is None or question.today is None:
        return False
    return value <= question.at if isinstance(value, datetime) else value <= question.today


def start_of_day(on: date, zone: str) -> datetime:
    """Return the first instant of that local day, in UTC."""
    return local_instant(on, time(0), zone)
