"""Quiet hours, as wall time that must hold in several zones at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from app.domain.times import local_instant, zone_named

SEARCH_DAYS = 14
"""With no common instant within so many days there is none: zones so far apart leave no window."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No contact from `start` (inclusive) to `end` (exclusive) on the wall; may span midnight. Equal: no quiet hours."""

    start: time
    end: time

    def holds(self, at: datetime, zone: str) -> bool:
        """Return whether it is quiet on the wall in `zone` at that instant."""
        wall = at.astimezone(zone_named(zone)).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def next_end(self, at: datetime, zone: str) -> datetime:
        """Return the first instant after `at` when quiet hours end in `zone`."""
        return self._next(at, self.end, zone)

    def next_start(self, at: datetime, zone: str) -> datetime:
        """Return the first instant after `at` when quiet hours begin in `zone`."""
        return self._next(at, self.start, zone)

    @staticmethod
    def _next(at: datetime, wall: time, zone: str) -> datetime:
        day = at.astimezone(zone_named(zone)).date()
        for ahead in range(3):
            instant = local_instant(day + timedelta(days=ahead), wall, zone)
            if instant > at:
                return instant
        raise AssertionError("A wall time comes within two days.")


def first_allowed(quiets: Sequence[QuietHours], at: datetime, zones: Iterable[str]) -> datetime | None:
    """Return the first instant from `at` on that none of the quiet hours holds in any zone, or None within SEARCH_DAYS."""
    wanted = tuple(zones)
    moment, limit = at, at + timedelta(days=SEARCH_DAYS)
    while moment <= limit:
        blocking = [(quiet, zone) for quiet in quiets for zone in wanted if quiet.holds(moment, zone)]
        if not blocking:
            return moment
        moment = max(quiet.next_end(moment, zone) for quiet, zone in blocking)
    return None


def window_end(quiets: Sequence[QuietHours], at: datetime, zones: Sequence[str]) -> datetime | None:
    """Return when quiet hours next begin in any of the zones: the end of the window that `at` lies in. None: never."""
    return min((quiet.next_start(at, zone) for quiet in quiets if quiet.start != quiet.end for zone in zones), default=None)
