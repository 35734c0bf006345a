"""One Twilio account: how it is asked, and how its lists are searched for a message whose sid we do not know."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from app.channels.answers import json_object
from app.channels.base import Asked
from app.channels.http_transport import HttpRequest, Transport
from app.channels.twilio.signing import basic_auth

URL = "https://api.twilio.com"
_BEFORE, _AFTER = timedelta(seconds=5), timedelta(seconds=60)
"""How far from our hand-over Twilio may date what it made of it."""


class TwilioAccount:
    """Its address and credential. An API key may stand for the auth token, which then only checks callbacks."""

    def __init__(self, entry: Mapping[str, Any], transport: Transport) -> None:
        """`entry`: account_sid and auth_token, or api_key and api_secret beside them. Raises KeyError."""
        sid = str(entry["account_sid"])
        user, password = str(entry.get("api_key") or sid), str(entry.get("api_secret") or entry["auth_token"])
        self._base = f"/2010-04-01/Accounts/{quote(sid, safe='')}"
        self._headers = {"Authorization": basic_auth(user, password), "Accept": "application/json"}
        self.transport = transport

    def creation(self, kind: str, form: Sequence[tuple[str, str]]) -> HttpRequest:
        """Return the request that makes a message or a call. `kind`: Messages, Calls."""
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        return HttpRequest(f"{self._base}/{kind}.json", headers, urlencode(form).encode())

    def found(self, kind: str, asked: Sequence[Asked], *, sent_key: str) -> list[dict[str, Any] | None]:
        """Return what Twilio has of each, in order; `sent_key`: the list's parameter for the day (DateSent, StartTime).

        By sid where we have it. Else only where it cannot be anything else: one alone to that number within a minute of the
        hand-over, and no other of those asked for that could be it. The list does not give back anything of ours.
        """
        answers = self.transport.post([self._question(kind, one, sent_key) for one in asked])
        said = [json_object(answer.body) if answer.status == 200 else {} for answer in answers]
        return [
            (one_said or None) if one.provider_reference else _sole_match(one, one_said.get(kind.lower()), asked)
            for one, one_said in zip(asked, said, strict=True)
        ]

    def _question(self, kind: str, one: Asked, sent_key: str) -> HttpRequest:
        if one.provider_reference:
            path = f"{self._base}/{kind}/{quote(one.provider_reference, safe='')}.json"
        else:
            day = (one.sent_at - _BEFORE).astimezone(UTC).date().isoformat()
            path = f"{self._base}/{kind}.json?" + urlencode(
                [("To", one.target.address), (f"{sent_key}>", day), ("PageSize", "50")]
            )
        return HttpRequest(path, self._headers, b"", "GET")


def _sole_match(one: Asked, items: object, asked: Sequence[Asked]) -> dict[str, Any] | None:
    for other in asked:
        if other is not one and other.target.address == one.target.address and not other.provider_reference:
            if abs(other.sent_at - one.sent_at) <= _AFTER + _BEFORE:
                return None
    fits = [item for item in items if _may_be(item, one)] if isinstance(items, list) else []
    return fits[0] if len(fits) == 1 else None


def _may_be(item: object, one: Asked) -> bool:
    if not isinstance(item, dict) or item.get("to") != one.target.address or item.get("direction") != "outbound-api":
        return False
    made_at = instant_of(item.get("date_created"))
    return made_at is not None and one.sent_at - _BEFORE <= made_at <= one.sent_at + _AFTER


def instant_of(text: object) -> datetime | None:
    """Return an instant as Twilio's resources write it (RFC 2822), None for none."""
    try:
        return parsedate_to_datetime(str(text)).astimezone(UTC) if text else None
    except (ValueError, TypeError):
        return None


def with_query(url: str, **added: str) -> str:
    """Return a URL with more in its query."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])))
