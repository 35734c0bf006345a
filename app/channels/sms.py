"""SMS through a gateway that takes one signed JSON post per message: POST {message_id, to, text}.

The signature is HMAC-SHA256, in hex, over "<Duecourse-Timestamp>.<body>" with the shared key; the gateway answers 2xx with
{"id": "..."}. An SMS cannot be taken back and does not replace its copy, so whatever is not surely refused or surely not
sent is `UNCERTAIN` here and must not be sent again blindly.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

import orjson

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome, Outgoing
from app.channels.http_transport import Failure, HttpAnswer, HttpRequest, Transport

_BAD_NUMBER_CODES = frozenset({"invalid_number", "unreachable_number", "landline"})
_PAUSE_SECONDS = 60.0


class GatewaySms:
    """The sms channel."""

    name = "sms"
    provider = "gateway"

    def __init__(self, key: str, transport: Transport, *, path: str = "/") -> None:
        self._key = key.encode()
        self._transport = transport
        self._path = path

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once; one result per message, in order. Only the body is sent: an SMS has no title."""
        fit = [outgoing for outgoing in batch if outgoing.expires_at > now]
        answers = iter(self._transport.post([self._request(outgoing, now) for outgoing in fit]))
        late = DeliveryResult(Outcome.REFUSED, error_code="expired")
        return [result_of(next(answers)) if outgoing.expires_at > now else late for outgoing in batch]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _request(self, outgoing: Outgoing, now: datetime) -> HttpRequest:
        body = orjson.dumps({"message_id": outgoing.message_id, "to": outgoing.target.address, "text": outgoing.body})
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Duecourse-Timestamp": timestamp,
            "Duecourse-Signature": signature(self._key, timestamp, body),
        }
        return HttpRequest(self._path, headers, body)


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """Return HMAC-SHA256 in hex over "<timestamp>.<body>"."""
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def result_of(answer: HttpAnswer) -> DeliveryResult:
    """Return what the gateway's answer means."""
    if answer.failure is not None:
        never_sent = answer.failure is Failure.NEVER_SENT
        code = "connect_failed" if never_sent else "timeout" if answer.reason == "timeout" else "connection_lost"
        return DeliveryResult(Outcome.RETRY if never_sent else Outcome.UNCERTAIN, error_code=code, raw_code=answer.reason)
    said = _json_object(answer.body)
    raw = str(said.get("code") or f"HTTP_{answer.status}")[:60]
    if 200 <= answer.status < 300:
        reference = said.get("id")
        if isinstance(reference, str) and reference:
            return DeliveryResult(Outcome.ACCEPTED, provider_reference=reference[:200])
        return DeliveryResult(Outcome.UNCERTAIN, error_code="answer_without_id", raw_code=raw)
    if answer.status in (429, 503):  # the two by which a gateway says that it did not take the message
        after = _seconds(answer.headers.get("retry-after"))
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
    if answer.status in (400, 422) and said.get("code") in _BAD_NUMBER_CODES:
        return DeliveryResult(Outcome.REFUSED, error_code="bad_address", raw_code=raw, verdict=EndpointVerdict.INVALID)
    if answer.status in (400, 413, 422):
        return DeliveryResult(Outcome.REFUSED, error_code="bad_message", raw_code=raw)
    return DeliveryResult(
        Outcome.RETRY, error_code="credential_refused", raw_code=raw, pause_provider_seconds=_PAUSE_SECONDS
    )


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.strip().isdigit() else None


def _json_object(body: bytes) -> dict[str, object]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
