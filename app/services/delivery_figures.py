"""What was handed over, to whom and at what price: counted hour by hour beside the sending, never while somebody looks.

An engine counts the running hour and the one before every minute, and in turn one of the last three days' hours, so that
late receipts and an engine that was down are made up for. What is shown is at most a minute old.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.policies import OUTWARD_CHANNELS
from app.domain.times import EPOCH
from app.persistence.queries import delivery_figures as queries
from app.persistence.queries.channel_switches import find_switch_rows
from app.persistence.queries.rate_counters import find_count
from app.persistence.unit_of_work import unit_of_work
from app.services.rehearsals.channel_figures import ChannelFigures

HOURS_BACK = 72
RECENT = timedelta(hours=1)
LATE_SINCE, LATE_UNTIL = timedelta(days=5), timedelta(minutes=15)
"""Receipts that are this late are missing (services/untold.py asks for them)."""
MOST_DAYS = 92


@dataclass(frozen=True, slots=True)
class ProviderState:
    """How hand-overs to one provider of one channel went lately."""

    channel: str
    provider: str
    attempts: int
    accepted: int
    refused: int
    """For good: by the address or the content."""
    failed: int
    """To be tried again: the provider could not, or not now."""
    uncertain: int
    errors: Mapping[str, int]
    """Our word for what went wrong -> how often."""
    late_receipts: int

    @property
    def failure_rate(self) -> float:
        """Share of hand-overs that the provider did not answer or could not take; a bad address is not its fault."""
        return (self.failed + self.uncertain) / self.attempts if self.attempts else 0.0

    @property
    def failure_percent(self) -> int:
        """The same of a hundred, rounded."""
        return round(self.failure_rate * 100)


@dataclass(frozen=True, slots=True)
class SpendLine:
    """One day, channel and provider. `cost` in units of `currency`; None: nobody has stated a price."""

    day: date
    channel: str
    provider: str
    attempts: int
    accepted: int
    refused: int
    retried: int
    uncertain: int
    units: int
    currency: str | None
    price: Decimal | None
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel's switch with what left today. `sent_today` None: nobody counts without a limit."""

    channel: str
    is_on: bool
    daily_messages: int | None
    sent_today: int | None
    reason: str | None
    by: str | None
    changed_at: datetime | None


def count_hours(*, now: datetime, turn: int) -> int:
    """Count the running hour, the one before, and in turn one of the last `HOURS_BACK`; return how many hand-overs."""
    running = now - (now - EPOCH) % queries.HOUR
    total = 0
    for hour_at in sorted({running, running - queries.HOUR, running - (turn % HOURS_BACK) * queries.HOUR}):
        with unit_of_work() as work:
            total += queries.count_hour(work.session, hour_at, now=now)
    return total


def recent_providers(reads: Connection, *, now: datetime) -> list[ProviderState]:
    """Return how each provider did within the last hour, and the receipts it owes; two statements."""
    outcomes: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    errors: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in queries.count_recent(reads, since=now - RECENT):
        outcomes[row.channel, row.provider][row.outcome] += row.attempts
        if row.outcome != "accepted" and row.error_code:
            errors[row.channel, row.provider][row.error_code] += row.attempts
    late = {
        (row.channel, row.provider): row.messages
        for row in queries.count_late_receipts(reads, since=now - LATE_SINCE, until=now - LATE_UNTIL)
    }
    found = []
    for key in sorted(outcomes.keys() | late.keys()):
        of = outcomes[key]
        found.append(
            ProviderState(
                channel=key[0],
                provider=key[1],
                attempts=sum(of.values()),
                accepted=of["accepted"],
                refused=of["refused"],
                failed=of["retry"],
                uncertain=of["uncertain"] + of["sending"],
                errors=dict(sorted(errors[key].items())),
                late_receipts=late.get(key, 0),
            )
        )
    return found


def spend_of(
    reads: Connection, lender_id: str, *, first_on: date, last_on: date, zone: str, figures: Mapping[str, ChannelFigures]
) -> list[SpendLine]:
    """Return what was sent from `first_on` to `last_on` (inclusive, days of the zone), newest day first; one statement.

    Prices are the installation's table (content/channels/figures.yaml) in the currency of the loans; what is uncertain is
    counted as paid for.
    """
    where = ZoneInfo(zone)
    since = datetime(first_on.year, first_on.month, first_on.day, tzinfo=where)
    last = last_on + timedelta(days=1)
    until = datetime(last.year, last.month, last.day, tzinfo=where)
    names = ("attempts", "accepted", "refused", "retried", "uncertain", "units")
    sums: dict[tuple[date, str, str, str | None], list[int]] = defaultdict(lambda: [0] * len(names))
    for row in queries.sum_hours(reads, lender_id, since=since, until=until):
        of = sums[row.hour_at.astimezone(where).date(), row.channel, row.provider, row.currency]
        for place, name in enumerate(names):
            of[place] += getattr(row, name)
    ordered = sorted(sums.items(), key=lambda each: (-each[0][0].toordinal(), each[0][1], each[0][2], each[0][3] or ""))
    return [_line(key, dict(zip(names, of, strict=True)), figures) for key, of in ordered]


def _line(key: tuple[date, str, str, str | None], of: Mapping[str, int], figures: Mapping[str, ChannelFigures]) -> SpendLine:
    day, channel, provider, currency = key
    price = figures[channel].costs.get(currency) if channel in figures and currency is not None else None
    cost = None if price is None else price * of["units"]
    return SpendLine(day, channel, provider, currency=currency, price=price, cost=cost, **of)


def get_channel_state(session: Session, channel: str, *, now: datetime) -> ChannelState:
    """Return one of them. Raises NotFoundError for what is no outward channel."""
    found = next((each for each in channel_states(session, now=now) if each.channel == channel), None)
    if found is None:
        raise NotFoundError(f"There is no channel {channel}; known: {', '.join(OUTWARD_CHANNELS)}.")
    return found


def channel_states(session: Session, *, now: datetime) -> Sequence[ChannelState]:
    """Return every outward channel with its switch, and how far its daily limit is used."""
    rows = {row.channel: row for row in find_switch_rows(session)}
    today = now - (now - EPOCH) % timedelta(days=1)
    found = []
    for channel in OUTWARD_CHANNELS:
        row = rows.get(channel)
        if row is None:
            found.append(ChannelState(channel, True, None, None, None, None, None))
            continue
        sent = None if row.daily_messages is None else find_count(session, f"sent:{channel}", today)
        found.append(ChannelState(channel, row.is_on, row.daily_messages, sent, row.reason, row.by, row.changed_at))
    return found
