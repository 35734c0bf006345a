"""A signed hosted page: gateways in the style of Alipay's Open Platform, and aggregators that copy it.

The page is an address with sorted, signed parameters, so that opening one costs no request. The gateway posts a notification
signed the same way and wants the bare word `success` back. Sources: Alipay Open Platform, alipay.trade.wap.pay,
alipay.trade.query, alipay.trade.close, alipay.trade.refund, "Asynchronous notifications".
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

import orjson

from app import clock
from app.channels.answers import json_object
from app.channels.http_transport import HttpRequest, PooledTransport
from app.channels.payments.hosted_words import HostedWords
from app.channels.payments.signatures import Signer, signer_of, signing_text
from app.channels.payments.wire import ask, name_of, texts_of, times_of, transport_to
from app.domain.payment_intents import PaymentEvent, Told
from app.domain.payment_providers import (
    AskedPayment,
    ForgedPostError,
    MalformedPostError,
    OpenedPayment,
    PaymentNews,
    PaymentOrder,
    PaymentPost,
    ProviderAnswer,
    ProviderDownError,
    ProviderRefusedError,
    RefundNews,
)

_METHODS = {
    "pay": "alipay.trade.wap.pay",
    "query": "alipay.trade.query",
    "close": "alipay.trade.close",
    "refund": "alipay.trade.refund",
    "refund_query": "alipay.trade.fastpay.refund.query",
}
_NOT_SIGNED = frozenset({"sign", "sign_type"})
_WELL = "10000"
_TRY_AGAIN = frozenset({"20000", "ACQ.SYSTEM_ERROR", "isp.unknow-error", "aop.ACQ.SYSTEM_ERROR"})
_NO_TRADE = "ACQ.TRADE_NOT_EXIST"
_LONGEST_FORM = 200
"""Parameters of one notification."""


class HostedPayments:
    """See the module."""

    def __init__(self, entry: Mapping[str, Any], transport: PooledTransport) -> None:
        """Raises KeyError for a setting that is missing, ValueError for one that is wrong."""
        self.name = name_of(entry)
        self.is_live = bool(entry.get("live", True))
        self.lenders = texts_of(entry, "lenders")
        self.times = times_of(entry)
        self.words = HostedWords.of(entry)
        self.currencies = frozenset({self.words.currency})
        self._url = str(entry["url"])
        self._path = urlsplit(self._url).path or "/"
        self._app_id = str(entry["app_id"])
        self._product = str(entry.get("product_code", "QUICK_WAP_WAY"))
        self._methods = {**_METHODS, **dict(entry.get("methods", {}))}
        self._window_seconds = int(entry.get("notify_window_hours", 26)) * 3600
        self._zone = ZoneInfo(str(entry.get("zone", "Asia/Shanghai")))
        self._signer: Signer = signer_of(entry)
        self._transport = transport

    def create(self, order: PaymentOrder) -> OpenedPayment:
        """Sign the page's address. Nothing is asked: the gateway hears of the payment when the payer opens it."""
        number = order_number(order.intent_id)
        business = {
            "out_trade_no": number,
            "total_amount": self.words.amount_to(order.amount_minor),
            "subject": order.title,
            "product_code": self._product,
            "time_expire": self._local(order.expires_at),
        }
        parameters = self._signed("pay", business, notify_url=order.notify_url, return_url=order.return_url)
        joint = "&" if urlsplit(self._url).query else "?"
        return OpenedPayment(number, f"{self._url}{joint}{urlencode(parameters)}", Told.PENDING, order.expires_at)

    def look_up(self, asked: AskedPayment) -> PaymentEvent | None:
        """Ask how it stands; the gateway knows of none before the payer has opened the page."""
        answer = self._ask("query", {"out_trade_no": order_number(asked.intent_id)})
        if answer.get("sub_code") == _NO_TRADE:
            return None
        _check(answer)
        status = answer.get(self.words.fields["status"])
        asked_for = f"asked:{asked.intent_id}:{status}"
        try:
            return self.words.event_of(answer, event_id=asked_for, kind="look_up", zone=self._zone)
        except MalformedPostError as wrong:
            raise ProviderDownError(str(wrong)) from None

    def cancel(self, asked: AskedPayment) -> PaymentEvent | None:
        """Close it. The gateway cannot close what it has not heard of; what is paid meanwhile is asked for."""
        answer = self._ask("close", {"out_trade_no": order_number(asked.intent_id)})
        if answer.get("sub_code") == _NO_TRADE:
            return None
        if answer.get("code") != _WELL:
            return self.look_up(asked)
        return PaymentEvent(f"asked:{asked.intent_id}:closed", "close", Told.EXPIRED, asked.intent_id)

    def refund(self, asked: AskedPayment, amount_minor: int, *, key: str) -> RefundNews:
        """Send a part or all of the money back; `key` is the gateway's number of the refund."""
        business = {
            "out_trade_no": order_number(asked.intent_id),
            "refund_amount": self.words.amount_to(amount_minor),
            "out_request_no": key,
        }
        answer = self._ask("refund", business)
        _check(answer)
        return RefundNews(key, "succeeded" if answer.get("fund_change") == "Y" else "pending")

    def look_up_refund(self, asked: AskedPayment, reference: str, *, key: str) -> RefundNews | None:
        """Ask for a refund by our number of it."""
        answer = self._ask("refund_query", {"out_trade_no": order_number(asked.intent_id), "out_request_no": key})
        if answer.get("code") != _WELL:
            return None
        return RefundNews(key, "succeeded" if answer.get("refund_status") == "REFUND_SUCCESS" else "pending")

    def read(self, post: PaymentPost) -> PaymentNews:
        """Prove and read a notification. One that goes with a refund tells of two things: the payment, and the refund."""
        try:
            pairs = parse_qsl(post.body.decode("utf-8"), keep_blank_values=True, max_num_fields=_LONGEST_FORM)
        except ValueError:
            raise MalformedPostError("It is no form.") from None
        form = dict(pairs)
        if len(form) != len(pairs):
            raise MalformedPostError("A parameter is given twice.")
        if not self._signer.is_theirs(signing_text(form, without=_NOT_SIGNED), form.get("sign", "")):
            raise ForgedPostError("`sign` is missing or wrong.")
        if form.get("app_id") != self._app_id:
            raise ForgedPostError("It is for another account.")
        sent = self.words.instant(form.get("notify_time"), self._zone)
        if sent is None or abs(post.now_seconds - sent.timestamp()) > self._window_seconds:
            raise ForgedPostError("`notify_time` is not of the last day.")
        events = self.words.notified(form, self._zone)
        return PaymentNews(events, ProviderAnswer(b"success"))

    def close(self) -> None:
        """Give connections back."""
        self._transport.close()

    def _ask(self, act: str, business: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the gateway's answer, proven. Raises ProviderDownError also for one that is not signed by it."""
        method = self._methods[act]
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        body = urlencode(self._signed(act, business)).encode()
        answer = ask(self._transport, HttpRequest(self._path, headers, body), provider=self.name)
        name = f"{method.replace('.', '_')}_response"
        value, said = json_object(answer.body), _signed_part(answer.body, name)
        found = value.get(name)
        if not isinstance(found, dict) or said is None or not self._signer.is_theirs(said, str(value.get("sign", ""))):
            raise ProviderDownError("the answer is not the gateway's")
        if {found.get("code"), found.get("sub_code")} & _TRY_AGAIN:
            raise ProviderDownError(str(found.get("sub_code") or found.get("code")))
        return found

    def _signed(self, act: str, business: Mapping[str, str], **more: str) -> dict[str, str]:
        parameters = {
            "app_id": self._app_id,
            "method": self._methods[act],
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": self._signer.sign_type,
            "timestamp": self._local(clock.system_now()),
            "version": "1.0",
            "biz_content": orjson.dumps(business).decode(),
            **more,
        }
        return dict(sorted({**parameters, "sign": self._signer.sign(signing_text(parameters))}.items()))

    def _local(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")


def order_number(intent_id: str) -> str:
    """Return our number of a payment as gateways take it: letters and digits, 64 at most."""
    return intent_id.replace("-", "")


def _check(answer: Mapping[str, Any]) -> None:
    if answer.get("code") != _WELL:
        raise ProviderRefusedError(str(answer.get("sub_code") or answer.get("code") or "no_code"))


def _signed_part(body: bytes, name: str) -> str | None:
    """Return the bytes of the answer that are signed: the value as it is written, not as it would be written again."""
    try:
        text = body.decode("utf-8")
        start = text.index(f'"{name}"') + len(name) + 2
        start = text.index("{", start)
        return text[start : _end_of_object(text, start)]
    except (UnicodeDecodeError, ValueError):
        return None


def _end_of_object(text: str, start: int) -> int:
    depth, in_string, is_escaped = 0, False, False
    for place in range(start, len(text)):
        sign = text[place]
        if in_string:
            if is_escaped:
                is_escaped = False
            elif sign == "\\":
                is_escaped = True
            elif sign == '"':
                in_string = False
        elif sign == '"':
            in_string = True
        elif sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                return place + 1
    raise ValueError("no end")


def build(entry: Mapping[str, Any]) -> HostedPayments:
    """Return the account of an entry. Raises KeyError for a setting that is missing, ValueError for a wrong one."""
    parts = urlsplit(str(entry["url"]))
    return HostedPayments(entry, transport_to(entry, f"{parts.scheme}://{parts.netloc}"))
