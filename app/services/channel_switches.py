"""Stopping, starting and limiting a channel, by the operator. Looked at when a message is about to leave, never by `decide`.

A switch says nothing about a borrower: what a stopped channel holds back is a delivery reason, and the message waits until
the channel is on again or its time has passed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.book import check_text
from app.domain.errors import refused_at
from app.domain.policies import OUTWARD_CHANNELS
from app.persistence.models.channels import ChannelSwitchRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.channel_switches import find_switch, find_switches
from app.persistence.unit_of_work import Work

LARGEST_LIMIT = 2**31 - 1
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Switch:
    """One channel's switch. `daily_messages`: most messages a UTC day; None: no limit."""

    is_on: bool = True
    daily_messages: int | None = None


_UNTOUCHED = Switch()


@dataclass(frozen=True, slots=True)
class Switches:
    """The switches of all channels at one moment."""

    touched: Mapping[str, Switch]

    def of(self, channel: str) -> Switch:
        """Return a channel's switch; one that nobody touched is on and without a limit."""
        return self.touched.get(channel, _UNTOUCHED)

    def room(self, channel: str, sent_today: int) -> int | None:
        """Return how many more messages may leave on a channel of which so many left this UTC day; None: any number."""
        switch = self.of(channel)
        if not switch.is_on:
            return 0
        return None if switch.daily_messages is None else max(0, switch.daily_messages - sent_today)


def read_switches(session: Connection | Session) -> Switches:
    """Return the switches as they are now: one small statement, to be asked before each batch leaves."""
    return Switches({channel: Switch(is_on, limit) for channel, is_on, limit in find_switches(session)})


def stop_channel(work: Work, channel: str, *, reason: str, by: str, now: datetime) -> bool:
    """Let nothing leave on a channel any more; return whether that was new. Raises ValidationError."""
    return _set(work, channel, action="channel.stopped", reason=reason, by=by, now=now, is_on=False)


def start_channel(work: Work, channel: str, *, reason: str, by: str, now: datetime) -> bool:
    """Let messages leave again, within the limit there is; return whether that was new. Raises ValidationError."""
    return _set(work, channel, action="channel.started", reason=reason, by=by, now=now, is_on=True)


def limit_channel(work: Work, channel: str, daily_messages: int | None, *, reason: str, by: str, now: datetime) -> bool:
    """Let at most so many messages leave a UTC day, None: any number; return whether it is new. Raises ValidationError."""
    if daily_messages is not None and not 1 <= daily_messages <= LARGEST_LIMIT:
        raise refused_at("/daily_messages", "daily_messages must be 1 or more; to let nothing leave, stop the channel.")
    _check(channel, reason)
    row = find_switch(work.session, channel)
    if (row.daily_messages if row else None) == daily_messages:
        return False
    row = row or _new(work, channel, reason=reason, by=by, now=now)
    row.daily_messages = daily_messages
    _write(work, row, "channel.limited", reason=reason, by=by, now=now, daily_messages=daily_messages)
    return True


def _set(work: Work, channel: str, *, action: str, reason: str, by: str, now: datetime, is_on: bool) -> bool:
    _check(channel, reason)
    row = find_switch(work.session, channel)
    if (row.is_on if row else True) is is_on:
        return False
    row = row or _new(work, channel, reason=reason, by=by, now=now)
    row.is_on = is_on
    _write(work, row, action, reason=reason, by=by, now=now)
    return True


def _check(channel: str, reason: str) -> None:
    if channel not in OUTWARD_CHANNELS:
        raise refused_at("/channel", f"channel is not one of {', '.join(OUTWARD_CHANNELS)}.")
    check_text("reason", reason, _LONGEST_REASON)
    if not reason.strip():
        raise refused_at("/reason", "reason is empty; say why, for whoever finds the channel like this.")


def _new(work: Work, channel: str, *, reason: str, by: str, now: datetime) -> ChannelSwitchRow:
    row = ChannelSwitchRow(channel=channel, is_on=True, reason=reason, by=by, changed_at=now)
    work.session.add(row)
    return row


def _write(
    work: Work, row: ChannelSwitchRow, action: str, *, reason: str, by: str, now: datetime, **facts: int | None
) -> None:
    row.reason, row.by, row.changed_at = reason, by, now
    work.session.flush()
    facts_said = {"channel": row.channel, "reason": reason, **facts}
    add_audit(work.session, at=now, actor=by, action=action, borrower_id=None, facts=facts_said)
