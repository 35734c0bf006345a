"""SMS through a gateway of the lender's own that takes one signed JSON post per message: POST {message_id, to, text}.

`from` is added where a sender is set for the country, `status_url` where receipts are wanted (gateway_callbacks.py reads
them). The signature is HMAC-SHA256, in hex, over "<Duecourse-Timestamp>.<body>" with the shared key; the gateway answers
2xx with {"id": "..."}. The Idempotency-Key is our message id, for a gateway that drops second copies; as we cannot know
that, whatever is not surely refused or surely not sent is `UNCERTAIN` here and must not be sent again blindly.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from app.channels.answers import json_object, no_answer, retry_after_seconds
from app.channels.base import Channel, DeliveryResult, EndpointVerdict, Outcome, Outgoing
from app.channels.http_transport import HttpAnswer, HttpRequest, Transport
from app.channels.numbers import refused_number
from app.channels.provider_settings import LATE, sender_of, transport_of
from app.channels.signed_posts import SIGNATURE, TIMESTAMP, signature
from app.domain.segments import segments_of

_BAD_NUMBER_CODES = frozenset({"invalid_number", "unreachable_number", "landline"})
_PAUSE_SECONDS = 60.0


class GatewaySms:
    """The sms channel."""

    name = "sms"
    provider = "gateway"

    def __init__(self, key: str, transport: Transport, *, path: str = "/", senders: Mapping[str, Any] | None = None) -> None:
        """`senders`: country -> who it comes from, if the gateway wants to be told."""
        self._key = key.encode()
        self._transport = transport
        self.batch = transport.at_once
        self._path = path
        self._senders = senders or {}

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once; one result per message, in order. Only the body is sent: an SMS has no title."""
        refused = [
            LATE if outgoing.expires_at <= now else refused_number(outgoing.target.address, for_text=True)
            for outgoing in batch
        ]
        fit = [outgoing for outgoing, refusal in zip(batch, refused, strict=True) if refusal is None]
        answers = iter(self._transport.post([self._request(outgoing, now) for outgoing in fit]))
        return [
            refusal or result_of(next(answers), units=segments_of(outgoing.body).count)
            for outgoing, refusal in zip(batch, refused, strict=True)
        ]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _request(self, outgoing: Outgoing, now: datetime) -> HttpRequest:
        said = {"message_id": outgoing.message_id, "to": outgoing.target.address, "text": outgoing.body}
        sender = sender_of(self._senders, outgoing.target.address)
        if sender:
            said["from"] = sender
        if outgoing.status_url:
            said["status_url"] = outgoing.status_url
        body = orjson.dumps(said)
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": outgoing.message_id,
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self._key, timestamp, body),
        }
        return HttpRequest(self._path, headers, body)


def result_of(answer: HttpAnswer, *, units: int = 1) -> DeliveryResult:
    """Return what the gateway's answer means. `units`: segments of the text."""
    if answer.failure is not None:
        return no_answer(answer)
    said = json_object(answer.body)
    raw = str(said.get("code") or f"HTTP_{answer.status}")[:60]
    if 200 <= answer.status < 300:
        reference = said.get("id")
        if isinstance(reference, str) and reference:
            return DeliveryResult(Outcome.ACCEPTED, provider_reference=reference[:200], units=units)
        return DeliveryResult(Outcome.UNCERTAIN, error_code="answer_without_id", raw_code=raw)
    if answer.status in (429, 503):  # the two by which a gateway says that it did not take the message
        after = retry_after_seconds(answer.headers)
        pause = (_PAUSE_SECONDS if after is None else after) if answer.status == 429 else None
        return DeliveryResult(
            Outcome.RETRY,
            error_code="quota" if answer.status == 429 else "unavailable",
            raw_code=raw,
            retry_after_seconds=pause if after is None else after,
            pause_provider_seconds=pause,
        )
    if answer.status >= 500:
        return DeliveryResult(Outcome.UNCERTAIN, error_code="gateway_error", raw_code=raw)
    if answer.status in (400, 422) and raw == "opted_out":
        return DeliveryResult(Outcome.REFUSED, error_code="opted_out", raw_code=raw, verdict=EndpointVerdict.OPTED_OUT)
    if answer.status in (400, 422) and raw in _BAD_NUMBER_CODES:
        return DeliveryResult(Outcome.REFUSED, error_code="bad_address", raw_code=raw, verdict=EndpointVerdict.INVALID)
    if answer.status in (400, 413, 422):
        return DeliveryResult(Outcome.REFUSED, error_code="bad_message", raw_code=raw)
    return DeliveryResult(
        Outcome.RETRY, error_code="credential_refused", raw_code=raw, pause_provider_seconds=_PAUSE_SECONDS
    )


def build(entry: Mapping[str, Any], *, threads: int) -> Channel:
    """Return the channel of an entry of the providers file: url, key, senders. Raises KeyError for what is missing."""
    parts = urlsplit(str(entry["url"]))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    transport = transport_of({**entry, "url": f"{parts.scheme}://{parts.netloc}"}, "", threads)
    return GatewaySms(str(entry["key"]), transport, path=path, senders=entry.get("senders"))
