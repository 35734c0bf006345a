"""What a print room tells: a file or post of lines with `message_id,status,at,reason`, as CSV or a JSON list of objects.

Statuses: accepted, printed, posted, delivered, returned, rejected. A line is told once: it is known by what it says.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from app.domain.deliveries import Callback, CallbackAnswer, DeliveryReport, Told

PROVIDER = "print_room"
_MOST_LINES = 100_000


class _Status(NamedTuple):
    told: Told
    error_code: str | None = None
    verdict: str = "keep"


_STATUSES: Mapping[str, _Status] = {
    "accepted": _Status(Told.ACCEPTED),
    "printed": _Status(Told.ACCEPTED),
    "posted": _Status(Told.SENT),
    "delivered": _Status(Told.DELIVERED),
    "returned": _Status(Told.FAILED, "letter_returned", "invalid"),
    "rejected": _Status(Told.FAILED, "content_refused"),
}


class UnreadableError(ValueError):
    """The file is not what a print room tells. The text says what is wrong, without personal data."""


def callback_of(name: str, content: bytes) -> Callback | None:
    """Return what a file of the returns folder says, or None when it cannot be read. Who may write there is believed."""
    try:
        return Callback(PROVIDER, reports=reports_of(content, is_json=name.endswith(".json")), is_signed=True)
    except UnreadableError:
        return None


def reports_of(content: bytes, *, is_json: bool) -> list[DeliveryReport]:
    """Return what the lines tell. Raises UnreadableError, also for a single line that is wrong: none is passed over."""
    lines = list(_json_lines(content) if is_json else _csv_lines(content))
    if len(lines) > _MOST_LINES:
        raise UnreadableError(f"More than {_MOST_LINES} lines.")
    return [_report(number, line) for number, line in enumerate(lines, start=1)]


def answer() -> CallbackAnswer:
    """Return what a post is answered."""
    return CallbackAnswer(b'{"ok":true}', content_type="application/json")


def _report(number: int, line: Mapping[str, Any]) -> DeliveryReport:
    message_id, word = str(line.get("message_id") or "").strip(), str(line.get("status") or "").strip().lower()
    status = _STATUSES.get(word)
    if not message_id or status is None:
        raise UnreadableError(f"Line {number} has no message_id, or a status that is not known.")
    at = str(line.get("at") or "").strip()
    said = f"{message_id}\0{word}\0{at}"
    return DeliveryReport(
        event_key=hashlib.sha256(said.encode()).hexdigest(),
        told=status.told,
        message_id=message_id,
        at=_instant(at),
        error_code=status.error_code,
        raw_code=word,
        verdict=status.verdict,
    )


def _json_lines(content: bytes) -> Iterable[Mapping[str, Any]]:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise UnreadableError("It is not JSON.") from None
    lines = value if isinstance(value, list) else [value]
    if not all(isinstance(line, dict) for line in lines):
        raise UnreadableError("It is not a list of objects.")
    return lines


def _csv_lines(content: bytes) -> Iterable[Mapping[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
        if not {"message_id", "status"} <= set(reader.fieldnames or ()):
            raise UnreadableError("The first line does not name message_id and status.")
        return list(reader)
    except (UnicodeDecodeError, csv.Error):
        raise UnreadableError("It is not CSV in UTF-8.") from None


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
