"""Webhooks to a lender's own systems: what they subscribe to, how a message is signed, when one is tried again.

Sources: Standard Webhooks 1.0.0 (headers, signature, secrets, retries); CloudEvents 1.0 (the envelope).
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

SECRET_PREFIX = "whsec_"  # noqa: S105 the beginning of every one
SECRET_BYTES = 32
EVENT_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]*")
"""noun.verb.v1."""
SUBSCRIPTION = re.compile(rf"{EVENT_TYPE.pattern}|[a-z][a-z0-9_]*\.\*")
"""An event type, or all of a noun: `promise.*`."""
TEST_TYPE = "webhook.test.v1"

WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600))
"""Between the first try and the second, and so on. Source: Standard Webhooks, "Deliverability and reliability"."""
TRIED_FOR = timedelta(hours=24)
JITTER = 0.1
"""A wait is longer by up to this part of itself, so that what failed together does not come back together."""
OLD_SECRET_LIVES = timedelta(hours=24)
MOST_SECRETS = 5
GONE = 410
SLOW_DOWN = frozenset({429, 503})
"""Statuses whose Retry-After counts."""

ENDPOINT_STATES = ("enabled", "failing", "disabled")
"""failing: the last try failed; it is tried one delivery at a time until one arrives."""
DELIVERY_STATES = ("pending", "delivered", "failed")
MOVES: Mapping[str, frozenset[str]] = {
    "pending": frozenset({"delivered", "failed"}),
    "delivered": frozenset(),
    "failed": frozenset(),
}
"""Of a delivery. What is sent again is a delivery of its own (`replay_no`)."""


class Verdict(StrEnum):
    """What an answer says of a delivery."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GONE = "gone"
    """The receiver wants no more of these, ever."""


def judge(status: int) -> Verdict:
    """Return what a status means; 0: there was no answer. A redirect is no success: it is not followed."""
    if 200 <= status < 300:
        return Verdict.DELIVERED
    return Verdict.GONE if status == GONE else Verdict.RETRY


def asked_wait(status: int, retry_after: str | None, machine_now: datetime) -> timedelta | None:
    """Return how long a receiver asks to be left alone, by Retry-After in seconds or as a date; None: it does not."""
    if status not in SLOW_DOWN or not retry_after:
        return None
    if retry_after.strip().isdigit():
        return min(timedelta(seconds=int(retry_after.strip()[:6])), TRIED_FOR)
    try:
        wait = parsedate_to_datetime(retry_after) - machine_now
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta(0)), TRIED_FOR)


def next_try(
    tries: int, *, now: datetime, begun_at: datetime, asked: timedelta | None = None, jitter: float = 0.0
) -> datetime | None:
    """Return when to try next after `tries` that failed, or None to give up.

    It ends 24 hours after `begun_at`: the last try is at that instant, unless it has been. `jitter` in [0, 1).
    """
    ends_at = begun_at + TRIED_FOR
    if now >= ends_at:
        return None
    wait = WAITS[min(tries, len(WAITS)) - 1] * (1 + JITTER * jitter)
    return min(now + max(wait, asked or wait), ends_at)


def matches(types: Sequence[str], event_type: str) -> bool:
    """Return whether an endpoint with these subscriptions wants an event. None at all: it wants every one."""
    return not types or event_type in types or f"{event_type.partition('.')[0]}.*" in types


def envelope(event_id: str, event_type: str, *, source: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event as it is told: CloudEvents attributes, and `timestamp` where Standard Webhooks look for it.

    The same event has the same envelope whenever it is sent.
    """
    instant = at.isoformat().replace("+00:00", "Z")
    return {
        "specversion": "1.0", "id": event_id, "source": source, "type": event_type, "time": instant, "timestamp": instant,
        "datacontenttype": "application/json", "data": dict(data),
    }  # fmt: skip


def written_secret(key: bytes) -> str:
    """Return a secret as its owner writes it down."""
    return SECRET_PREFIX + b64encode(key).decode()


def signature(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header `webhook-signature`: one signature for each secret, separated by spaces.

    `secrets`: as `written_secret` writes them; `timestamp`: whole seconds since 1970.
    """
    said = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{b64encode(_mac(secret, said)).decode()}" for secret in secrets)


def _mac(secret: str, said: bytes) -> bytes:
    return hmac.new(b64decode(secret.removeprefix(SECRET_PREFIX)), said, hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret of an endpoint. `ends_at` (exclusive): it was rotated out, and signs beside the new one until then."""

    secret: str
    created_at: datetime
    ends_at: datetime | None = None

    def __repr__(self) -> str:
        """Never shows the secret."""
        return f"Secret(created_at={self.created_at}, ends_at={self.ends_at})"


def living(secrets: Sequence[Secret], now: datetime) -> tuple[Secret, ...]:
    """Return the secrets that sign at `now`, the newest first."""
    alive = [each for each in secrets if each.ends_at is None or now < each.ends_at]
    return tuple(sorted(alive, key=lambda each: each.created_at, reverse=True))


def rotated(secrets: Sequence[Secret], new: str, *, now: datetime, old_lives: timedelta) -> tuple[Secret, ...]:
    """Return the secrets with a new one; those before end after `old_lives`, or when they would anyway.

    Of more than MOST_SECRETS the oldest go at once.
    """
    end = now + old_lives
    kept = [
        Secret(each.secret, each.created_at, end if each.ends_at is None else min(each.ends_at, end))
        for each in living(secrets, now)
    ]
    return living((Secret(new, now), *kept), now)[:MOST_SECRETS]
