"""What Alibaba Cloud posts: receipts of SMS and calls, and replies, several in one array. Nothing is signed.

Source: Alibaba Cloud SMS "SmsReport", "SmsUp", "SMS webhook" (international); Voice Service "VoiceReport",
"VoiceCallReport". Each is told by its fields. The answer must come within 700 ms (voice) and its code be a number; else it
is posted again after 1, 5 and 10 minutes, then lost. Times without a zone are not used.
"""

import email.utils
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from app.channels.aliyun.answers import loss_of
from app.channels.aliyun.calls import report_of
from app.channels.aliyun.numbers import e164
from app.channels.callbacks import CallbackParser, CallbackRequest, MalformedError
from app.channels.path_secrets import check_path_secret
from app.domain.deliveries import Callback, CallbackAnswer, DeliveryReport, InboundMessage, Told

REPLY = CallbackAnswer('{"code":0,"msg":"接收成功"}'.encode(), content_type="application/json; charset=utf-8")
_INTERNATIONAL = {"1": Told.SENT, "2": Told.FAILED, "3": Told.DELIVERED, "6": Told.FAILED}
_WORDS_OF_KEYS = {"9": "stop"}


class AliyunCallbacks:
    """Reads them."""

    provider = "aliyun"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """`callback_secret`: what the address of our callbacks ends with."""
        self._settings = settings

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        check_path_secret(request, self._settings)
        try:
            items = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            raise MalformedError("Not JSON.") from None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise MalformedError("Not an array of objects.")
        reports: list[DeliveryReport] = []
        inbound: list[InboundMessage] = []
        for item in items:
            report = next((read(item) for known, read in _REPORTS if known <= item.keys()), None)
            reports += [report] if report is not None else []
            said = _inbound(item)
            inbound += [said] if said is not None else []
        return Callback(self.provider, reports, inbound, answer=REPLY)


def _mainland(item: Mapping[str, Any]) -> DeliveryReport:
    code, is_there = str(item.get("err_code") or ""), item["success"] is True
    error, verdict = (None, "keep") if is_there else loss_of(code)
    return DeliveryReport(
        event_key=f"sms:{item['biz_id']}:{item.get('out_id') or ''}:{'ok' if is_there else code}"[:200],
        told=Told.DELIVERED if is_there else Told.FAILED,
        reference=str(item["biz_id"]),
        message_id=str(item.get("out_id") or "") or None,
        error_code=error,
        raw_code=code[:60] or None,
        verdict=verdict,
        units=_count(item.get("sms_size")),
    )


def _international(item: Mapping[str, Any]) -> DeliveryReport | None:
    status, code = str(item["Status"]), str(item.get("ErrorCode") or "")
    told = _INTERNATIONAL.get(status)
    if told is None:
        return None
    error, verdict = loss_of(code) if told is Told.FAILED else (None, "keep")
    return DeliveryReport(
        event_key=f"intl:{item['MessageId']}:{status}"[:200],
        told=told,
        reference=str(item["MessageId"]),
        at=_with_zone(item.get("ReceiveDate")),
        error_code="expired" if status == "6" else error,
        raw_code=code[:60] or None,
        verdict=verdict,
        units=_count(item.get("SmsSize")),
    )


def _call(item: Mapping[str, Any]) -> DeliveryReport:
    return report_of(
        str(item["call_id"]),
        str(item["status_code"]),
        seconds=str(item["duration"]),
        key=str(item.get("dtmf") or "")[:1],
    )


def _call_under_way(item: Mapping[str, Any]) -> DeliveryReport:
    code = str(item["status_code"])
    return DeliveryReport(
        f"voice:{item['call_id']}:{code}:under_way"[:200], Told.ACCEPTED, str(item["call_id"]), raw_code=code
    )


_REPORTS: tuple[tuple[frozenset[str], Callable[[Mapping[str, Any]], DeliveryReport | None]], ...] = (
    (frozenset({"success", "biz_id"}), _mainland),
    (frozenset({"Status", "MessageId"}), _international),
    (frozenset({"call_id", "status_code", "duration"}), _call),
    (frozenset({"call_id", "status_code", "status_time"}), _call_under_way),
)
"""Fields that tell what an item is -> how it is read; the first that fits."""


def _inbound(item: Mapping[str, Any]) -> InboundMessage | None:
    """Return a reply by SMS, or the key pressed in a call."""
    if "content" in item and "phone_number" in item:
        phone, text = e164(item["phone_number"]), str(item["content"])
        if phone is None:
            return None
        known = item.get("sequence_id")
        key = str(known) if known else hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()[:40]
        return InboundMessage(f"up:{key}", "sms", "phone", phone, text)
    key, phone = str(item.get("dtmf") or "")[:1], e164(item.get("callee"))
    if key and phone is not None and "call_id" in item:
        return InboundMessage(f"key:{item['call_id']}:{key}", "voice", "phone", phone, _WORDS_OF_KEYS.get(key, key))
    return None


def _count(value: object) -> int | None:
    text = str(value or "")
    return int(text) if text.isdigit() and int(text) else None


def _with_zone(text: object) -> datetime | None:
    try:
        return email.utils.parsedate_to_datetime(str(text)).astimezone(UTC) if text else None
    except (ValueError, TypeError):
        return None


def parser(settings: Mapping[str, Any]) -> CallbackParser:
    """Return the parser of an entry of the providers file, with `callback_secret` in it."""
    return AliyunCallbacks(settings)
