"""Limits that must be exact: counted in the database, so that they hold over restarts and any number of processes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import RateLimitedError
from app.domain.times import EPOCH
from app.persistence.queries.rate_counters import count_up
from app.persistence.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in each window of `per`; windows begin at whole multiples since 1970."""

    name: str
    most: int
    per: timedelta

    def window(self, now: datetime) -> datetime:
        """Return when the window that holds `now` began."""
        return now - (now - EPOCH) % self.per


def count(work: Work, limit: Limit, subject: str, *, now: datetime, by: int = 1) -> int:
    """Count `by` for a subject (stored as a keyed hash) and return the window's total.

    Raises RateLimitedError when the window was used up before, also for `by` 0, which only asks; the caller decides whether
    the count is kept.
    """
    bucket = f"{limit.name}:{work.vault.mac('rate', f'{limit.name} {subject}')[:40]}"
    total = count_up(work.session, bucket, limit.window(now), by=by)
    if total - by >= limit.most:
        wait = (limit.window(now) + limit.per - now).total_seconds()
        raise RateLimitedError(
            "Too many requests; wait as long as Retry-After says.", {"retry_after_seconds": wait, "limit": limit.name}
        )
    return total


def give_back(work: Work, limit: Limit, subject: str, *, now: datetime) -> None:
    """Take one back that was counted at `now`: where only failures count, a try is counted before it is known for one."""
    bucket = f"{limit.name}:{work.vault.mac('rate', f'{limit.name} {subject}')[:40]}"
    count_up(work.session, bucket, limit.window(now), by=-1)


def clear(work: Work, limit: Limit, subject: str, *, now: datetime) -> None:
    """Begin the window of `now` anew: whoever the limit guards has shown in another way who they are."""
    bucket = f"{limit.name}:{work.vault.mac('rate', f'{limit.name} {subject}')[:40]}"
    count_up(work.session, bucket, limit.window(now), by=-count_up(work.session, bucket, limit.window(now), by=0))


def count_all(work: Work, limits: Iterable[tuple[Limit, str]], *, now: datetime) -> list[int]:
    """Count one for each; callers name limits in the same order, so that two of them cannot deadlock."""
    return [count(work, limit, subject, now=now) for limit, subject in limits]
