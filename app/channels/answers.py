"""What answers of HTTP providers have in common. What a code means is in the provider's own table."""

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome
from app.channels.http_transport import Failure, HttpAnswer

CREDENTIAL_PAUSE_SECONDS = 300.0
QUOTA_PAUSE_SECONDS = 10.0
MISCONFIGURED_RETRY_SECONDS = 300.0
LONGEST_RETRY_AFTER_SECONDS = 86_400.0
"""What a provider asks for beyond is looked at again after a day."""
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code of a provider means. `pause_seconds`: every message would fare the same for so long."""

    outcome: Outcome
    error_code: str
    verdict: EndpointVerdict = EndpointVerdict.KEEP
    retry_seconds: float | None = None
    pause_seconds: float | None = None
    only_here: bool = False

    def result(self, raw_code: str, retry_after: float | None = None) -> DeliveryResult:
        """Return the result; a Retry-After of the provider is longer than ours or does not count."""
        pause = self.pause_seconds if retry_after is None or self.pause_seconds is None else retry_after
        return DeliveryResult(
            self.outcome,
            error_code=self.error_code,
            raw_code=raw_code[:60],
            verdict=self.verdict,
            retry_after_seconds=(retry_after or self.retry_seconds or pause) if self.outcome is Outcome.RETRY else None,
            pause_provider_seconds=pause,
            only_here=self.only_here,
        )


BAD_NUMBER = Meaning(Outcome.REFUSED, "bad_address", EndpointVerdict.INVALID)
LANDLINE = Meaning(Outcome.REFUSED, "landline", EndpointVerdict.INVALID)
PREMIUM = Meaning(Outcome.REFUSED, "premium_number", EndpointVerdict.INVALID)
OPTED_OUT = Meaning(Outcome.REFUSED, "opted_out", EndpointVerdict.OPTED_OUT)
BAD_MESSAGE = Meaning(Outcome.REFUSED, "bad_message")
BAD_CONTENT = Meaning(Outcome.REFUSED, "content_refused")
BAD_TEMPLATE = Meaning(Outcome.REFUSED, "template_refused")
NOT_THERE = Meaning(Outcome.REFUSED, "region_refused")
"""The provider does not send to this country, or not for us."""
BAD_SENDER = Meaning(Outcome.RETRY, "sender_refused", retry_seconds=MISCONFIGURED_RETRY_SECONDS)
"""A setting of ours. Not sent; other senders are well, so the provider is not paused."""
QUOTA = Meaning(Outcome.RETRY, "quota", pause_seconds=QUOTA_PAUSE_SECONDS)
CREDENTIAL = Meaning(Outcome.RETRY, "credential_refused", pause_seconds=CREDENTIAL_PAUSE_SECONDS)
NO_MONEY = Meaning(Outcome.RETRY, "out_of_credit", pause_seconds=CREDENTIAL_PAUSE_SECONDS)
PROVIDER_ERROR = Meaning(Outcome.UNCERTAIN, "provider_error")
"""It may have been sent before something broke."""


def no_answer(answer: HttpAnswer) -> DeliveryResult:
    """Return what a failure of the transport means where a second copy does not replace the first."""
    if answer.failure is Failure.NEVER_SENT:
        return DeliveryResult(Outcome.RETRY, error_code="connect_failed", raw_code=answer.reason)
    code = "timeout" if answer.reason == "timeout" else "connection_lost"
    return DeliveryResult(Outcome.UNCERTAIN, error_code=code, raw_code=answer.reason)


def json_object(body: bytes | str) -> dict[str, Any]:
    """Return a JSON object, {} for anything else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return Retry-After in seconds, at most a day, given so or as a date (against the answer's own Date)."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:_MOST_DIGITS]), LONGEST_RETRY_AFTER_SECONDS)
    try:
        at = email.utils.parsedate_to_datetime(text)
        seconds = (at - email.utils.parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_SECONDS)
