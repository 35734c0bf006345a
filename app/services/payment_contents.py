"""What a payment says, as a hash that tells two apart and as JSON that waits for its loan."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import orjson

from app.domain.allocation import Surplus
from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.domain.times import parse_instant, rfc3339


def content_hash(values: PaymentValues) -> str:
    """Return the hash of what makes two payments the same: money and dates, not notes or when it was sent."""
    content: tuple[object, ...] = (
        values.kind.value,
        values.loan_no,
        values.amount_minor,
        values.currency,
        values.effective_on,
        values.row_no,
        tuple(values.split) if values.split else None,
        values.reverses_reference,
    )
    more = {"due_on": values.due_on, "surplus": values.surplus}
    if any(more.values()):
        content = (*content, more)
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def payload_of(values: PaymentValues, now: datetime) -> dict[str, Any]:
    """Return the payment as JSON, known from now on unless it says otherwise."""
    return asdict(values) | {
        "kind": values.kind.value,
        "effective_on": values.effective_on.isoformat(),
        "recorded_at": rfc3339(values.recorded_at or now),
        "split": list(values.split) if values.split else None,
        "due_on": values.due_on.isoformat() if values.due_on else None,
    }


def payment_from_payload(payload: Mapping[str, Any]) -> PaymentValues:
    """Return the payment that `payload_of` wrote."""
    given = {key: value for key, value in payload.items() if key != "origin"}
    return PaymentValues(
        **given
        | {
            "kind": EntryKind(payload["kind"]),
            "effective_on": date.fromisoformat(payload["effective_on"]),
            "recorded_at": parse_instant(payload["recorded_at"]),
            "split": Split(*payload["split"]) if payload["split"] else None,
            "due_on": date.fromisoformat(payload["due_on"]) if payload.get("due_on") else None,
            "surplus": Surplus(payload["surplus"]) if payload.get("surplus") else None,
        }
    )
