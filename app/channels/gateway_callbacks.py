"""What the lender's own SMS gateway posts: receipts and replies, as JSON, one object or an array of them.

Signed as our posts to it are, see signed_posts.py. A receipt: {message_id or id, status, error, at, segments}; a reply:
{from, to, text, id, at}. `status`: accepted, sent, delivered, failed (undelivered, expired, rejected say the same);
`error`: a word of ours (bad_address, unreachable, landline, opted_out, blocked, content_refused, quota, expired);
`at`: RFC 3339 with a zone.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from app.channels.callbacks import CallbackParser, CallbackRequest, MalformedError
from app.channels.signed_posts import check_signature
from app.domain.deliveries import Callback, CallbackAnswer, DeliveryReport, InboundMessage, Told

_ANSWER = CallbackAnswer(b'{"ok":true}', content_type="application/json")
_STATES = {
    **dict.fromkeys(("accepted", "queued", "sending"), Told.ACCEPTED),
    "sent": Told.SENT,
    "delivered": Told.DELIVERED,
    **dict.fromkeys(("failed", "undelivered", "expired", "rejected"), Told.FAILED),
}
_ERRORS = {
    "bad_address": "invalid",
    "landline": "invalid",
    "opted_out": "opted_out",
    "blocked": "blocked",
    "unreachable": "keep",
    "content_refused": "keep",
    "quota": "keep",
    "expired": "keep",
}
"""Our word -> what it says of the address; any other word is `unknown`."""
_ALIASES = {"invalid_number": "bad_address", "unreachable_number": "unreachable"}
_PHONE = re.compile(r"\+[1-9]\d{6,14}")


class GatewayCallbacks:
    """Reads them."""

    provider = "gateway"

    def __init__(self, entry: Mapping[str, Any]) -> None:
        """`key` signs."""
        self._key = str(entry["key"]).encode()

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        check_signature(request, self._key)
        try:
            said = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            raise MalformedError("Not JSON.") from None
        items = said if isinstance(said, list) else [said]
        if not all(isinstance(item, dict) for item in items):
            raise MalformedError("Neither an object nor an array of objects.")
        reports = [_report(item) for item in items if "status" in item]
        inbound = [_reply(item) for item in items if "status" not in item]
        return Callback(self.provider, reports, inbound, answer=_ANSWER, is_signed=True)


def _report(item: Mapping[str, Any]) -> DeliveryReport:
    status = str(item["status"]).lower()
    told = _STATES.get(status)
    message_id, reference = item.get("message_id"), item.get("id")
    if told is None or not (message_id or reference):
        raise MalformedError("A receipt has `status` and `message_id` or `id`.")
    raw = str(item.get("error") or ("expired" if status == "expired" else "")) or None
    word = _ALIASES.get(raw or "", raw or "")
    error = (word if word in _ERRORS else "unknown") if told is Told.FAILED else None
    segments = item.get("segments")
    return DeliveryReport(
        event_key=f"{reference or message_id}:{status}"[:200],
        told=told,
        reference=str(reference) if reference else None,
        message_id=str(message_id) if message_id else None,
        at=_instant(item.get("at")),
        error_code=error,
        raw_code=raw[:60] if raw else None,
        verdict=_ERRORS.get(word, "keep") if told is Told.FAILED else "keep",
        units=segments if isinstance(segments, int) and segments > 0 else None,
    )


def _reply(item: Mapping[str, Any]) -> InboundMessage:
    sender, text = str(item.get("from") or ""), item.get("text")
    if not _PHONE.fullmatch(sender) or not isinstance(text, str):
        raise MalformedError("A reply has `from` in E.164 and `text`.")
    whole = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    key = str(item["id"]) if item.get("id") else hashlib.sha256(whole).hexdigest()[:40]
    return InboundMessage(f"reply:{key}"[:200], "sms", "phone", sender, text, _instant(item.get("at")))


def _instant(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None else None


def parser(entry: Mapping[str, Any]) -> CallbackParser:
    """Return the parser of an entry of the providers file. Raises KeyError."""
    return GatewayCallbacks(entry)
