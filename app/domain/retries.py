"""When to try a delivery again."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter, never past the message's own end.

    Full jitter, as in FCM's guide to scaling and in AWS's study of back-off: any instant up to the ceiling is as good as any
    other, so that those who failed together do not come back together. A provider that is down says nothing against the
    message, so what was surely not sent is tried for as long as its text is true.
    """

    first_wait: timedelta = timedelta(seconds=30)
    longest_wait: timedelta = timedelta(minutes=15)
    shortest_wait: timedelta = timedelta(seconds=1)
    most_attempts: int = 100
    """Against a message that is true for weeks; one of a day comes to its end before."""
    most_uncertain: int = 2
    """Tries of one endpoint without an answer, where a second copy replaces the first. Source: FCM's table of errors."""

    def next_attempt(
        self, attempts: int, *, now: datetime, not_after: datetime, asked_seconds: float | None, jitter: float
    ) -> datetime | None:
        """Return when to try next, or None to give up.

        `attempts` made so far (at least 1); `asked_seconds` is the provider's Retry-After: never before that; `jitter` in
        [0, 1).
        """
        if attempts >= self.most_attempts:
            return None
        ceiling = min(self.first_wait * 2 ** min(attempts - 1, 30), self.longest_wait)
        wait = max(ceiling * jitter, self.shortest_wait)
        if asked_seconds is not None:
            wait = max(wait, timedelta(seconds=asked_seconds))
        at = now + wait
        return at if at < not_after else None
