"""What the operator lets leave: switches and daily limits of channels, asked once for each batch that is claimed."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.times import EPOCH
from app.persistence.queries.rate_counters import count_up, find_count
from app.persistence.unit_of_work import Work
from app.services.channel_switches import read_switches

LOOK_AGAIN = timedelta(minutes=1)
"""How long a message waits before a stopped or used-up channel is asked again."""
_DAY = timedelta(days=1)


class ChannelGates:
    """The gates of one batch. What passes is counted against the channel's UTC day, in the transaction of the claim."""

    def __init__(self, work: Work, now: datetime) -> None:
        self._work, self._today = work, _day_of(now)
        self._switches = read_switches(work.session)
        self._room: dict[str, int | None] = {}
        self._taken: Counter[str] = Counter()

    def stop(self, channel: str) -> str | None:
        """Return why nothing more may leave on a channel now: KILL_SWITCH or SPEND_LIMIT; None: something may."""
        if not self._switches.of(channel).is_on:
            return "KILL_SWITCH"
        room = self._left(channel)
        return "SPEND_LIMIT" if room is not None and room <= self._taken[channel] else None

    def take(self, channel: str) -> None:
        """Let one message pass."""
        if self._left(channel) is not None:
            self._taken[channel] += 1

    def close(self) -> None:
        """Write what passed."""
        for channel, count in sorted(self._taken.items()):
            count_up(self._work.session, _bucket(channel), self._today, by=count)

    def _left(self, channel: str) -> int | None:
        if self._switches.of(channel).daily_messages is None:
            return None
        if channel not in self._room:
            sent = count_up(self._work.session, _bucket(channel), self._today, by=0)
            self._room[channel] = self._switches.room(channel, sent)
        return self._room[channel]


def room_on(session: Session, channel: str, now: datetime) -> int | None:
    """Return how many messages may leave on a channel now, None: any number. A plain read: nothing is counted."""
    switches = read_switches(session)
    is_limited = switches.of(channel).daily_messages is not None
    return switches.room(channel, find_count(session, _bucket(channel), _day_of(now)) if is_limited else 0)


def count_further_parts(work: Work, channel: str, parts: int, now: datetime) -> None:
    """Count what a provider said to be paid for beyond one part a message: segments of a text, pages of a letter."""
    if parts > 0 and read_switches(work.session).of(channel).daily_messages is not None:
        count_up(work.session, _bucket(channel), _day_of(now), by=parts)


def _day_of(now: datetime) -> datetime:
    return now - (now - EPOCH) % _DAY


def _bucket(channel: str) -> str:
    return f"sent:{channel}"
