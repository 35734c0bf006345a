"""WeChat's API for service accounts, as far as we use it: token, messages of three kinds, whose a code is.

Every account and secret of the right form is known. What a message meets is chosen by its openid (magic.py); results, texts
and events are posted back encrypted, as the platform does in its safe mode. An answer is taken within 48 hours of what the
user wrote, and five times at most. Source: platform documentation.
"""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson

from app import clock
from app.channels.wechat.encryption import MessageKey, signature
from app.sandbox.stand_in.answers import Answer, Taken, json_answer
from app.sandbox.stand_in.callbacks import CallbackPost
from app.sandbox.stand_in.magic import outcome_of
from app.sandbox.stand_in.providers import Gesture, GestureError, ProviderRequest, StandInConfig
from app.sandbox.stand_in.wechat_forms import wrong_field

CALLBACK_TOKEN = "stand-in-wechat"  # noqa: S105 - the stand-in's, known to everyone
ENCODING_AES_KEY = "standInForWeChat0123456789abcdefghijklmnopQ"
TOKEN_SECONDS = 7200
LATE_MS = 5000
_PATHS = {
    ("POST", "/cgi-bin/stable_token"): "wechat_token",
    ("POST", "/cgi-bin/message/template/send"): "wechat_template",
    ("POST", "/cgi-bin/message/subscribe/bizsend"): "wechat_bizsend",
    ("POST", "/cgi-bin/message/custom/send"): "wechat_custom",
    ("GET", "/sns/oauth2/access_token"): "wechat_oauth",
    ("GET", "/connect/oauth2/authorize"): "wechat_authorize",
}
_ERRORS = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid",
    40008: "invalid message type",
    40013: "invalid appid",
    40029: "invalid code",
    40037: "invalid template_id",
    40125: "invalid appsecret",
    40163: "code been used",
    43004: "require subscribe",
    44004: "empty content",
    45002: "content size out of limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    45168: "contains risk content",
    47001: "data format error",
    47003: "argument invalid!",
}
_AT_ONCE = {"invalid": 40003, "uninstalled": 43004, "refused_content": 45168}
_ANSWERS_LAST = timedelta(hours=48)
_MOST_ANSWERS = 5
_MOST_BYTES = 2048
_FIRST_TRY = {"rate_limited": 45011, "unavailable": -1}


def make(config: StandInConfig) -> "WechatStandIn":
    """Return the provider."""
    return WechatStandIn(config)


def error(code: int, more: str = "") -> Answer:
    """Return an error as the API gives it: HTTP 200 and an errcode."""
    return json_answer({"errcode": code, "errmsg": f"{_ERRORS[code]}{more} rid: {secrets.token_hex(12)}"})


class WechatStandIn:
    """The API of all accounts."""

    endpoints = tuple(_PATHS.values())
    labels = ("template", "bizsend", "custom")

    def __init__(self, config: StandInConfig) -> None:
        self._url = config.callback_url("wechat")
        self._tokens: dict[str, str] = {}
        self._used_codes: set[str] = set()
        self._tried: set[str] = set()
        self._heard: dict[str, tuple[datetime, int]] = {}
        """Openid -> when its user wrote last, and how many answers that was given."""

    def endpoint(self, method: str, path: str) -> str | None:
        """Return which of its endpoints an address is."""
        return _PATHS.get((method, path))

    def answer(self, endpoint: str, request: ProviderRequest) -> Answer | Taken:
        """Answer as the platform does."""
        if endpoint == "wechat_token":
            return self._issue(_json(request.body))
        if endpoint == "wechat_oauth":
            return self._openid(request.query)
        if endpoint == "wechat_authorize":
            return _authorize(request.query)
        app_id = next((key for key, token in self._tokens.items() if token == request.query.get("access_token")), None)
        if app_id is None:
            return error(40001)
        message = _json(request.body)
        return self._answer(message) if endpoint == "wechat_custom" else self._send(endpoint, app_id, message)

    def touched(self, gesture: Gesture) -> tuple[CallbackPost, ...]:
        """Return what the platform posts when somebody writes to the account, leaves it or follows it."""
        openid, app_id = str(gesture.item["target"]), next(iter(self._tokens), None)
        if app_id is None:
            raise GestureError("No account has asked for its token yet.")
        if gesture.act == "text":
            self._heard[openid] = clock.system_now(), 0
            text = f"<Content>{_cdata(gesture.text)}</Content><MsgId>{secrets.randbelow(10**18)}</MsgId>"
            return (self._post(app_id, openid, "text", text, 200),)
        event = {"block": "unsubscribe", "unblock": "subscribe"}.get(gesture.act)
        if event is None:
            raise GestureError("A WeChat message is answered, or its account is left or followed.")
        return (self._post(app_id, openid, "event", f"<Event>{event}</Event><EventKey></EventKey>", 200),)

    def _issue(self, asked: Mapping[str, Any]) -> Answer:
        refused = _refused_credential(str(asked.get("appid", "")), str(asked.get("secret", "")))
        if refused is not None:
            return refused
        app_id = str(asked["appid"])
        if asked.get("force_refresh") or app_id not in self._tokens:
            self._tokens[app_id] = secrets.token_urlsafe(96)
        return json_answer({"access_token": self._tokens[app_id], "expires_in": TOKEN_SECONDS})

    def _openid(self, query: Mapping[str, str]) -> Answer:
        """A code is "code.OPENID" or "code.OPENID.anything", each good once."""
        refused = _refused_credential(query.get("appid", ""), query.get("secret", ""))
        if refused is not None:
            return refused
        code = query.get("code", "")
        parts = code.split(".")
        if len(parts) < 2 or parts[0] != "code" or not _is_openid(parts[1]):
            return error(40029)
        if code in self._used_codes:
            return error(40163)
        self._used_codes.add(code)
        return json_answer(
            {"access_token": secrets.token_urlsafe(60), "expires_in": 7200, "refresh_token": secrets.token_urlsafe(60),
             "openid": parts[1], "scope": "snsapi_base"}
        )  # fmt: skip

    def _answer(self, message: Mapping[str, Any]) -> Answer | Taken:
        """Take an answer: no receipt follows, and nothing by which a second copy could be known."""
        openid, said = str(message.get("touser", "")), message.get("text")
        content = said.get("content") if isinstance(said, dict) else None
        if message.get("msgtype") != "text":
            return error(40008)
        if not isinstance(content, str) or not content:
            return error(44004)
        if not _is_openid(openid):
            return error(40003)
        if len(content.encode()) > _MOST_BYTES:
            return error(45002)
        outcome = outcome_of(openid)
        if outcome in _AT_ONCE:
            return error(_AT_ONCE[outcome])
        heard_at, answers = self._heard.get(openid, (None, 0))
        if heard_at is None or heard_at + _ANSWERS_LAST <= clock.system_now():
            return error(45015)
        if answers >= _MOST_ANSWERS:
            return error(45047)
        return Taken(
            channel="wechat", message_id=secrets.token_hex(12), target=openid, label="custom",
            content=orjson.dumps(message), answer=json_answer({"errcode": 0, "errmsg": "ok"}),
            then=partial(self._heard.__setitem__, openid, (heard_at, answers + 1)),
            act="accept_then_drop" if outcome == "timeout" else "",
        )  # fmt: skip

    def _send(self, endpoint: str, app_id: str, message: Mapping[str, Any]) -> Answer | Taken:
        openid, template, data = str(message.get("touser", "")), str(message.get("template_id", "")), message.get("data")
        if not isinstance(data, dict) or not data:
            return error(47001)
        if not _is_openid(openid):
            return error(40003)
        if not re.fullmatch(r"[\w-]{1,64}", template):
            return error(40037)
        wrong = wrong_field(data)
        if wrong is not None:
            return error(47003, f" data.{wrong}.value invalid")
        outcome = outcome_of(openid)
        if outcome in _AT_ONCE:
            return error(_AT_ONCE[outcome])
        which = str(message.get("client_msg_id") or openid)
        if outcome in _FIRST_TRY and which not in self._tried:
            self._tried.add(which)
            return error(_FIRST_TRY[outcome])
        reference = secrets.randbelow(10**18) + 10**17
        is_one_time = endpoint == "wechat_bizsend"
        return Taken(
            channel="wechat",
            message_id=str(message.get("client_msg_id") or reference),
            target=openid,
            label="bizsend" if is_one_time else "template",
            content=orjson.dumps(message),
            answer=json_answer({"errcode": 0, "errmsg": "ok", "msgid": reference}),
            callbacks=self._after(app_id, openid, template, str(reference), outcome, is_one_time=is_one_time),
            act="accept_then_drop" if outcome == "timeout" else "",
        )

    def _after(
        self, app_id: str, openid: str, template: str, reference: str, outcome: str, *, is_one_time: bool
    ) -> tuple[CallbackPost, ...]:
        """Return what the platform posts after it took a message."""
        if outcome in ("no_receipt", "timeout"):
            return ()
        status = {"unreachable": "failed: system failed", "blocked": "failed:user block"}.get(outcome, "success")
        if is_one_time:
            sent = (f"<List><TemplateId>{_cdata(template)}</TemplateId><MsgID>{reference}</MsgID>"
                    f"<ErrorCode>{0 if status == 'success' else 1}</ErrorCode>"
                    f"<ErrorStatus>{_cdata(status.removeprefix('failed:').strip())}</ErrorStatus></List>")  # fmt: skip
            event = (
                f"<Event>{_cdata('subscribe_msg_sent_event')}</Event><SubscribeMsgSentEvent>{sent}</SubscribeMsgSentEvent>"
            )
        else:
            event = f"<Event>TEMPLATESENDJOBFINISH</Event><MsgID>{reference}</MsgID><Status>{_cdata(status)}</Status>"
        delay = LATE_MS if outcome == "late" else 50
        posts = [self._post(app_id, openid, "event", event, delay)]
        if outcome == "duplicate_receipts":
            posts.append(self._post(app_id, openid, "event", event, delay))
        says = {"stop": "退订", "reply": "请问我还欠多少?"}.get(outcome)
        if says is not None:
            self._heard[openid] = clock.system_now(), 0
            text = f"<Content>{_cdata(says)}</Content><MsgId>{secrets.randbelow(10**18)}</MsgId>"
            posts.append(self._post(app_id, openid, "text", text, delay + 200))
        return tuple(posts)

    def _post(self, app_id: str, openid: str, kind: str, inner: str, delay_ms: int) -> CallbackPost:
        xml = (f"<xml><ToUserName>{_cdata('gh_standin00000')}</ToUserName><FromUserName>{_cdata(openid)}</FromUserName>"
               f"<CreateTime>{int(clock.system_now().timestamp())}</CreateTime><MsgType>{_cdata(kind)}</MsgType>"
               f"{inner}</xml>")  # fmt: skip
        return encrypted_post(self._url, app_id, xml, delay_ms=delay_ms)


def encrypted_post(url: str, app_id: str, xml: str, *, delay_ms: int = 50) -> CallbackPost:
    """Return a post of the platform in its safe mode."""
    encrypted = MessageKey.of(app_id, ENCODING_AES_KEY).seal(xml.encode())
    timestamp, nonce = str(int(clock.system_now().timestamp())), str(secrets.randbelow(10**9))
    query = urlencode(
        {
            "signature": signature(CALLBACK_TOKEN, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "encrypt_type": "aes",
            "msg_signature": signature(CALLBACK_TOKEN, timestamp, nonce, encrypted),
        }
    )
    body = f"<xml><ToUserName>{_cdata('gh_standin00000')}</ToUserName><Encrypt>{_cdata(encrypted)}</Encrypt></xml>"
    return CallbackPost(f"{url}?{query}", {"Content-Type": "text/xml"}, body.encode(), delay_ms)


def _authorize(query: Mapping[str, str]) -> Answer:
    """Open a link as a borrower's WeChat does: `openid` says whose it is, where one is needed."""
    openid = query.get("openid") or f"oStandIn{secrets.token_hex(10)}"
    back = query.get("redirect_uri", "")
    if not back.startswith(("http://", "https://")):
        return Answer(400, b"redirect_uri", content_type="text/plain")
    code = f"code.{openid}.{secrets.token_hex(8)}"
    location = f"{back}?{urlencode({'code': code, 'state': query.get('state', '')})}"
    return Answer(302, b"", (("Location", location),), "text/plain")


def _refused_credential(app_id: str, secret: str) -> Answer | None:
    if not re.fullmatch("wx[0-9a-f]{16}", app_id):
        return error(40013)
    return None if re.fullmatch("[0-9a-f]{32}", secret) else error(40125)


def _is_openid(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{6,64}", text) is not None


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>"
