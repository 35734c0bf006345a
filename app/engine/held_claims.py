"""What this worker has in hand right now, and for how long its leases still hold: a slow hand-over must not outlast them.

A claim that runs out while its hand-over goes on ends as uncertain, for whoever takes it over cannot know. So the heartbeat,
which dies with the process, renews the leases of what is in hand; what a dead worker held still runs out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from app.engine.claiming import Try
from app.persistence.queries import outbox
from app.persistence.unit_of_work import unit_of_work


@dataclass(slots=True)
class HeldClaims:
    """The claims of one worker, in all its lanes. Machine time, as leases are."""

    owner: str
    lease: timedelta
    _until: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Message id -> its claim, and until when it is ours."""
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def hold(self, tries: Sequence[Try], *, until: datetime) -> Iterator[None]:
        """Have the leases of these tries' messages renewed until the end of the block."""
        mine = {one.message.id: (one.claim, until) for one in tries}
        with self._lock:
            self._until |= mine
        try:
            yield
        finally:
            with self._lock:
                for message_id in mine:
                    self._until.pop(message_id, None)

    def renew(self, *, machine_now: datetime) -> int:
        """Renew the leases that are half used up; return how many were still ours. Usually there is none."""
        until = machine_now + self.lease
        with self._lock:
            claims = {key: claim for key, (claim, at) in self._until.items() if at - machine_now < self.lease / 2}
        if not claims:
            return 0
        with unit_of_work() as work:
            renewed = outbox.renew_leases(work.session, claims, owner=self.owner, leased_until=until)
        with self._lock:
            for message_id in renewed & self._until.keys():
                self._until[message_id] = (claims[message_id], until)
        return len(renewed)
