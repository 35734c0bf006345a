"""The account's access token, asked for at cgi-bin/stable_token. Source: platform documentation, "getStableAccessToken".

A stable token asked for again is the same one until five minutes before its end, also for other programs of the account;
`force_refresh` makes another at once and is allowed 20 times a day, so it is only used when the same refused one comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.channels.answers import json_object
from app.channels.http_transport import HttpRequest, Transport
from app.channels.wechat.answers import CREDENTIAL_REFUSED
from app.domain.provider_tokens import IssuedToken, TokenStore, TokenUnavailableError

PROVIDER = "wechat"
JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
_SECRET_REFUSED = CREDENTIAL_REFUSED | {40001, 40243}
"""Of the token endpoint 40001 says that the secret is wrong."""


@dataclass(frozen=True, slots=True)
class Access:
    """One account's way to its token, through the store that all processes share."""

    app_id: str
    secret: str = field(repr=False)
    transport: Transport
    tokens: TokenStore

    @classmethod
    def of(cls, entry: Mapping[str, Any], transport: Transport, tokens: TokenStore) -> "Access":
        """Return the access that an entry of the providers file describes. Raises KeyError for what it lacks."""
        return cls(str(entry["app_id"]), str(entry["app_secret"]), transport, tokens)

    def token(self) -> str:
        """Return a token that should be good now. Raises TokenUnavailableError."""
        return self.tokens.token(PROVIDER, self.app_id, self._fetch)

    def renewed(self, refused: str) -> str:
        """Return another token than the one that was refused. Raises TokenUnavailableError."""
        return self.tokens.renew(PROVIDER, self.app_id, refused, self._fetch)

    def _fetch(self, refused: str | None) -> IssuedToken:
        issued = self._ask(force=False)
        return self._ask(force=True) if issued.token == refused else issued

    def _ask(self, *, force: bool) -> IssuedToken:
        asked = {
            "grant_type": "client_credential",
            "appid": self.app_id,
            "secret": self.secret,
            "force_refresh": force,
        }
        [answer] = self.transport.post([HttpRequest("/cgi-bin/stable_token", JSON_HEADERS, orjson.dumps(asked))])
        said = json_object(answer.body) if answer.status == 200 else {}
        token, seconds = said.get("access_token"), said.get("expires_in")
        if isinstance(token, str) and token and isinstance(seconds, int) and seconds > 0:
            return IssuedToken(token, float(seconds))
        raw = str(said.get("errcode") or answer.reason or f"HTTP_{answer.status}")[:60]
        raise TokenUnavailableError(refused=said.get("errcode") in _SECRET_REFUSED, raw_code=raw)
