"""SMS by Alibaba Cloud: SendSms of dysmsapi, version 2017-05-25.

Source: Alibaba Cloud, "SendSms", "QuerySendDetails". What is sent is a registered template, never our words; OutId carries
our message id and comes back in receipts and in what is asked for.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson

from app.channels.aliyun.answers import loss_of, result_of
from app.channels.aliyun.numbers import is_mainland, written
from app.channels.aliyun.signing import AliyunService
from app.channels.answers import json_object
from app.channels.base import Asked, Channel, DeliveryResult, Outcome, Outgoing
from app.channels.http_transport import HttpRequest, Transport
from app.channels.numbers import refused_number
from app.channels.provider_settings import LATE, NO_SENDER, sender_of, transport_of
from app.domain.deliveries import DeliveryReport, Told
from app.domain.segments import mainland_segments_of, segments_of

URL = "https://dysmsapi.aliyuncs.com"
VERSION = "2017-05-25"
CHINA = timezone(timedelta(hours=8))
NOT_REGISTERED = DeliveryResult(Outcome.REFUSED, error_code="template_not_registered", another_may=True)
_STATES = {"1": Told.ACCEPTED, "2": Told.FAILED, "3": Told.DELIVERED}
"""SendStatus: waiting for the receipt, failed, arrived."""
_NEAR_MIDNIGHT = timedelta(minutes=5)


class AliyunSms:
    """The sms channel by Alibaba Cloud."""

    name = "sms"
    provider = "aliyun"

    def __init__(self, entry: Mapping[str, Any], transport: Transport) -> None:
        """`entry`: access_key_id, access_key_secret and `senders`: country -> approved signature. Raises KeyError."""
        url = str(entry.get("url") or URL)
        self._service = AliyunService(url, VERSION, str(entry["access_key_id"]), str(entry["access_key_secret"]))
        self._senders: Mapping[str, Any] = entry["senders"]
        self._transport = transport
        self.batch = transport.at_once

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once; one result per message, in order."""
        refused = [self._refusal(outgoing, now) for outgoing in batch]
        fit = [outgoing for outgoing, refusal in zip(batch, refused, strict=True) if refusal is None]
        answers = iter(self._transport.post([self._request(outgoing, now) for outgoing in fit]))
        return [
            refusal or result_of(next(answers), reference="BizId", units=self._units(outgoing))
            for outgoing, refusal in zip(batch, refused, strict=True)
        ]

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        """Return what the service has under our id, in order; None where it has nothing (yet), or not in its first 50."""
        questions = [(one, day) for one in asked for day in days_of(one)]
        answers = self._transport.post([self._question(one, day, now) for one, day in questions])
        found: dict[str, DeliveryReport] = {}
        for (one, _day), answer in zip(questions, answers, strict=True):
            listed = json_object(answer.body).get("SmsSendDetailDTOs") if answer.status == 200 else None
            for item in listed.get("SmsSendDetailDTO") or [] if isinstance(listed, dict) else []:
                if isinstance(item, dict) and item.get("OutId") == one.message_id:
                    found[one.message_id] = _report(one, item)
        return [found.get(one.message_id) for one in asked]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _refusal(self, outgoing: Outgoing, now: datetime) -> DeliveryResult | None:
        if outgoing.expires_at <= now:
            return LATE
        if self.provider not in outgoing.provider_templates:
            return NOT_REGISTERED
        number = outgoing.target.address
        return refused_number(number, for_text=True) or (None if sender_of(self._senders, number) else NO_SENDER)

    def _request(self, outgoing: Outgoing, now: datetime) -> HttpRequest:
        template = outgoing.provider_templates[self.provider]
        parameters = {
            "PhoneNumbers": written(outgoing.target.address),
            "SignName": str(sender_of(self._senders, outgoing.target.address)),
            "TemplateCode": template.code,
            "OutId": outgoing.message_id,
        }
        if template.fields:
            parameters["TemplateParam"] = orjson.dumps(dict(template.fields)).decode()
        return self._service.request("SendSms", parameters, now=now)

    def _question(self, one: Asked, day: str, now: datetime) -> HttpRequest:
        parameters = {"PhoneNumber": written(one.target.address), "SendDate": day, "PageSize": "50", "CurrentPage": "1"}
        if one.provider_reference:
            parameters["BizId"] = one.provider_reference
        return self._service.request("QuerySendDetails", parameters, now=now)

    def _units(self, outgoing: Outgoing) -> int:
        if is_mainland(outgoing.target.address):
            return mainland_segments_of(outgoing.body, sender_of(self._senders, outgoing.target.address) or "").count
        return segments_of(outgoing.body).count


def days_of(one: Asked) -> list[str]:
    """Return the days, as China writes them, under which it may be kept: two around midnight there."""
    ends = (one.sent_at - _NEAR_MIDNIGHT, one.sent_at + _NEAR_MIDNIGHT)
    return sorted({at.astimezone(CHINA).strftime("%Y%m%d") for at in ends})


def _report(one: Asked, item: Mapping[str, Any]) -> DeliveryReport:
    status, code = str(item.get("SendStatus")), str(item.get("ErrCode") or "")
    told = _STATES.get(status, Told.ACCEPTED)
    error, verdict = loss_of(code) if told is Told.FAILED else (None, "keep")
    return DeliveryReport(
        event_key=f"query:{one.message_id}:{status}",
        told=told,
        reference=one.provider_reference,
        message_id=one.message_id,
        at=china_time(item.get("ReceiveDate")),
        error_code=error,
        raw_code=code[:60] or None,
        verdict=verdict,
    )


def china_time(text: object) -> datetime | None:
    """Return an instant that the query service writes without a zone; China Standard Time, by its examples."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).astimezone(UTC)
    except ValueError:
        return None


def build(entry: Mapping[str, Any], *, threads: int) -> Channel:
    """Return the channel of an entry of the providers file. Raises KeyError for a setting that is missing."""
    return AliyunSms(entry, transport_of(entry, URL, threads))
