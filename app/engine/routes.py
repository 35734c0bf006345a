"""Which provider may be given how much now: pauses, pace, breakers and the order of several providers of one channel.

Known to one worker and forgotten with it. Pace and breakers run in machine time, as a provider's quota does; a pause is put
into the table as the book's time, so that what waits is looked at when it ends.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from app import clock
from app.channels.base import Channel, DeliveryResult, Outcome, Outgoing, Target
from app.channels.routed import Routed
from app.domain.breakers import Breakers
from app.domain.pacing import Answers, Pacers
from app.logs import logger

SOON_SECONDS = 2.0
"""A wait so short is waited for; what has to wait longer is put off in the table."""
SUB_BATCH = 25
"""The most sends between two comparisons of versions."""


Answering = Callable[[], list[DeliveryResult]]
"""Waits for the answers to what was handed over: one result per message, in order."""


class Allowance(NamedTuple):
    """What may be claimed for a channel now. `requests` 0: nothing; `wait_seconds` None: another worker does it."""

    way: str
    """Channel and provider."""
    provider: str
    requests: int
    wait_seconds: float | None = 0.0


def way_key(channel: str, provider: str) -> str:
    """Return the name of a provider on one channel: its SMS and its calls have limits of their own."""
    return f"{channel}/{provider}"


@dataclass
class Routes:
    """The ways out of one worker."""

    channels: Mapping[str, Channel]
    pacers: Pacers = field(default_factory=lambda: Pacers({}))
    breakers: Breakers = field(default_factory=Breakers)
    _paused_until: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def batch(self, channel: str) -> int:
        """Return how many messages may be on the wire at once."""
        return int(getattr(self.channels.get(channel), "batch", SUB_BATCH))

    def forget(self) -> None:
        """Forget pauses, as a new process would."""
        self._paused_until.clear()

    def pauses(self, now: datetime) -> list[tuple[str, str, datetime]]:
        """Return (channel, provider, until) of what is paused now."""
        return sorted((*key, until) for key, until in list(self._paused_until.items()) if until > now)

    def weights(self) -> dict[str, dict[str, float]]:
        """Return channel -> provider -> points of a hundred, of the channels with several providers."""
        at = clock.monotonic_seconds()
        return {name: dict(way.weights.weights(at)) for name, way in self.channels.items() if isinstance(way, Routed)}

    def order(self, channel: str) -> list[str]:
        """Return a channel's providers in the order in which they are to be asked."""
        way = self.channels[channel]
        return way.order() if isinstance(way, Routed) else [way.provider]

    def open_providers(self, channel: str, now: datetime) -> list[str]:
        """Return those of them that are not paused."""
        return [each for each in self.order(channel) if now >= self._paused_until.get((channel, each), now)]

    def paused_until(self, channel: str, now: datetime) -> datetime | None:
        """Return until when nothing leaves on a channel because each of its providers is paused, or None."""
        if channel not in self.channels or self.open_providers(channel, now):
            return None
        return min(self._paused_until[channel, each] for each in self.order(channel))

    def allow(self, channel: str, wanted: int, now: datetime) -> Allowance:
        """Return how many requests may be made now and by which provider; they count as made."""
        at = clock.monotonic_seconds()
        waits: dict[str, float] = {}
        for provider in self.open_providers(channel, now):
            way = way_key(channel, provider)
            count = self.pacers.take(way, wanted, at)
            if count:
                return Allowance(way, provider, count)
            waits[provider] = self.pacers.next_at(way, at, wanted) - at
        if not waits:
            return Allowance("", self.channels[channel].provider, wanted)  # paused: what is claimed is put off
        provider, wait = min(waits.items(), key=lambda each: each[1])
        if SOON_SECONDS < wait < math.inf:
            self._pause(channel, provider, wait, now)
            return Allowance("", provider, wanted)
        return Allowance("", provider, 0, None if wait == math.inf else max(wait, 0.01))

    def take(self, channel: str, provider: str, wanted: int) -> int:
        """Return how many of `wanted` requests a provider may be given now; they count as made."""
        return self.pacers.take(way_key(channel, provider), wanted, clock.monotonic_seconds())

    def settle(self, allowance: Allowance, used: int) -> None:
        """Correct what was counted as made by what was made: a message may go to several phones, or to none."""
        spare = allowance.requests - used
        if spare > 0:
            self.pacers.give_back(allowance.way, spare)
        elif spare < 0:
            self.pacers.take(allowance.way, -spare, clock.monotonic_seconds())

    def lets_pass(self, channel: str, provider: str, target: Target) -> bool:
        """Whether a target's platform may be tried: its own credential at the provider was not refused lately."""
        return self.breakers.lets_pass(way_key(channel, provider), target.platform, clock.monotonic_seconds())

    def await_room(self, channel: str, count: int) -> None:
        """Wait until a channel that keeps many in flight puts so many more on the wire at once."""
        room: Callable[[int], None] | None = getattr(self.channels[channel], "await_room", None)
        if room is not None:
            room(count)

    def hand_over(self, channel: str, provider: str, batch: Sequence[Outgoing], *, now: datetime) -> Answering:
        """Hand a sub-batch to one provider; the return value waits for the answers and takes in what they say of it.

        Where the adapter can `begin`, the next sub-batch may be compared and handed over while the answers are on their way.
        """
        adapter = self.channels[channel]

        def guarded(act: Callable[[], list[DeliveryResult]]) -> list[DeliveryResult]:
            try:
                return act()
            except Exception:  # none should raise; how far one that does has come, nobody knows
                logger().exception("channel failed", channel=channel, provider=provider)
                return _in_doubt(provider, batch)

        begin: Callable[..., Answering] | None = getattr(adapter, "begin", None)
        if begin is None:
            results = guarded(lambda: _sent(adapter, provider, batch, now))
            return lambda: self._noted(channel, provider, batch, results)
        try:
            answering = begin(batch, now=now)
        except Exception:
            logger().exception("channel failed", channel=channel, provider=provider)
            answering = partial(_in_doubt, provider, batch)
        return lambda: self._noted(channel, provider, batch, guarded(answering))

    def _noted(
        self, channel: str, provider: str, batch: Sequence[Outgoing], results: list[DeliveryResult]
    ) -> list[DeliveryResult]:
        way = way_key(channel, provider)
        at = clock.monotonic_seconds()
        self.pacers.note(way, Answers.of(results), at)
        for one, result in zip(batch, results, strict=True):
            if result.outcome is Outcome.ACCEPTED:
                self.breakers.close(way, one.target.platform)
            elif result.pause_platform:
                seconds = result.pause_provider_seconds or _PLATFORM_PAUSE_SECONDS
                if self.breakers.open(way, result.pause_platform, seconds=seconds, at=at):
                    logger().error("credential of a platform refused", provider=provider, platform=result.pause_platform)
            elif result.pause_provider_seconds:
                self._pause(channel, provider, result.pause_provider_seconds, clock.now())
        return results

    def _pause(self, channel: str, provider: str, seconds: float, now: datetime) -> None:
        until = now + timedelta(seconds=seconds)
        if until > self._paused_until.get((channel, provider), now):
            self._paused_until[channel, provider] = until
            logger().warning("provider paused", channel=channel, provider=provider, seconds=round(seconds, 1))


_PLATFORM_PAUSE_SECONDS = 300.0


def _in_doubt(provider: str, batch: Sequence[Outgoing]) -> list[DeliveryResult]:
    return [DeliveryResult(Outcome.UNCERTAIN, error_code="channel_failed", provider=provider)] * len(batch)


def _sent(adapter: Channel, provider: str, batch: Sequence[Outgoing], now: datetime) -> list[DeliveryResult]:
    return adapter.send_by(provider, batch, now=now) if isinstance(adapter, Routed) else adapter.send(batch, now=now)
