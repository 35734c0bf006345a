"""A provider of tests that posts JSON: signed by a header, or to the address that it alone knows.

{"reports": [{DeliveryReport}], "inbound": [{InboundMessage}], "events": [{EndpointEvent}]}
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.channels.callbacks import CallbackRequest, ForgedError, MalformedError
from app.domain.deliveries import (
    Callback,
    CallbackAnswer,
    CallOutcome,
    DeliveryReport,
    EndpointEvent,
    InboundMessage,
    Told,
)

KEY = "a key that only the provider and we know"
ANSWER = '{"code":0,"msg":"接收成功"}'.encode()
NAME = "paper"


def signature(body: bytes, url: str) -> str:
    return hmac.new(KEY.encode(), url.encode() + body, hashlib.sha256).hexdigest()


class PaperParser:
    provider = NAME

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.secret = settings["callback_secret"]

    def read(self, request: CallbackRequest) -> Callback:
        if request.method == "GET":
            return Callback(NAME, answer=CallbackAnswer(request.query.get("echo", "").encode()))
        given = request.headers.get("paper-signature", "")
        is_signed = hmac.compare_digest(given, signature(request.body, request.url))
        if not is_signed and (given or request.path_secret != self.secret):
            raise ForgedError
        try:
            told = json.loads(request.body)
            return Callback(
                NAME,
                reports=[_report(each) for each in told.get("reports", ())],
                inbound=[InboundMessage(**_dated(each)) for each in told.get("inbound", ())],
                events=[EndpointEvent(**_dated(each)) for each in told.get("events", ())],
                answer=CallbackAnswer(ANSWER, 200, "application/json; charset=utf-8"),
                is_signed=is_signed,
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            raise MalformedError("not as documented") from None


def parser(settings: Mapping[str, Any]) -> PaperParser:
    return PaperParser(settings)


def _report(values: dict[str, Any]) -> DeliveryReport:
    call = values.pop("call", None)
    told = Told(values.pop("told"))
    return DeliveryReport(told=told, call=None if call is None else CallOutcome(**call), **_dated(values))


def _dated(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "at": datetime.fromisoformat(values["at"]) if values.get("at") else None}
