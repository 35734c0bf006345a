"""How far a message has come, moved on by receipts: every order of the same receipts ends in the same progress."""

from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.deliveries import Told, next_state

REASONS = {
    "opted_out": "OPTED_OUT",
    "blocked": "USER_BLOCKED",
    "bad_address": "ENDPOINT_INVALID",
    "landline": "ENDPOINT_INVALID",
    "content_refused": "CONTENT_LINT",
    "reply_window_closed": "REPLY_WINDOW_CLOSED",
    "quota_of_user": "REPLY_WINDOW_CLOSED",
    "quota": "PROVIDER_RATE_LIMITED",
    "expired": "EXPIRED_WINDOW",
}
"""Error code of a receipt -> reason code of a message that failed; any other is `OTHER_FAILURE`. Of two receipts that tell
different ones, the earlier in this table stands."""
OTHER_FAILURE = "PROVIDER_REJECTED"
_ORDER = (*dict.fromkeys(REASONS.values()), OTHER_FAILURE)
_UNTOUCHED = frozenset({"queued", "stale", "cancelled", "expired"})
"""States of what was never handed over, as far as we know."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a message has come. `reason`: why it failed, or is uncertain."""

    state: str
    reason: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None


def reason_of(error_code: str | None) -> str:
    """Return the reason code of a message for the error code of a receipt."""
    return REASONS.get(error_code or "", OTHER_FAILURE)


def progressed(
    before: Progress,
    told: Told,
    *,
    at: datetime,
    attempt_at: datetime,
    error_code: str | None = None,
    is_latest: bool = True,
) -> Progress:
    """Return the progress after a receipt. `at`: when what it tells happened; `attempt_at`: when it was handed over.

    `is_latest` False: it is about a try after which there was another; that it failed is no news then.
    """
    has_arrived = before.state == "queued" and told is Told.DELIVERED
    if (before.state in _UNTOUCHED and not has_arrived) or (told is Told.FAILED and not is_latest):
        return before
    after = before if told is Told.FAILED or before.sent_at else replace(before, sent_at=attempt_at)
    state = next_state(before.state, told)
    if told is Told.DELIVERED:
        earliest = at if before.delivered_at is None else min(before.delivered_at, at)
        return replace(after, state=state or before.state, reason=None, delivered_at=earliest)
    if told is Told.FAILED:
        if state is None and (before.state != "failed" or before.reason not in _ORDER):
            return after
        return replace(after, state="failed", reason=_stronger(None if state else before.reason, reason_of(error_code)))
    return after if state is None else replace(after, state=state, reason=None)


def _stronger(known: str | None, told: str) -> str:
    return told if known is None else min(known, told, key=_ORDER.index)
