"""Lanes: in which queue a message stands, if in any.

What waits to leave stands in the lane of its channel, one-time codes and silent withdrawals each in one of their own: a
provider that is slow, limited or down holds up nothing but its own channel. What was handed over on a channel whose provider
tells what became of it, and has not told yet, stands in the lane of those to be asked about; what nobody knows whether it
left, in one of its own, where a person finds it. All others stand in none.
"""

from app.domain.policies import OUTWARD_CHANNELS

SECURITY, WITHDRAWAL = "security", "withdrawal"
"""Message classes with a lane of their own."""
LANES = (SECURITY, WITHDRAWAL, *OUTWARD_CHANNELS)
"""Of what waits to leave, in the order in which they are looked at."""
UNTOLD = "untold"
"""Handed over, and the provider has not told what became of it."""
UNCERTAIN = "uncertain"
"""Perhaps handed over: the state of that name, on whichever channel."""
WAITING_STATES = ("queued", "sending", "stale")
ASKABLE_CHANNELS = ("sms", "voice", "wechat", "letter")
"""Whose providers tell what became of a message, and can be asked."""


def lane_of(state: str, *, message_class: str, channel: str) -> str | None:
    """Return the lane that a message in this state stands in, or None."""
    if state in WAITING_STATES:
        return message_class if message_class in (SECURITY, WITHDRAWAL) else channel
    if state == UNCERTAIN:
        return UNCERTAIN
    return UNTOLD if state == "sent" and channel in ASKABLE_CHANNELS else None
