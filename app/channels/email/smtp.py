"""E-mail by submission to the lender's own relay or a provider's: one message a recipient, connections kept for a batch.

DKIM, SPF and DMARC are the relay's. An e-mail cannot be taken back and a second copy does not replace the first, so what got
no answer after its final dot is `UNCERTAIN`. See docs/email.md for the settings.
"""

import ssl
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome, Outgoing
from app.channels.email.answers import result_of
from app.channels.email.composing import BadAddressError, Sender, compose
from app.channels.email.return_paths import ReturnPaths
from app.channels.email.submission import Relay, Submission

_CONNECTIONS = 4
_PORTS = {"smtp": 587, "smtps": 465}
_SHORTEST_KEY = 32


class SmtpEmail:
    """The email channel."""

    name = "email"
    provider = "smtp"

    def __init__(self, relay: Relay, sender: Sender, returns: ReturnPaths, *, connections: int = _CONNECTIONS) -> None:
        self._relay, self._sender, self._returns = relay, sender, returns
        self.batch = connections
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="smtp")
        self._local = threading.local()
        self._open: list[Submission] = []
        self._lock = threading.Lock()

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once; one result per message, in order."""
        return list(self._pool.map(lambda outgoing: self._send_one(outgoing, now), batch))

    def close(self) -> None:
        """Wait for what is in flight, then close the connections."""
        self._pool.shutdown(wait=True)
        with self._lock:
            for submission in self._open:
                submission.close()
            self._open.clear()

    def _send_one(self, outgoing: Outgoing, now: datetime) -> DeliveryResult:
        if outgoing.expires_at <= now:
            return DeliveryResult(Outcome.REFUSED, error_code="expired")
        try:
            envelope = compose(outgoing, self._sender, self._returns, now=now)
        except BadAddressError:
            return DeliveryResult(Outcome.REFUSED, error_code="bad_address", verdict=EndpointVerdict.INVALID)
        return result_of(self._submission().hand_over(envelope))

    def _submission(self) -> Submission:
        found: Submission | None = getattr(self._local, "submission", None)
        if found is None:
            found = self._local.submission = Submission(self._relay)
            with self._lock:
                self._open.append(found)
        return found


def build(entry: Mapping[str, Any], *, threads: int) -> SmtpEmail:
    """Return the channel for its entry in the providers file. Raises KeyError for a missing setting, ValueError."""
    sender = Sender.read(str(entry["from"]), entry.get("reply_to"))
    connections = min(threads, int(entry.get("connections", _CONNECTIONS)))
    return SmtpEmail(_relay(entry, sender.domain), sender, return_paths(entry), connections=connections)


def return_paths(entry: Mapping[str, Any]) -> ReturnPaths:
    """Return how returned mail names its message; both directions read the same settings. Raises KeyError, ValueError."""
    key = str(entry["key"])
    if len(key) < _SHORTEST_KEY:
        raise ValueError(f"The smtp provider's key must have at least {_SHORTEST_KEY} characters.")
    return ReturnPaths(key, str(entry["bounce_domain"]), mailbox=str(entry.get("bounce_mailbox", "bounces")))


def _relay(entry: Mapping[str, Any], domain: str) -> Relay:
    parts = urlsplit(str(entry["url"]))
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("The smtp provider's url must be smtp://host:port (STARTTLS) or smtps://host:port.")
    security = "tls" if parts.scheme == "smtps" else str(entry.get("security", "starttls"))
    if security not in ("tls", "starttls") and not (security == "none" and _is_loopback(parts.hostname)):
        raise ValueError("The smtp provider's security is starttls; none is for a relay on this machine alone.")
    authorities = entry.get("ca_file")
    return Relay(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        security=security,
        tls=ssl.create_default_context(cafile=str(Path(authorities)) if authorities else None),
        helo=str(entry.get("helo", domain)).encode("idna").decode("ascii"),
        username=entry.get("username"),
        password=str(entry.get("password", "")),
        connect_seconds=float(entry.get("connect_seconds", 5)),
        total_seconds=float(entry.get("total_seconds", 60)),
        wants_receipts=bool(entry.get("receipts", False)),
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
