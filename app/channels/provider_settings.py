"""What the entries of the providers file have in common: the address, the time-out, the sender by country."""

from collections.abc import Mapping
from typing import Any

from app.channels.base import DeliveryResult, Outcome
from app.channels.http_transport import PooledTransport
from app.channels.numbers import country_of

_MOST_THREADS = 16
"""Of one telephony provider: their limits on requests at once are low, and texts are few beside pushes."""


def transport_of(entry: Mapping[str, Any], url: str, threads: int) -> PooledTransport:
    """Return the transport to `entry["url"]`, by default `url`; `total_seconds` of the entry bounds one request."""
    return PooledTransport(
        str(entry.get("url") or url),
        threads=min(threads, _MOST_THREADS),
        total_seconds=float(entry.get("total_seconds", 12.0)),
    )


def sender_of(senders: Mapping[str, Any], phone: str) -> str | None:
    """Return who a message to this number comes from: `senders[country]`, else `senders["default"]`."""
    sender = senders.get(country_of(phone)) or senders.get("default")
    return str(sender) if sender else None


NO_SENDER = DeliveryResult(Outcome.RETRY, error_code="no_sender", retry_after_seconds=300.0)
"""No sender is set for this country: not sent, and another provider may have one."""
LATE = DeliveryResult(Outcome.REFUSED, error_code="expired")
"""Its text is no longer true."""
