"""What Lob posts about letters. All is signed: HMAC-SHA256 in hex over "<timestamp>.<body>" with the webhook's secret.

Source: Lob, "Webhooks: security" and "event types". A post is believed for `callback_window_seconds` (300) around its
Lob-Signature-Timestamp (seconds, or milliseconds), so that an old one cannot be played again; the same event twice has the
same key anyway.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from app.channels.callbacks import CallbackParser, CallbackRequest, ForgedError, MalformedError
from app.channels.letters.lob_answers import EVENTS, instant_of
from app.domain.deliveries import Callback, CallbackAnswer, DeliveryReport

_MILLISECONDS_FROM = 100_000_000_000


class LobCallbacks:
    """Reads them."""

    provider = "lob"

    def __init__(self, entry: Mapping[str, Any]) -> None:
        """`webhook_secret` signs; `previous_webhook_secret` too while it is being changed. Raises KeyError."""
        secrets = [entry["webhook_secret"], entry.get("previous_webhook_secret")]
        self._secrets = [str(secret).encode() for secret in secrets if secret]
        self._window = int(entry.get("callback_window_seconds", 300))

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        self._check(request)
        try:
            event = orjson.loads(request.body)
            event_id, kind, letter = str(event["id"]), str(event["event_type"]["id"]), event["body"]
            reference = str(event.get("reference_id") or letter["id"])
            metadata = letter.get("metadata") or {}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise MalformedError("It is no event of Lob's.") from None
        answer = CallbackAnswer(b"OK")
        resource, _, word = kind.partition(".")
        told = EVENTS.get(word) if resource == "letter" else None
        if told is None:
            return Callback(self.provider, answer=answer, is_signed=True)
        report = DeliveryReport(
            event_key=event_id,
            told=told.told,
            reference=reference,
            message_id=str(metadata["message_id"]) if isinstance(metadata, dict) and metadata.get("message_id") else None,
            at=instant_of(event.get("date_created")),
            error_code=told.error_code,
            raw_code=kind,
            verdict=told.verdict,
        )
        return Callback(self.provider, reports=[report], answer=answer, is_signed=True)

    def _check(self, request: CallbackRequest) -> None:
        timestamp, given = request.headers.get("lob-signature-timestamp", ""), request.headers.get("lob-signature", "")
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 16:
            raise ForgedError("Lob-Signature-Timestamp is missing or no number.")
        seconds = int(timestamp) / (1000 if int(timestamp) >= _MILLISECONDS_FROM else 1)
        signed = timestamp.encode() + b"." + request.body
        expected = [hmac.new(secret, signed, hashlib.sha256).hexdigest() for secret in self._secrets]
        if not any(hmac.compare_digest(each.encode(), given.encode()) for each in expected):
            raise ForgedError("Lob-Signature is missing or wrong.")
        if abs(request.now_seconds - seconds) > self._window:
            raise ForgedError("The post is too old, or of the future.")


def parser(entry: Mapping[str, Any]) -> CallbackParser:
    """Return the parser of an entry of the providers file. Raises KeyError for a setting that is missing."""
    return LobCallbacks(entry)
