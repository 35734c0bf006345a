"""What Twilio's codes mean: one table for answers to our requests, one for receipts.

Source: Twilio, "Error and Warning Dictionary" (pages of 10001, 20003, 20429, 20500, 21211, 21217, 21265, 21610, 21635,
30001, 30003, 30005, 30006, 30007, 30034 read; the others by their titles, not verified page by page) and its changelog of
10 July 2024, which warns that causes move between codes: what the tables do not know goes by the HTTP status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.channels.answers import (
    BAD_MESSAGE,
    BAD_NUMBER,
    BAD_SENDER,
    CREDENTIAL,
    LANDLINE,
    NOT_THERE,
    OPTED_OUT,
    PREMIUM,
    PROVIDER_ERROR,
    QUOTA,
    Meaning,
    json_object,
    no_answer,
    retry_after_seconds,
)
from app.channels.base import DeliveryResult, Outcome
from app.channels.http_transport import HttpAnswer
from app.domain.deliveries import Told

_TRIAL = Meaning(Outcome.REFUSED, "trial_account")
_QUEUE_FULL = Meaning(Outcome.RETRY, "quota", retry_seconds=60.0)
_BAD_SETTING = Meaning(Outcome.RETRY, "bad_setting", pause_seconds=300.0)
"""The address of our callbacks: every message has the same."""

_MEANINGS: dict[int, Meaning] = {
    **dict.fromkeys((10001, 10005, 20001, 20003, 20005, 20006, 20008, 20404), CREDENTIAL),
    **dict.fromkeys((10004, 20429), QUOTA),
    **dict.fromkeys((21211, 21214, 21217, 21265, 21266, 21401, 21604, 21614), BAD_NUMBER),
    21635: LANDLINE,
    21268: PREMIUM,
    21610: OPTED_OUT,
    **dict.fromkeys((13223, 13224, 13227, 21215, 21216, 21408, 21612), NOT_THERE),
    **dict.fromkeys(
        (21210, 21212, 21267, 21601, 21603, 21606, 21607, 21618, 21659, 21660, 21661, 21701, 21703, 30034), BAD_SENDER
    ),
    **dict.fromkeys((21602, 21605, 21617, 21619, 21620), BAD_MESSAGE),
    **dict.fromkeys((21219, 21608), _TRIAL),
    **dict.fromkeys((21609, 21626), _BAD_SETTING),
    **dict.fromkeys((21611, 30001), _QUEUE_FULL),
    20500: PROVIDER_ERROR,
}


def result_of(answer: HttpAnswer, *, units: int) -> DeliveryResult:
    """Return what the answer to a new message or call means. `units`: our count of segments, where Twilio gives none.

    A 5xx may come after the message was made (Twilio, page 20500: "possible for a customer to receive multiple messages").
    """
    if answer.failure is not None:
        return no_answer(answer)
    said = json_object(answer.body)
    sid = said.get("sid")
    if 200 <= answer.status < 300:
        if not isinstance(sid, str) or not sid:
            return DeliveryResult(Outcome.UNCERTAIN, error_code="answer_without_sid", raw_code=f"HTTP_{answer.status}")
        if said.get("status") in ("failed", "undelivered"):
            return _refused_at_once(said.get("error_code"), sid)
        counted = str(said.get("num_segments") or "")
        return DeliveryResult(
            Outcome.ACCEPTED,
            provider_reference=sid[:200],
            units=int(counted) if counted.isdigit() and int(counted) else units,
        )
    code = said.get("code")
    raw = str(code or f"HTTP_{answer.status}")
    meaning = _MEANINGS.get(code) if isinstance(code, int) else None
    return (meaning or _by_status(answer.status)).result(raw, retry_after_seconds(answer.headers))


def segments_told(said: Mapping[str, Any]) -> int | None:
    """Return num_segments; None where Twilio has not counted yet (0, by a Messaging Service)."""
    text = str(said.get("num_segments") or "")
    return int(text) or None if text.isdigit() else None


def _refused_at_once(code: object, sid: str) -> DeliveryResult:
    loss = loss_of(code)
    meaning = _MEANINGS.get(code) if isinstance(code, int) else None
    verdict = meaning.verdict if meaning is not None else DeliveryResult(Outcome.REFUSED).verdict
    return DeliveryResult(
        Outcome.REFUSED, provider_reference=sid[:200], error_code=loss.error_code, raw_code=str(code)[:60], verdict=verdict
    )


def _by_status(status: int) -> Meaning:
    if status == 429:
        return QUOTA
    if status >= 500:
        return PROVIDER_ERROR
    if status in (400, 409, 413, 422):
        return BAD_MESSAGE
    return CREDENTIAL  # refused, not there, redirected: how we are set up


MESSAGE_STATES: dict[str, Told] = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending"), Told.ACCEPTED),
    "sent": Told.SENT,
    **dict.fromkeys(("delivered", "read"), Told.DELIVERED),
    **dict.fromkeys(("undelivered", "failed", "canceled"), Told.FAILED),
}
"""Source: Twilio, "Message resource", values of status."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a message did not arrive, and what that says of its address."""

    error_code: str
    verdict: str = "keep"


_LOSSES: dict[int, Loss] = {
    **dict.fromkeys((30001, 30022, 30023, 30027), Loss("quota")),
    30002: Loss("credential_refused"),
    **dict.fromkeys((30003, 30017), Loss("unreachable")),
    30004: Loss("blocked", "suspect"),
    30005: Loss("bad_address", "invalid"),
    30006: Loss("landline", "invalid"),
    **dict.fromkeys((30007, 30019, 30038, 30039), Loss("content_refused")),
    **dict.fromkeys((30024, 30032, 30034, 30035), Loss("sender_refused")),
    30036: Loss("expired"),
    **dict.fromkeys((21211, 21614), Loss("bad_address", "invalid")),
    21635: Loss("landline", "invalid"),
    21610: Loss("opted_out", "opted_out"),
}
_UNKNOWN = Loss("unknown")


def loss_of(code: object) -> Loss:
    """Return what the ErrorCode of a receipt means; codes come as numbers and as text."""
    text = str(code or "")
    return _LOSSES.get(int(text), _UNKNOWN) if text.isdigit() else _UNKNOWN
