"""Receipts of SMS that 46elks posts. Nothing is signed.

Source: 46elks, "SMS Delivery Reports": a form {id, status sent|delivered|failed, delivered in UTC}; answered 200-204, else
posted again for at least 6 hours and 5 times; the body of the answer is ignored.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from app.channels.callbacks import CallbackParser, CallbackRequest, MalformedError
from app.channels.path_secrets import check_path_secret
from app.domain.deliveries import Callback, CallbackAnswer, DeliveryReport, Told

_STATES = {"created": Told.ACCEPTED, "sent": Told.SENT, "delivered": Told.DELIVERED, "failed": Told.FAILED}


class ElksCallbacks:
    """Reads them."""

    provider = "46elks"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """`callback_secret`: what the address of our callbacks ends with."""
        self._settings = settings

    def read(self, request: CallbackRequest) -> Callback:
        """Return what it says. Raises ForgedError, MalformedError."""
        check_path_secret(request, self._settings)
        try:
            form = parse_qs(request.body.decode(), strict_parsing=True, max_num_fields=50)
            sid, told = form["id"][0], _STATES[form["status"][0]]
        except (ValueError, KeyError):
            raise MalformedError("A form with `id` and a `status` that is known was expected.") from None
        report = DeliveryReport(
            event_key=f"{sid}:{told}"[:200],
            told=told,
            reference=sid,
            message_id=request.query.get("message_id") or None,
            at=_utc(form.get("delivered", [""])[0]) if told is Told.DELIVERED else None,
            error_code="unknown" if told is Told.FAILED else None,
        )
        return Callback(self.provider, [report], answer=CallbackAnswer(status=204))


def _utc(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def parser(settings: Mapping[str, Any]) -> CallbackParser:
    """Return the parser of an entry of the providers file, with `callback_secret` in it."""
    return ElksCallbacks(settings)
