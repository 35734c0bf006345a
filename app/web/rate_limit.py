"""Limits on reading, by token bucket, and who an address belongs to.

The buckets live in this process: with N web processes a session may read N times as fast. What must be exact (one-time
codes, sign-in) is counted in the database, see services/limits.py.
"""

import ipaddress
from dataclasses import dataclass, field

from flask import current_app, request

from app import clock
from app.domain.errors import RateLimitedError

_MOST_SESSIONS = 50_000


@dataclass
class ReadLimit:
    """How fast one session may ask: `burst` at once, then `per_second`, per process."""

    per_second: float = 50.0
    burst: float = 300.0
    _buckets: dict[str, list[float]] = field(default_factory=dict)

    def take(self, session_id: str, at: float) -> float:
        """Take one token. Return 0, or after how many seconds there will be one. `at` is monotonic seconds."""
        bucket = self._buckets.get(session_id)
        if bucket is None:
            if len(self._buckets) >= _MOST_SESSIONS:
                self._buckets.clear()  # forgetting is safe: everyone starts with a full bucket again
            self._buckets[session_id] = [self.burst - 1, at]
            return 0.0
        left = min(self.burst, bucket[0] + (at - bucket[1]) * self.per_second)
        bucket[1] = at
        if left < 1:
            bucket[0] = left
            return (1 - left) / self.per_second
        bucket[0] = left - 1
        return 0.0


def take_read(session_id: str) -> None:
    """Count one request of a session. Raises RateLimitedError."""
    limit: ReadLimit = current_app.extensions["duecourse.read_limit"]
    wait = limit.take(session_id, clock.monotonic_seconds())
    if wait:
        raise RateLimitedError("Too many requests; wait as long as Retry-After says.", {"retry_after_seconds": wait})


def take_public_read() -> None:
    """Count one request of a network to what anybody may read. Raises RateLimitedError."""
    take_read(f"public:{address_prefix()}")


def address_prefix() -> str:
    """Return the caller's network, /24 of IPv4 or /64 of IPv6: who shares a limit."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    bits = 24 if address.version == 4 else 64
    return str(ipaddress.ip_network((address, bits), strict=False))


def take_callback_post(key: str) -> None:
    """Count one post of a provider from one network. Raises RateLimitedError; providers send again what is refused so."""
    limit: ReadLimit = current_app.extensions["duecourse.callback_limit"]
    wait = limit.take(key, clock.monotonic_seconds())
    if wait:
        raise RateLimitedError("Too many posts; wait as long as Retry-After says.", {"retry_after_seconds": wait})
