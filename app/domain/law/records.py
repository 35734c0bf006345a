"""Records with a life of their own: when a hold, a consent, an opt-out, a request or a dispute is active."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

Element = Mapping[str, Any]
"""One object of a list fact."""


class Life(NamedTuple):
    """The fields that say from when (inclusive) until when (exclusive) a record is active."""

    start: str
    end: str | None


LIVES: Mapping[str, Life] = {
    "hold": Life("from", "until"),
    "consent": Life("given_at", "withdrawn_at"),
    "opt_out": Life("received_at", None),
    "request": Life("received_at", "closed_at"),
    "dispute": Life("received_at", "resolved_at"),
}
"""By the vocabulary's object name."""

STARTS: Mapping[str, str] = {name: life.start for name, life in LIVES.items()} | {
    "contact_attempt": "at",
    "notice": "sent_at",
}
"""The field before whose instant an element is not yet known: at an earlier moment it is not there."""


def is_active(element: Element, life: Life, at: datetime | None) -> bool:
    """Whether the record is active at that instant; never when time plays no part."""
    if at is None:
        return False
    start = element.get(life.start)
    if start is None or start > at:
        return False
    end = None if life.end is None else element.get(life.end)
    return end is None or end > at


def covers_channel(element: Element, channel: str | None) -> bool:
    """Whether the element is about all channels or about this one."""
    own = element.get("channel")
    return own is None or own == channel


def covers_number(element: Element, endpoint: Mapping[str, Any] | None) -> bool:
    """Whether the element is about any number or about the endpoint's; also when the endpoint's number is not known."""
    own = element.get("number")
    number = None if endpoint is None else endpoint.get("number")
    return own is None or number is None or own == number
