"""What Lob's answers and events mean: one table for answers, one for events.

Source: Lob, "Error reference" (a 4xx says that nothing was made; a 5xx or no answer says nothing), "Webhooks: event types".
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.channels.answers import (
    BAD_CONTENT,
    BAD_MESSAGE,
    BAD_NUMBER,
    CREDENTIAL,
    NO_MONEY,
    NOT_THERE,
    PROVIDER_ERROR,
    QUOTA,
    Meaning,
    json_object,
    no_answer,
    retry_after_seconds,
)
from app.channels.base import DeliveryResult, Outcome
from app.channels.http_transport import HttpAnswer
from app.domain.deliveries import DeliveryReport, Told

_UNAVAILABLE = Meaning(Outcome.RETRY, "unavailable", retry_seconds=60.0, only_here=True)
"""Should it have been taken after all, the Idempotency-Key keeps a second letter from being made, by Lob."""
_MEANINGS: Mapping[str, Meaning] = {
    **dict.fromkeys(("unauthorized", "invalid_api_key", "publishable_key_not_allowed", "forbidden"), CREDENTIAL),
    **dict.fromkeys(("unauthorized_token", "email_required", "account_locked"), CREDENTIAL),
    **dict.fromkeys(("billing_address_required", "payment_method_unverified", "feature_limit_reached"), NO_MONEY),
    "rate_limit_exceeded": QUOTA,
    **dict.fromkeys(("address_undeliverable", "failed_deliverability_strictness", "unrecognized_endpoint"), BAD_NUMBER),
    "invalid_country_covid": NOT_THERE,
    **dict.fromkeys(
        (
            "file_pages_below_min", "file_pages_exceed_max", "file_size_exceeds_limit", "foreign_return_address",
            "invalid_file", "invalid_file_dimensions", "invalid_file_download_time", "invalid_file_url", "invalid_image_dpi",
            "pdf_encrypted", "unembedded_fonts", "special_characters_restricted",
        ),
        BAD_CONTENT,
    ),
    "conflict": PROVIDER_ERROR,
}  # fmt: skip


def result_of(answer: HttpAnswer, *, pages: int) -> DeliveryResult:
    """Return what the answer to a new letter means. `pages`: what is paid for."""
    if answer.failure is not None:
        return no_answer(answer)
    said = json_object(answer.body)
    if 200 <= answer.status < 300:
        letter_id = said.get("id")
        if not isinstance(letter_id, str) or not letter_id:
            return DeliveryResult(Outcome.UNCERTAIN, error_code="answer_without_id", raw_code=f"HTTP_{answer.status}")
        return DeliveryResult(Outcome.ACCEPTED, provider_reference=letter_id[:200], units=pages)
    return _meaning(answer.status, said).result(_raw(answer.status, said), retry_after_seconds(answer.headers))


def cancel_result(answer: HttpAnswer, letter_id: str | None) -> DeliveryResult:
    """Return what the answer to taking a letter back means: accepted, too late, or to be tried again."""
    said = json_object(answer.body)
    if answer.status == 200 and said.get("deleted"):
        return DeliveryResult(Outcome.ACCEPTED, provider_reference=letter_id)
    raw = str(answer.reason or _raw(answer.status, said))[:60]
    if answer.failure is not None or answer.status in (429,) or answer.status >= 500:
        return DeliveryResult(Outcome.RETRY, error_code="unavailable", raw_code=raw, retry_after_seconds=30.0)
    if answer.status in (401, 403):
        return DeliveryResult(Outcome.RETRY, error_code="credential_refused", raw_code=raw, pause_provider_seconds=300.0)
    return DeliveryResult(Outcome.REFUSED, provider_reference=letter_id, error_code="too_late", raw_code=raw)


class _Event(NamedTuple):
    told: Told
    error_code: str | None = None
    verdict: str = "keep"


EVENTS: Mapping[str, _Event] = {
    **dict.fromkeys(("created", "rendered_pdf", "rendered_thumbnails"), _Event(Told.ACCEPTED)),
    **dict.fromkeys(("mailed", "in_transit", "in_local_area", "processed_for_delivery", "re-routed"), _Event(Told.SENT)),
    "delivered": _Event(Told.DELIVERED),
    "returned_to_sender": _Event(Told.FAILED, "letter_returned", "invalid"),
    "failed": _Event(Told.FAILED, "content_refused"),
    "rejected": _Event(Told.FAILED, "content_refused"),
    "deleted": _Event(Told.FAILED, "withdrawn"),
}
"""`letter.<word>` -> what it tells. What is not here (viewed, ...) says nothing of delivery."""


def report_of(letter: Mapping[str, Any], message_id: str) -> DeliveryReport:
    """Return what a letter resource tells: its newest tracking event, that it was deleted, else that Lob has it."""
    letter_id = str(letter["id"])
    word = "deleted" if letter.get("deleted") else _newest(letter.get("tracking_events")) or "created"
    event = EVENTS.get(word, EVENTS["created"])
    return DeliveryReport(
        event_key=f"{letter_id}:found:{word}",
        told=event.told,
        reference=letter_id,
        message_id=message_id,
        error_code=event.error_code,
        raw_code=f"letter.{word}",
        verdict=event.verdict,
    )


def instant_of(text: object) -> datetime | None:
    """Return an instant as Lob writes it (RFC 3339), None for none or one without a zone."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _newest(events: object) -> str | None:
    found = [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []
    if not found:
        return None
    newest = max(found, key=lambda event: str(event.get("time") or event.get("date_created") or ""))
    return str(newest.get("name") or newest.get("type") or "").strip().lower().replace(" ", "_")


def _meaning(status: int, said: Mapping[str, Any]) -> Meaning:
    known = _MEANINGS.get(_raw(status, said))
    if known is not None:
        return known
    if status in (401, 403, 404, 405) or 300 <= status < 400:
        return CREDENTIAL
    if status == 402:
        return NO_MONEY
    if status == 429:
        return QUOTA
    if status == 503:
        return _UNAVAILABLE
    return PROVIDER_ERROR if status >= 500 else BAD_MESSAGE


def _raw(status: int, said: Mapping[str, Any]) -> str:
    error = said.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return str(code or f"HTTP_{status}")[:60]
