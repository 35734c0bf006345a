"""A reminder policy as values: steps anchored to the due date, quiet hours, caps, ladder."""

from dataclasses import dataclass
from datetime import time, timedelta

from app.domain.quiet_hours import QuietHours

OUTWARD_CHANNELS = ("push", "sms", "voice", "wechat", "email", "letter")
"""Channels that reach out; in_app waits to be opened and uses no place under the daily cap."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: reached `offset_days` after the due date (negative: before) at `at` on the borrower's wall.

    It is not worth doing `expires_after` later. `ladder` names the channels in order.
    """

    key: str
    offset_days: int
    at: time
    expires_after: timedelta
    stage: str
    template: str
    ladder: tuple[str, ...]

    @property
    def message_class(self) -> str:
        """`reminder` up to the due date, `collection` after it."""
        return "collection" if self.offset_days > 0 else "reminder"


@dataclass(frozen=True, slots=True)
class Policy:
    """One approved version. `steps` ascend by (offset, time of day)."""

    policy_id: str
    key: str
    version_no: int
    steps: tuple[Step, ...]
    quiet_hours: QuietHours
    contacts_per_day: int
    """Contacts per borrower and local day."""
    not_after_margin: timedelta
    """A message must leave so long before its window closes."""

    @property
    def lead_days(self) -> int:
        """How long before a due date the first step may be reached."""
        return max(0, -min(step.offset_days for step in self.steps))

    @property
    def trail_days(self) -> int:
        """How long after a due date the last step may be reached."""
        return max(0, max(step.offset_days for step in self.steps))


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides besides the case: the policy, and the epoch that every activation raises."""

    policy: Policy
    rules_epoch: int
