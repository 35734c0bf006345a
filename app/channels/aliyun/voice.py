"""Calls by Alibaba Cloud that speak a registered template: SingleCallByTts of dyvmsapi, version 2017-05-25.

Source: Alibaba Cloud, "SingleCallByTts", "QueryCallDetailByCallId"; the product id of the query and the fields of its Data
are from public code that uses it, not from the pages. OutId takes 15 bytes, too few for our message id: it holds the end
of it, for people who look in the console, and calls are known by their CallId. A call whose answer never came stays
uncertain: nothing there can be asked by number.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from app.channels.aliyun.answers import result_of
from app.channels.aliyun.calls import report_of
from app.channels.aliyun.numbers import written
from app.channels.aliyun.signing import AliyunService
from app.channels.aliyun.sms import NOT_REGISTERED
from app.channels.answers import json_object
from app.channels.base import Asked, Channel, DeliveryResult, Outgoing
from app.channels.http_transport import HttpRequest, Transport
from app.channels.numbers import refused_number
from app.channels.provider_settings import LATE, sender_of, transport_of
from app.domain.deliveries import DeliveryReport

URL = "https://dyvmsapi.aliyuncs.com"
VERSION = "2017-05-25"
OUT_ID_BYTES = 15
_NOTIFICATIONS = "11000000300006"
"""ProdId of voice notifications."""
_PLAYED = "2"


class AliyunVoice:
    """The voice channel by Alibaba Cloud."""

    name = "voice"
    provider = "aliyun"

    def __init__(self, entry: Mapping[str, Any], transport: Transport) -> None:
        """`entry`: access_key_id, access_key_secret; `senders` (country -> bought number), without it their shared pool."""
        url = str(entry.get("url") or URL)
        self._service = AliyunService(url, VERSION, str(entry["access_key_id"]), str(entry["access_key_secret"]))
        self._senders: Mapping[str, Any] = entry.get("senders") or {}
        self._transport = transport
        self.batch = transport.at_once

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Place each call once; one result per message, in order."""
        refused = [self._refusal(outgoing, now) for outgoing in batch]
        fit = [outgoing for outgoing, refusal in zip(batch, refused, strict=True) if refusal is None]
        answers = iter(self._transport.post([self._request(outgoing, now) for outgoing in fit]))
        return [refusal or result_of(next(answers), reference="CallId", units=1) for refusal in refused]

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        """Return how each call went, in order; None for a call that has no CallId or has not ended."""
        known = [one for one in asked if one.provider_reference]
        answers = iter(self._transport.post([self._question(one, now) for one in known]))
        return [_report(one, next(answers).body) if one.provider_reference else None for one in asked]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _refusal(self, outgoing: Outgoing, now: datetime) -> DeliveryResult | None:
        if outgoing.expires_at <= now:
            return LATE
        if self.provider not in outgoing.provider_templates:
            return NOT_REGISTERED
        return refused_number(outgoing.target.address, for_text=False)

    def _request(self, outgoing: Outgoing, now: datetime) -> HttpRequest:
        template = outgoing.provider_templates[self.provider]
        parameters = {
            "CalledNumber": written(outgoing.target.address),
            "TtsCode": template.code,
            "PlayTimes": _PLAYED,
            "OutId": outgoing.message_id.replace("-", "")[-OUT_ID_BYTES:],
        }
        if template.fields:
            parameters["TtsParam"] = orjson.dumps(dict(template.fields)).decode()
        shown = sender_of(self._senders, outgoing.target.address)
        if shown:
            parameters["CalledShowNumber"] = shown
        return self._service.request("SingleCallByTts", parameters, now=now)

    def _question(self, one: Asked, now: datetime) -> HttpRequest:
        parameters = {
            "CallId": str(one.provider_reference),
            "ProdId": _NOTIFICATIONS,
            "QueryDate": str(int(one.sent_at.timestamp() * 1000)),
        }
        return self._service.request("QueryCallDetailByCallId", parameters, now=now)


def _report(one: Asked, body: bytes) -> DeliveryReport | None:
    said = json_object(body)
    detail = json_object(str(said.get("Data") or "")) if said.get("Code") == "OK" else {}
    if not detail.get("state") or not detail.get("endDate"):
        return None
    return report_of(
        str(one.provider_reference),
        str(detail["state"]),
        seconds=str(detail.get("duration") or ""),
        message_id=one.message_id,
    )


def build(entry: Mapping[str, Any], *, threads: int) -> Channel:
    """Return the channel of an entry of the providers file. Raises KeyError for a setting that is missing."""
    return AliyunVoice(entry, transport_of(entry, URL, threads))
