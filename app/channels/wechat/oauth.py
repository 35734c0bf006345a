"""Whose a code is: the openid behind a link that was opened in WeChat, with scope snsapi_base.

Source: platform documentation, "Web page authorization". A code is good once, for five minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from app.channels.answers import json_object
from app.channels.http_transport import Failure, HttpRequest, Transport
from app.channels.wechat.official_account import transport_of


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a code came to: an openid, or none; `may_ask_again`: the code was surely not used up."""

    openid: str | None = field(default=None, repr=False)
    may_ask_again: bool = False
    raw_code: str | None = None


class CodeExchange:
    """Asks WeChat about codes."""

    def __init__(self, app_id: str, secret: str, transport: Transport) -> None:
        self._app_id = app_id
        self._secret = secret
        self._transport = transport

    def openid_of(self, code: str) -> Exchanged:
        """Return whose the code is. Never raises for what the platform does."""
        query = urlencode({"appid": self._app_id, "secret": self._secret, "code": code, "grant_type": "authorization_code"})
        [answer] = self._transport.post([HttpRequest(f"/sns/oauth2/access_token?{query}", {}, b"", method="GET")])
        said = json_object(answer.body) if answer.status == 200 else {}
        openid = said.get("openid")
        if isinstance(openid, str) and openid:
            return Exchanged(openid)
        raw = str(said.get("errcode") or answer.reason or f"HTTP_{answer.status}")[:60]
        unused = answer.failure is Failure.NEVER_SENT or said.get("errcode") == -1 or answer.status in (429, 503)
        return Exchanged(may_ask_again=unused, raw_code=raw)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def build_exchange(entry: Mapping[str, Any]) -> CodeExchange:
    """Return the exchange of an entry of the providers file. Raises KeyError for a setting it lacks."""
    return CodeExchange(str(entry["app_id"]), str(entry["app_secret"]), transport_of(entry, threads=1))
