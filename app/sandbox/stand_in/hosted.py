"""A gateway in the style of Alipay's Open Platform: signed addresses, signed answers, signed notifications.

GET /gateway.do shows the page of a signed address, POST /gateway.do answers query, close, refund and refund query, POST
/hosted/pay/{number} is the page's form (pay_page.py), GET /hosted/keys tells the keys of the RSA2 account, made at each
start. Endpoints for faults: hosted_gateway, hosted_page. Written apart from the adapter, so that both are held to the pages.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app import clock
from app.sandbox.stand_in.answers import Answer, Taken, json_answer
from app.sandbox.stand_in.callbacks import CallbackPost
from app.sandbox.stand_in.memory import Memory
from app.sandbox.stand_in.pay_page import LATE_MS, chosen, go_to, page, told
from app.sandbox.stand_in.providers import Provider, ProviderRequest, StandInConfig

APP_ID, RSA_APP_ID = "2021000000000001", "2021000000000002"
KEY = "stand-in-hosted-key-00000000000000000001"
"""Of the account that signs by HMAC-SHA256."""
GATEWAY = "/gateway.do"
_PAGE = re.compile(r"/hosted/pay/(\w+)")
_SHANGHAI = ZoneInfo("Asia/Shanghai")


class GatewayKeys:
    """Key pairs of the merchant and the gateway, of the account that signs by RSA2."""

    @cached_property
    def merchant(self) -> rsa.RSAPrivateKey:
        """The merchant's."""
        return rsa.generate_private_key(65537, 2048)

    @cached_property
    def gateway(self) -> rsa.RSAPrivateKey:
        """The gateway's."""
        return rsa.generate_private_key(65537, 2048)

    def told(self) -> dict[str, str]:
        """Return what a merchant writes into its settings: base64 of the DER, as such platforms show keys."""
        private = self.merchant.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = self.gateway.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "private_key": base64.b64encode(private).decode(),
            "public_key": base64.b64encode(public).decode(),
        }


KEYS = GatewayKeys()


@dataclass(slots=True)
class HostedStandIn:
    """See the module."""

    config: StandInConfig
    endpoints: tuple[str, ...] = ("hosted_gateway", "hosted_page")
    _trades: Memory = field(default_factory=Memory)

    def endpoint(self, method: str, path: str) -> str | None:
        """Return which of its endpoints an address is."""
        if method in ("GET", "POST") and path == GATEWAY:
            return "hosted_gateway"
        is_page = (method == "POST" and _PAGE.fullmatch(path)) or (method, path) == ("GET", "/hosted/keys")
        return "hosted_page" if is_page else None

    def answer(self, endpoint: str, request: ProviderRequest) -> Answer | Taken:
        """Answer as the gateway does."""
        if endpoint == "hosted_page":
            return json_answer(KEYS.told()) if request.method == "GET" else self._acted(request)
        given = dict(request.query) if request.method == "GET" else dict(parse_qsl(request.body.decode()))
        if not _is_signed(given):
            return Answer(400, b"invalid-signature", content_type="text/plain")
        business = orjson.loads(given.get("biz_content", "{}"))
        if request.method == "GET":
            return self._opened(given, business)
        act = given.get("method", "").rpartition(".trade.")[2]
        handler = {"query": self._query, "close": self._close, "refund": self._refund, "fastpay.refund.query": self._asked}
        found = handler[act](given, business) if act in handler else _wrong("40004", "isv.invalid-method")
        return found if isinstance(found, Taken) else _signed_answer(given, found)

    # --- the page ------------------------------------------------------------------------------------------------------

    def _opened(self, given: dict[str, str], business: dict[str, Any]) -> Answer:
        """Show the page. The gateway knows of a trade from here on."""
        number = str(business["out_trade_no"])
        trade = self._trades.get(number)
        if trade is None:
            ends = datetime.strptime(business["time_expire"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=_SHANGHAI)
            if clock.system_now() >= ends:
                return Answer(410, b"TRADE_HAS_EXPIRED", content_type="text/plain")
            trade = {
                "out_trade_no": number,
                "trade_no": f"2026{secrets.randbelow(10**18):018d}",
                "trade_status": "WAIT_BUYER_PAY",
                "total_amount": str(business["total_amount"]),
                "subject": str(business["subject"]),
                "given": dict(given),
                "refunds": {},
            }
            self._trades.keep(number, trade)
        acts = ("pay", "fail", "cancel") if trade["trade_status"] == "WAIT_BUYER_PAY" else ()
        action = f"/hosted/pay/{number}"
        return page("gateway", trade["subject"], trade["total_amount"], trade["trade_status"], action=action, acts=acts)

    def _acted(self, request: ProviderRequest) -> Answer | Taken:
        found = _PAGE.fullmatch(request.path)
        trade = self._trades.get(found[1]) if found else None
        act, posts = chosen(request.body)
        if trade is None or trade["trade_status"] != "WAIT_BUYER_PAY" or act not in ("pay", "fail", "cancel"):
            return Answer(409, b"That cannot be done with this payment now.", content_type="text/plain")
        back = go_to(trade["given"]["return_url"])
        if act == "cancel":
            return back
        after = {**trade, "trade_status": "TRADE_SUCCESS" if act == "pay" else "TRADE_CLOSED"}
        if act == "pay":
            after["gmt_payment"] = _local()
        return self._taken(trade, after, act, back, posts)

    def _taken(
        self, trade: dict[str, Any], after: dict[str, Any], act: str, answer: Answer, posts: str = "once", **more: str
    ) -> Taken:
        notify_id = secrets.token_hex(16)

        def make(_which: int, how: str) -> CallbackPost:
            return _notification(after, notify_id, how, **more)

        return Taken(
            channel="payment",
            message_id=trade["out_trade_no"],
            target=trade["out_trade_no"],
            label="hosted",
            content=orjson.dumps({"act": act, "posts": posts}),
            answer=answer,
            callbacks=told(posts, 1, make),
            then=lambda: trade.update(after),
        )

    # --- what is asked -------------------------------------------------------------------------------------------------

    def _query(self, _given: dict[str, str], business: dict[str, Any]) -> dict[str, Any]:
        trade = self._trades.get(str(business.get("out_trade_no")))
        return _well(trade, "gmt_payment") if trade else _wrong("40004", "ACQ.TRADE_NOT_EXIST")

    def _close(self, given: dict[str, str], business: dict[str, Any]) -> dict[str, Any] | Taken:
        trade = self._trades.get(str(business.get("out_trade_no")))
        if trade is None:
            return _wrong("40004", "ACQ.TRADE_NOT_EXIST")
        if trade["trade_status"] != "WAIT_BUYER_PAY":
            return _wrong("40004", "ACQ.TRADE_STATUS_ERROR")
        after = {**trade, "trade_status": "TRADE_CLOSED"}
        return self._taken(trade, after, "close", _signed_answer(given, _well(after)))

    def _refund(self, given: dict[str, str], business: dict[str, Any]) -> dict[str, Any] | Taken:
        trade = self._trades.get(str(business.get("out_trade_no")))
        if trade is None or trade["trade_status"] not in ("TRADE_SUCCESS", "TRADE_CLOSED"):
            return _wrong("40004", "ACQ.TRADE_NOT_EXIST")
        number, fen = str(business["out_request_no"]), _fen(str(business["refund_amount"]))
        if number in trade["refunds"]:
            return _well(trade) | {"fund_change": "N", "refund_fee": str(business["refund_amount"])}
        total = fen + sum(trade["refunds"].values())
        if total > _fen(trade["total_amount"]):
            return _wrong("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
        after = {**trade, "refunds": {**trade["refunds"], number: fen}}
        if total == _fen(trade["total_amount"]):
            after["trade_status"] = "TRADE_CLOSED"
        fee = f"{total // 100}.{total % 100:02d}"
        answer = _signed_answer(given, _well(after) | {"fund_change": "Y", "refund_fee": fee})
        return self._taken(trade, after, "refund", answer, refund_fee=fee, out_biz_no=number, gmt_refund=_local())

    def _asked(self, _given: dict[str, str], business: dict[str, Any]) -> dict[str, Any]:
        trade = self._trades.get(str(business.get("out_trade_no")))
        number = str(business.get("out_request_no"))
        if trade is None or number not in trade["refunds"]:
            return {"code": "10000", "msg": "Success"}  # as the gateway says of a refund that it does not know
        return {"code": "10000", "msg": "Success", "out_request_no": number, "refund_status": "REFUND_SUCCESS"}


def sign(parameters: dict[str, str], app_id: str, *, without: tuple[str, ...] = ("sign", "sign_type")) -> str:
    """Return the gateway's signature of parameters."""
    return sign_text(_text(parameters, without), app_id)


def sign_text(text: str, app_id: str) -> str:
    """Return the gateway's signature of a text."""
    if app_id == RSA_APP_ID:
        return base64.b64encode(KEYS.gateway.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def _text(parameters: dict[str, str], without: tuple[str, ...]) -> str:
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name not in without and parameters[name])


def _is_signed(given: dict[str, str]) -> bool:
    text, signature = _text(given, ("sign",)), given.get("sign", "")
    if given.get("app_id") == APP_ID:
        return hmac.compare_digest(hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest(), signature)
    if given.get("app_id") != RSA_APP_ID:
        return False
    try:
        KEYS.merchant.public_key().verify(base64.b64decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed_answer(given: dict[str, str], found: dict[str, Any]) -> Answer:
    inner = orjson.dumps(found).decode()
    name = f"{given['method'].replace('.', '_')}_response"
    signature = sign_text(inner, given["app_id"])
    return Answer(200, f'{{"{name}":{inner},"sign":"{signature}"}}'.encode())


def _notification(trade: dict[str, Any], notify_id: str, how: str, **more: str) -> CallbackPost:
    given = trade["given"]
    form = {
        "notify_id": notify_id,
        "notify_time": _local(),
        "notify_type": "trade_status_sync",
        "app_id": given["app_id"],
        "charset": "utf-8",
        "version": "1.0",
        "sign_type": given["sign_type"],
        "out_trade_no": trade["out_trade_no"],
        "trade_no": trade["trade_no"],
        "trade_status": trade["trade_status"],
        "total_amount": "0.01" if how == "other_amount" else trade["total_amount"],
        "subject": trade["subject"],
        **({"gmt_payment": trade["gmt_payment"]} if "gmt_payment" in trade else {}),
        **more,
    }
    body = urlencode({**form, "sign": sign(form, given["app_id"])}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return CallbackPost(given["notify_url"], headers, body, LATE_MS if how == "late" else 50)


def _well(trade: dict[str, Any], *more: str) -> dict[str, Any]:
    names = ("out_trade_no", "trade_no", "trade_status", "total_amount", *more)
    return {"code": "10000", "msg": "Success", **{name: trade[name] for name in names if name in trade}}


def _wrong(code: str, sub_code: str) -> dict[str, Any]:
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": '{"quoted": "}"}'}


def _fen(yuan: str) -> int:
    whole, _, part = yuan.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _local() -> str:
    return clock.system_now().astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def make(config: StandInConfig) -> Provider:
    """Return the gateway."""
    return HostedStandIn(config)
