"""Devices: which of them a push is worth sending to.

An app that was not opened for a month has most likely gone, or changed hands: its pushes cost quota, count against us, and
nobody sees them. Such a device rests until it is registered again. Source: FCM, page "manage tokens" (stale after a month
without contact; Android registrations expire after 270 days).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.reasons import Reason

RESTS_AFTER = timedelta(days=30)
"""Without contact, counted from when the app last registered the device, which it does at each start."""
GONE_AFTER = timedelta(days=270)
RESTED, GONE = "rested", "gone"


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """One device of a borrower. `state`: of its push address (rested and gone among them); None: it has none."""

    zone: str | None
    push_permission: bool
    state: str | None


def state_of(state: str | None, last_seen_at: datetime, now: datetime) -> str | None:
    """Return the state of a push address as it counts now; only an active one rests."""
    if state != "active" or now - last_seen_at <= RESTS_AFTER:
        return state
    return GONE if now - last_seen_at > GONE_AFTER else RESTED


def seen_since(now: datetime) -> datetime:
    """Return the instant from which (inclusive) a device must have been seen to be pushed to."""
    return now - RESTS_AFTER


def push_block(devices: Sequence[KnownDevice], *, refused: bool) -> Reason | None:
    """Return why no device can be pushed to; None when one can."""
    reachable = [device for device in devices if device.state is not None]
    if not reachable:
        return Reason.NO_ENDPOINT
    if refused:
        return Reason.CONSENT_WITHDRAWN
    active = [device for device in reachable if device.state == "active"]
    if active:
        return None if any(device.push_permission for device in active) else Reason.PUSH_PERMISSION_OFF
    if any(device.state == RESTED for device in reachable):
        return Reason.ENDPOINT_SUSPECT
    return Reason.ENDPOINT_SUSPECT if all(device.state == "suspect" for device in reachable) else Reason.ENDPOINT_INVALID
