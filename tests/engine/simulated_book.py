"""What is true of a simulated book, in plain Python: who owes what, who may be reached, which steps had to be decided.

Knows the product's promises and none of its code: instalments are principal only, so that money fills the oldest rows first
and a single sum tells what is open.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

STEPS = {"d-7": -7, "d-3": -3, "d-1": -1, "d+0": 0, "d+1": 1, "d+3": 3, "d+7": 7, "d+15": 15, "d+30": 30}
AT, QUIET_FROM, QUIET_TO = time(10), time(22), time(8)
CALENDAR_DAYS = Path(__file__).parents[2] / "app" / "content" / "calendars" / "days.csv"
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


class StepTime(NamedTuple):
    """When a step is reached: so many days from the due date, at a time of day or spread over a window, off holidays."""

    offset: int
    at: time
    until: time | None = None
    moves: str = "keep"


Steps = dict[str, StepTime]


@dataclass
class Span:
    """Something that holds from `since` (inclusive) to `until` (exclusive)."""

    since: datetime
    until: datetime
    value: object


@dataclass
class History:
    """A value over time."""

    spans: list[Span] = field(default_factory=list)

    def put(self, at: datetime, value: object) -> None:
        if self.spans and self.spans[-1].value == value:
            return
        if self.spans:
            self.spans[-1].until = at
        self.spans.append(Span(at, FOREVER, value))

    def at(self, when: datetime) -> object:
        return next((span.value for span in self.spans if span.since <= when < span.until), None)

    @property
    def now(self) -> object:
        return self.spans[-1].value if self.spans else None


@dataclass
class Plan:
    anchor_no: int
    rows: dict[int, tuple[date, int]]
    since: datetime
    open: dict[int, History] = field(default_factory=dict)
    until: datetime = FOREVER


@dataclass
class Loan:
    number: str
    zone: str
    """The lender's."""
    loan_id: str = ""
    status: str = "active"
    goes_on: History = field(default_factory=History)
    """Whether the core has it as going on: False once it is written off or closed unpaid."""
    told_late: list[tuple[datetime, datetime]] = field(default_factory=list)
    """(known to the core, told to us): what was owed in between is not judged."""
    plans: list[Plan] = field(default_factory=list)
    payments: dict[str, int] = field(default_factory=dict)

    def replan(self, rows: dict[int, tuple[date, int]], at: datetime) -> None:
        if self.plans:
            self.plans[-1].until = at
        self.plans.append(Plan(len(self.plans) + 1, rows, at, {row_no: History() for row_no in rows}))
        self.spread(at)

    def spread(self, at: datetime) -> None:
        left = sum(self.payments.values())
        plan = self.plans[-1]
        for row_no, (_, amount) in sorted(plan.rows.items(), key=lambda item: (item[1][0], item[0])):
            part = min(left, amount)
            left -= part
            plan.open[row_no].put(at, amount - part > 0)

    def left(self, row_no: int) -> int:
        """What is open of a row, in minor units."""
        left = sum(self.payments.values())
        for each, (_, amount) in sorted(self.plans[-1].rows.items(), key=lambda item: (item[1][0], item[0])):
            if each == row_no:
                return max(0, amount - left)
            left -= min(left, amount)
        return 0

    def is_open(self, row_no: int) -> bool:
        plan = self.plans[-1]
        return self.status == "active" and row_no in plan.rows and bool(plan.open[row_no].now)

    @property
    def owed(self) -> int:
        return sum(amount for _, amount in self.plans[-1].rows.values()) - sum(self.payments.values())


@dataclass
class Phone:
    installation: str
    token: str
    zone: str | None
    seen_at: datetime
    works: bool = True
    permission: bool = True


@dataclass
class Person:
    number: str
    borrower_id: str = ""
    zone: str | None = None
    phone_no: str | None = None
    phone_zones: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    consent: bool = True
    loans: list[Loan] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    zones: History = field(default_factory=History)
    """The zone steps are counted in; None: each loan's lender's."""

    @property
    def step_zone(self) -> str | None:
        devices = sorted((p for p in self.phones if p.zone), key=lambda p: p.seen_at, reverse=True)
        region = self.phone_zones[0] if len(self.phone_zones) == 1 else None
        return self.zone or (devices[0].zone if devices else None) or region

    @property
    def known_zones(self) -> set[str]:
        return {z for z in (self.zone, *(p.zone for p in self.phones), *self.phone_zones) if z}

    @property
    def may_be_pushed(self) -> bool:
        return not self.flags and self.consent


def wall(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone))


def is_night(at: datetime, zone: str) -> bool:
    clock = wall(at, zone).time()
    return clock >= QUIET_FROM or clock < QUIET_TO


def instant(on: date, at: time, zone: str) -> datetime:
    return datetime.combine(on, at, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def share(salt: str, natural_key: str) -> int:
    """0..9999, as the product promises it: the first eight bytes of SHA-256 over salt, unit separator and key."""
    return int.from_bytes(sha256(f"{salt}\x1f{natural_key}".encode()).digest()[:8], "big") % 10_000


@cache
def british_days_off() -> frozenset[date]:
    """Bank holidays of Great Britain, from the table that the product ships."""
    with CALENDAR_DAYS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["country"] == "GB" and row["kind"] == "off"]
    return frozenset(date.fromisoformat(day) for row in rows for day in row["days"].split())


def reached_at(key: str, step: StepTime, due_on: date, zone: str, loan_no: str) -> datetime:
    """The instant of a step in a zone."""
    on = due_on + timedelta(days=step.offset)
    ahead = {"next": 1, "previous": -1}.get(step.moves, 0)
    while ahead and (on.weekday() > 4 or on in british_days_off()):
        on += timedelta(days=ahead)
    at = step.at
    if step.until is not None:
        first, last = at.hour * 60 + at.minute, step.until.hour * 60 + step.until.minute
        minute = first + (last - first) * share(key, f"{loan_no.split('-')[0]}/{loan_no}") // 10_000
        at = time(minute // 60, minute % 60)
    return instant(on, at, zone)


def steps_that_had_to_be_decided(
    people: list[Person], rules: History, until: datetime
) -> Iterator[tuple[str, str, int, str, datetime]]:
    """Yield (borrower no, subject, anchor, step, instant) of every step reached while its row was open, as known then."""
    for person in people:
        for loan in person.loans:
            for plan in loan.plans:
                for row_no, (due_on, _) in plan.rows.items():
                    for zone_span in person.zones.spans:
                        zone = str(zone_span.value or loan.zone)
                        for rule_span in rules.spans:
                            steps = rule_span.value
                            assert isinstance(steps, dict)
                            for key, step in steps.items():
                                reached = reached_at(key, step, due_on, zone, loan.number)
                                if (
                                    zone_span.since <= reached < zone_span.until
                                    and rule_span.since <= reached < rule_span.until
                                    and plan.since <= reached < plan.until
                                    and reached <= until
                                    and plan.open[row_no].at(reached)
                                    and loan.goes_on.at(reached)
                                    and not any(known <= reached < told for known, told in loan.told_late)
                                ):
                                    yield person.number, f"{loan.loan_id}/{row_no}", plan.anchor_no, key, reached
