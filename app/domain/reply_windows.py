"""Channels whose platform lets an account answer freely for a while after a word of its user, and so many times.

WeChat, customer-service messages of a service account: five within 48 hours of the user's last message; each message of the
user begins both anew. Sources: platform documentation, "Customer Service Message Introduction" and "Send customer service
messages" (table "Users send messages: 5, 48 hours"); the platform's notice of 2023-05-30, by which twenty became five, for
every account by August 2023. Reports of refusals with 45015 (too late) and 45047 (too many) agree with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.decided import Stop
from app.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class ReplyLimit:
    """What a platform allows after each word of the user."""

    lasts: timedelta
    most: int


LIMITS: Mapping[str, ReplyLimit] = {"wechat": ReplyLimit(timedelta(hours=48), 5)}
_MARGIN = timedelta(minutes=10)
"""Our record of a word is younger than the platform's, and handing over takes its time."""


@dataclass(frozen=True, slots=True)
class ReplyWindow:
    """What is left of it. `closes_at` None: the borrower has said nothing there."""

    channel: str
    closes_at: datetime | None
    left: int

    def stop(self, now: datetime) -> Stop | None:
        """Return why the platform would take no answer now, None: it takes one."""
        if self.closes_at is None or self.closes_at <= now:
            return Stop(Reason.REPLY_WINDOW_CLOSED, f"reply_window.{self.channel}.time")
        return Stop(Reason.REPLY_WINDOW_CLOSED, f"reply_window.{self.channel}.count") if self.left <= 0 else None

    def is_open_at(self, at: datetime) -> bool:
        """Return whether an answer may still be handed over then, if none was given meanwhile."""
        return self.stop(at) is None


def reply_window(channel: str, heard_at: datetime | None, answers: int) -> ReplyWindow | None:
    """Return the window after the borrower's last word on a channel, None: its platform sets none.

    `answers`: given there since that word.
    """
    limit = LIMITS.get(channel)
    if limit is None:
        return None
    return ReplyWindow(channel, None if heard_at is None else heard_at + limit.lasts - _MARGIN, limit.most - answers)
