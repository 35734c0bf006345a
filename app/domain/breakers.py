"""Breakers: what is not asked of a provider for a while, because it cannot do it now, while it does the rest well.

A refused APNs key fails every iPhone and no Android phone: each (provider, platform) has a breaker of its own. Instants
are the machine's, in seconds.
"""

from dataclasses import dataclass, field, replace
from threading import Lock

LONGEST_SECONDS = 3600.0
PROBE_SECONDS = 60.0
"""How long the result of a probe is waited for before another is let through."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """An open breaker. A closed one is none."""

    open_until: float
    seconds: float
    """How long it was opened for last; doubles each time that it is opened again without a success between."""
    is_probing: bool = False
    """One request was let through to see; `open_until` is when its result is no longer waited for."""


def opened(breaker: Breaker | None, seconds: float, at: float) -> Breaker:
    """Return the breaker after a refusal. Refusals of what was under way when it opened change nothing."""
    if breaker is None:
        return Breaker(at + seconds, seconds)
    if at < breaker.open_until and not breaker.is_probing:
        return breaker
    longer = max(seconds, min(breaker.seconds * 2, LONGEST_SECONDS))
    return Breaker(at + longer, longer)


def probed(breaker: Breaker, at: float) -> Breaker | None:
    """Return the breaker after letting one request through to see, or None while none may pass."""
    return None if at < breaker.open_until else replace(breaker, open_until=at + PROBE_SECONDS, is_probing=True)


@dataclass
class Breakers:
    """The open breakers of a worker, by (provider, platform). For several threads."""

    _open: dict[tuple[str, str], Breaker] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def lets_pass(self, provider: str, platform: str | None, at: float) -> bool:
        """Return whether a request may be sent. After the pause one may, to see; the others wait for its result."""
        if platform is None:
            return True
        with self._lock:
            breaker = self._open.get((provider, platform))
            if breaker is None:
                return True
            after = probed(breaker, at)
            if after is not None:
                self._open[provider, platform] = after
            return after is not None

    def open(self, provider: str, platform: str, *, seconds: float, at: float) -> bool:
        """Take in that a platform's credential was refused; return whether that is news (an operator must know)."""
        with self._lock:
            known = self._open.get((provider, platform))
            self._open[provider, platform] = opened(known, seconds, at)
            return known is None

    def close(self, provider: str, platform: str | None) -> None:
        """Take in that a request was accepted."""
        if platform is not None and self._open:
            with self._lock:
                self._open.pop((provider, platform), None)

    def open_ones(self, at: float) -> list[tuple[str, str, float]]:
        """Return (provider, platform, seconds until it is tried again) of the open ones."""
        with self._lock:
            found = [(*key, max(0.0, breaker.open_until - at)) for key, breaker in self._open.items()]
        return sorted(found)
