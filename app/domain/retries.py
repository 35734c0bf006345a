"""When to try a delivery again."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter, never past the message's own end.

    Source of the shape: FCM's guide to scaling, which asks for exponential back-off with jitter.
    """

    first_wait: timedelta = timedelta(seconds=30)
    longest_wait: timedelta = timedelta(minutes=15)
    most_attempts: int = 8

    def next_attempt(
        self, attempts: int, *, now: datetime, not_after: datetime, asked_seconds: float | None, jitter: float
    ) -> datetime | None:
        """Return when to try next, or None to give up.

        `attempts` made so far (at least 1); `asked_seconds` is the provider's Retry-After, which is always honoured;
        `jitter` in [0, 1).
        """
        if attempts >= self.most_attempts:
            return None
        ceiling = min(self.first_wait * 2 ** (attempts - 1), self.longest_wait)
        wait = ceiling * (0.5 + jitter / 2)
        if asked_seconds is not None:
            wait = max(wait, timedelta(seconds=asked_seconds))
        at = now + wait
        return at if at < not_after else None
