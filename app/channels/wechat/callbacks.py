"""WeChat's posts to us: the check of the address, events and texts, plain or encrypted.

The plain signature covers token, timestamp and nonce but not the body: who has once seen a signed address may post anything
with it. So a plain body is trusted for the state of delivery only (`is_signed` False), unless the installation says
`"require_encrypted": false`. In encrypted mode `msg_signature` covers the body, which also names the account it is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.channels.callbacks import CallbackRequest, ForgedError, MalformedError
from app.channels.wechat.access import PROVIDER
from app.channels.wechat.encryption import MessageKey, NotOursError, is_signed
from app.channels.wechat.events import Post, told_by
from app.channels.wechat.posts import read_post, read_whole
from app.channels.wechat.replies import number_reply, sealed_reply
from app.domain.deliveries import Callback, CallbackAnswer

WINDOW_SECONDS = 600
"""How old a signature may be: the platform tries three times within 15 seconds, clocks differ, and networks stall."""
_DONE = CallbackAnswer(b"success")
"""An answer that says nothing to the user; allowed in clear in encrypted mode too."""


def parser(entry: Mapping[str, Any]) -> "WechatCallbacks":
    """Return the parser of one account. Raises KeyError for a missing setting, ValueError for a key of wrong length.

    `aes_keys`: EncodingAESKey, the present one first; the one before stays good while the platform changes over.
    """
    app_id = str(entry["app_id"])
    keys = [MessageKey.of(app_id, str(each)) for each in entry.get("aes_keys", ())]
    return WechatCallbacks(str(entry["token"]), tuple(keys), require_encrypted=bool(entry.get("require_encrypted", True)))


@dataclass(frozen=True, slots=True)
class WechatCallbacks:
    """Reads the posts of one account."""

    token: str = field(repr=False)
    keys: tuple[MessageKey, ...] = ()
    require_encrypted: bool = True
    provider: str = PROVIDER

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        self._check_age(request)
        if request.method == "GET":
            return self._check_address(request)
        query = request.query
        if query.get("msg_signature"):
            encrypted = read_post(request.body).get("Encrypt", "")
            if not encrypted:
                raise MalformedError("Encrypt is missing.")
            (body, key), proven = self._opened(query, encrypted), True
        else:
            self._check_plain(query)
            if _is_envelope(request.body):  # what cannot be proven must not be decrypted: padding would tell secrets
                raise ForgedError
            body, key, proven = request.body, None, not self.require_encrypted
        fields, items = read_whole(body)
        told = told_by(Post(fields, items))
        return replace(told, answer=self._answer(request, fields, told, key) if proven else _DONE, is_signed=proven)

    def _answer(
        self, request: CallbackRequest, fields: Mapping[str, str], told: Callback, key: MessageKey | None
    ) -> CallbackAnswer:
        """Answer who scans a link's code with the number to compare, for no page is opened there; others with nothing."""
        link = next((each for each in told.events if each.kind == "link"), None)
        if link is None:
            return _DONE
        reply = number_reply(fields, link.detail["token"], now_seconds=request.now_seconds)
        if key is not None:
            reply = sealed_reply(reply, key, self.token, request.query)
        return CallbackAnswer(reply.encode(), content_type="text/xml; charset=utf-8")

    def _check_address(self, request: CallbackRequest) -> Callback:
        """Answer the check that the console makes when the address is set."""
        query = request.query
        echo = query.get("echostr", "")
        if not echo:
            raise MalformedError("echostr is missing.")
        if query.get("msg_signature"):
            body, _ = self._opened(query, echo)
        else:
            self._check_plain(query)
            body = echo.encode()
        return Callback(PROVIDER, answer=CallbackAnswer(body), is_signed=True)

    def _check_age(self, request: CallbackRequest) -> None:
        text = request.query.get("timestamp", "")
        if not (text.isascii() and text.isdigit() and len(text) <= 11):
            raise ForgedError
        if abs(request.now_seconds - int(text)) > WINDOW_SECONDS:
            raise ForgedError

    def _check_plain(self, query: Mapping[str, str]) -> None:
        if not is_signed(query.get("signature", ""), self.token, query["timestamp"], query.get("nonce", "")):
            raise ForgedError

    def _opened(self, query: Mapping[str, str], encrypted: str) -> tuple[bytes, MessageKey]:
        """Return what is inside and the key that opened it, under which the platform takes the answer too."""
        parts = (self.token, query["timestamp"], query.get("nonce", ""), encrypted)
        if not self.keys or not is_signed(query["msg_signature"], *parts):
            raise ForgedError
        for key in self.keys:
            try:
                return key.open(encrypted), key
            except NotOursError:
                continue
        raise ForgedError


def _is_envelope(body: bytes) -> bool:
    return bool(read_post(body).get("Encrypt"))
