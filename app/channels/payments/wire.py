"""What payment adapters have in common: one request, one answer; the settings that every entry may have."""

import re
from collections.abc import Mapping
from typing import Any

from app.channels.http_transport import HttpAnswer, HttpRequest, PooledTransport
from app.domain.payment_intents import IntentTimes
from app.domain.payment_providers import ProviderDownError
from app.logs import logger

_THREADS = 8
_TOTAL_SECONDS = 8.0
"""A borrower waits for the answer, and so does one of our threads."""
_NAME = re.compile(r"[a-z0-9-]{1,40}")


def transport_to(entry: Mapping[str, Any], url: str) -> PooledTransport:
    """Return the transport to an origin; `total_seconds` of the entry bounds one request."""
    return PooledTransport(url, threads=_THREADS, total_seconds=float(entry.get("total_seconds", _TOTAL_SECONDS)))


def ask(transport: PooledTransport, request: HttpRequest, *, provider: str) -> HttpAnswer:
    """Send one request. Raises ProviderDownError when nobody can say what became of it, or it is to be asked again.

    A credential that is refused is a setting of ours: for a borrower the provider is down, for the log it is an error.
    """
    answer = transport.post([request])[0]
    if answer.failure is not None:
        raise ProviderDownError(answer.reason or str(answer.failure))
    if answer.status in (401, 403):
        logger().error("payment provider refuses our credential", provider=provider, status=answer.status)
        raise ProviderDownError(f"status {answer.status}")
    if answer.status in (408, 409, 425, 429) or answer.status >= 500:
        raise ProviderDownError(f"status {answer.status}")
    return answer


def name_of(entry: Mapping[str, Any]) -> str:
    """Return what the account is called: `name`, else its provider. Raises ValueError for what no address can hold."""
    name = str(entry.get("name") or entry["provider"])
    if not _NAME.fullmatch(name):
        raise ValueError(f"`name` is {name!r}; use 1 to 40 small letters, digits and hyphens.")
    return name


def texts_of(entry: Mapping[str, Any], setting: str) -> frozenset[str]:
    """Return a list of words of an entry, empty when it has none."""
    return frozenset(str(each) for each in entry.get(setting, ()))


def times_of(entry: Mapping[str, Any]) -> IntentTimes:
    """Return how long things last with this account, by `page_minutes`, `pending_hold_minutes`, `processing_hold_days`."""
    standard = IntentTimes()
    given = {
        name: int(entry.get(name, getattr(standard, name)))
        for name in ("page_minutes", "pending_hold_minutes", "processing_hold_days")
    }
    if not (1 <= given["page_minutes"] <= 1440 and 0 <= given["pending_hold_minutes"] <= 1440):
        raise ValueError("`page_minutes` is 1 to 1440, `pending_hold_minutes` 0 to 1440.")
    if not 1 <= given["processing_hold_days"] <= 30:
        raise ValueError("`processing_hold_days` is 1 to 30.")
    return IntentTimes(given["page_minutes"], given["pending_hold_minutes"], given["processing_hold_days"])
