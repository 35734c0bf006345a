"""What Tencent Cloud posts: receipts and replies of SMS, results of pushes of its Chat service. Nothing is signed.

Source: Tencent Cloud SMS, API 382/43547 (receipts) and "reply callback" (general knowledge, not read); product 1047, pages
67551 and 67552 (pushes: 1 to 100 events, epoch seconds). Which PushStage means reached is not on the pages read: a push
without an error is told `sent`, no more.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from app.channels.callbacks import CallbackParser, CallbackRequest, MalformedError
from app.channels.path_secrets import check_path_secret
from app.domain.deliveries import Callback, CallbackAnswer, DeliveryReport, InboundMessage, Told

SMS_REPLY = CallbackAnswer(b'{"result":0,"errmsg":"OK"}', content_type="application/json")
PUSH_REPLY = CallbackAnswer(b'{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}', content_type="application/json")
_MOST_EVENTS = 100
_LOSSES = {
    "MBBLACK": ("opted_out", "opted_out"),
    "DBBLACK": ("opted_out", "opted_out"),
    "UNDELIV": ("unreachable", "keep"),
    "EXPIRED": ("expired", "keep"),
    "REJECTD": ("content_refused", "keep"),
    "MK:0001": ("bad_address", "invalid"),
    "MK:0005": ("unreachable", "keep"),
    "MK:0010": ("unreachable", "keep"),
}
"""Carrier codes, as blogs of integrators explain them; they differ by carrier, so most stay `unknown`."""


class TencentCallbacks:
    """Reads them."""

    provider = "tencent"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """`callback_secret`: what the address of our callbacks ends with."""
        self._settings = settings

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        check_path_secret(request, self._settings)
        try:
            said = orjson.loads(request.body)
            if isinstance(said, dict) and "Events" in said:
                reports = [_push(event) for event in said["Events"][:_MOST_EVENTS]]
                return Callback(self.provider, reports, answer=PUSH_REPLY)
            items = said if isinstance(said, list) else [said]
            return Callback(
                self.provider,
                [_receipt(item) for item in items if "report_status" in item],
                [_reply(item) for item in items if "report_status" not in item],
                answer=SMS_REPLY,
            )
        except orjson.JSONDecodeError:
            raise MalformedError("Not JSON.") from None
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            raise MalformedError("A field is missing or of another kind.") from None


def _receipt(item: Mapping[str, Any]) -> DeliveryReport:
    sid, code = str(item["sid"]), str(item.get("errmsg") or "")
    is_there = item["report_status"] == "SUCCESS"
    error, verdict = (None, "keep") if is_there else _LOSSES.get(code, ("unknown", "keep"))
    return DeliveryReport(
        event_key=f"sms:{sid}:{item['report_status']}:{code}"[:200],
        told=Told.DELIVERED if is_there else Told.FAILED,
        reference=sid,
        error_code=error,
        raw_code=code[:60] or None,
        verdict=verdict,
    )


def _reply(item: Mapping[str, Any]) -> InboundMessage:
    whole = hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()[:40]
    phone = f"+{str(item['nationcode']).lstrip('+')}{item['mobile']}"
    at = datetime.fromtimestamp(int(item["time"]), UTC) if item.get("time") else None
    return InboundMessage(f"reply:{whole}", "sms", "phone", phone, str(item["text"]), at)


def _push(event: Mapping[str, Any]) -> DeliveryReport:
    task, code = str(event.get("TaskId") or event.get("PushID")), int(event["ErrCode"])
    told = Told.SENT if code == 0 else Told.FAILED
    where = hashlib.sha256(str(event["To_Account"]).encode()).hexdigest()[:16]
    return DeliveryReport(
        event_key=f"push:{task}:{where}:{event.get('PushStage')}:{code}"[:200],
        told=told,
        reference=task,
        at=datetime.fromtimestamp(int(event["EventTime"]), UTC),
        error_code=None if code == 0 else "unknown",
        raw_code=None if code == 0 else str(code),
    )


def parser(settings: Mapping[str, Any]) -> CallbackParser:
    """Return the parser of an entry of the providers file, with `callback_secret` in it."""
    return TencentCallbacks(settings)
