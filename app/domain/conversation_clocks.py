"""The clocks of a conversation: by when it is to be answered, and by when settled, as it goes back and forth.

The clock of answers runs while the borrower waits for one. The clock of settling runs from the opening; it stands still
while we wait for the borrower, stops for good when the thread is resolved, and begins anew when it is opened again. Putting
a thread away until later stops neither: it is the desk's own choice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.service_levels import BusinessHours, Level

FIRST, NEXT, RESOLUTION = "first", "next", "resolution"
CLOCKS = (FIRST, NEXT, RESOLUTION)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where the clocks of one thread stand."""

    waiting_since: datetime | None = None
    """Since when the borrower waits for an answer."""
    first_answered_at: datetime | None = None
    first_due_at: datetime | None = None
    next_due_at: datetime | None = None
    resolution_due_at: datetime | None = None
    resolution_left_seconds: int | None = None
    """Of business, while that clock stands still."""
    first_breached_at: datetime | None = None
    next_breached_at: datetime | None = None
    resolution_breached_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """What is due first."""
        return min((due for _, due in self.running()), default=None)

    def running(self) -> Iterator[tuple[str, datetime]]:
        """Yield the clocks that run, with what each is due."""
        for name in CLOCKS:
            due = getattr(self, f"{name}_due_at")
            if due is not None:
                yield name, due

    def newly_breached(self, now: datetime) -> tuple[str, ...]:
        """Return the clocks that have run out and were not noticed: each is noticed once."""
        return tuple(
            name for name, due in self.running() if due <= now and getattr(self, f"{name}_breached_at") is None
        )  # fmt: skip

    def next_look(self, now: datetime) -> datetime | None:
        """Return when a clock runs out next."""
        return min((due for _, due in self.running() if due > now), default=None)


def begun(now: datetime, level: Level, hours: BusinessHours) -> Clocks:
    """Return the clocks of a thread that the borrower has just opened."""
    return Clocks(
        waiting_since=now,
        first_due_at=_due(now, level.first_minutes, hours),
        resolution_due_at=_due(now, level.resolution_minutes, hours),
    )


def heard(clocks: Clocks, now: datetime, level: Level, hours: BusinessHours) -> Clocks:
    """Return them after a word of the borrower. Who waits already goes on waiting since then."""
    clocks = resumed(clocks, now, hours)
    if clocks.waiting_since is not None:
        return clocks
    if clocks.first_answered_at is None:
        return replace(clocks, waiting_since=now, first_due_at=clocks.first_due_at or _due(now, level.first_minutes, hours))
    return replace(
        clocks, waiting_since=now, next_due_at=_due(now, level.next_minutes, hours), next_breached_at=None
    )  # fmt: skip


def answered(clocks: Clocks, now: datetime) -> Clocks:
    """Return them after an answer: nobody waits for one."""
    return replace(
        clocks, waiting_since=None, first_due_at=None, next_due_at=None,
        first_answered_at=clocks.first_answered_at or now,
    )  # fmt: skip


def paused(clocks: Clocks, now: datetime, hours: BusinessHours) -> Clocks:
    """Return them when we wait for the borrower. What waited for our answer no longer does."""
    left = clocks.resolution_left_seconds
    if clocks.resolution_due_at is not None:
        left = int(hours.between(now, clocks.resolution_due_at).total_seconds())
    return replace(
        clocks, waiting_since=None, first_due_at=None, next_due_at=None, resolution_due_at=None,
        resolution_left_seconds=left,
    )  # fmt: skip


def resumed(clocks: Clocks, now: datetime, hours: BusinessHours) -> Clocks:
    """Return them when the desk is to do something again: what was left runs on."""
    if clocks.resolution_left_seconds is None:
        return clocks
    due = hours.add(now, timedelta(seconds=clocks.resolution_left_seconds))
    return replace(clocks, resolution_due_at=due, resolution_left_seconds=None)


def stopped(clocks: Clocks) -> Clocks:
    """Return them when the thread is resolved. Source: chatwoot issue 10178, where they ran on."""
    return Clocks(
        first_answered_at=clocks.first_answered_at,
        first_breached_at=clocks.first_breached_at,
        next_breached_at=clocks.next_breached_at,
        resolution_breached_at=clocks.resolution_breached_at,
    )


def restarted(clocks: Clocks, now: datetime, level: Level, hours: BusinessHours, *, is_asked: bool) -> Clocks:
    """Return them when a resolved thread is opened again. `is_asked`: by a word of the borrower, who waits for an answer."""
    fresh = Clocks(
        first_answered_at=clocks.first_answered_at,
        resolution_due_at=_due(now, level.resolution_minutes, hours),
    )
    return heard(fresh, now, level, hours) if is_asked else fresh


def reset(clocks: Clocks, opened_at: datetime, level: Level, hours: BusinessHours, now: datetime) -> Clocks:
    """Return them after the kind or the priority changed: what runs is due as if it had been so from its beginning."""
    first = next_ = None
    if clocks.waiting_since is not None and clocks.first_answered_at is None:
        first = _due(clocks.waiting_since, level.first_minutes, hours)
    elif clocks.waiting_since is not None:
        next_ = _due(clocks.waiting_since, level.next_minutes, hours)
    due, left = _due(opened_at, level.resolution_minutes, hours), None
    if due is not None and clocks.resolution_left_seconds is not None:
        left = int(hours.between(now, due).total_seconds())
        due = None
    return replace(clocks, first_due_at=first, next_due_at=next_, resolution_due_at=due, resolution_left_seconds=left)


def _due(since: datetime, minutes: int | None, hours: BusinessHours) -> datetime | None:
    return None if minutes is None else hours.add(since, timedelta(minutes=minutes))
