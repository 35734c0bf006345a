"""Waiting for an inbox to change: a bounded number of threads of this process, and one question a second for all of them.

A waiting thread holds no connection. Whichever of them finds that nobody has asked for a while asks for all: one statement
about the sessions that wait and the states of their inboxes. So there is no thread besides those that serve requests, and
nothing to start or stop.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Engine

from app import clock
from app.persistence.queries.inbox_waits import find_waited

LOOK_SECONDS = 1.0


class Waited(NamedTuple):
    """What a waiting session would find: the state of its inbox, and whether it is still a session."""

    state: int
    is_live: bool


Ask = Callable[[Collection[str]], dict[str, Waited]]


@dataclass(eq=False, slots=True)
class _Waiter:
    """One request that waits; a session has at most one."""

    state: int
    is_over: bool = False


@dataclass
class InboxWaits:
    """The requests of this process that wait. `limit`: how many at most; a thread that waits serves nobody else."""

    limit: int
    look_seconds: float = LOOK_SECONDS
    _waiting: dict[str, _Waiter] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _asked_at: float = 0.0

    def wait(self, session_id: str, state: int, *, seconds: float, ask: Ask) -> bool:
        """Wait until the session's inbox is in another state than `state`, the session ends, or the time is over.

        Returns False at once where too many wait already. A session that comes again takes its own earlier place, and
        the earlier request is answered: one app can never take more than one.
        """
        until = clock.monotonic_seconds() + seconds
        mine = _Waiter(state)
        with self._changed:
            earlier = self._waiting.get(session_id)
            if earlier is None and len(self._waiting) >= self.limit:
                return False
            if earlier is not None:
                earlier.is_over = True
                self._changed.notify_all()
            self._waiting[session_id] = mine
        try:
            while not mine.is_over and (left := until - clock.monotonic_seconds()) > 0:
                asked = self._take_turn()
                if asked:
                    self._tell(asked, ask(asked))
                with self._changed:
                    if not mine.is_over:
                        self._changed.wait(min(left, self.look_seconds))
        finally:
            with self._changed:
                if self._waiting.get(session_id) is mine:
                    del self._waiting[session_id]
        return True

    def _take_turn(self) -> list[str]:
        """Return the sessions to ask about, or none where somebody has asked just now."""
        with self._changed:
            now = clock.monotonic_seconds()
            if now - self._asked_at < self.look_seconds * 0.9:
                return []
            self._asked_at = now
            return list(self._waiting)

    def _tell(self, asked: Collection[str], found: dict[str, Waited]) -> None:
        with self._changed:
            for session_id in asked:
                waiter, waited = self._waiting.get(session_id), found.get(session_id)
                if waiter is not None and (waited is None or not waited.is_live or waited.state != waiter.state):
                    waiter.is_over = True
            self._changed.notify_all()


def asking(engine: Engine) -> Ask:
    """Return the question, asked on a connection that is given back at once."""

    def ask(session_ids: Iterable[str]) -> dict[str, Waited]:
        with engine.connect() as connection:
            rows = find_waited(connection, session_ids)
        return {row.id: Waited(row.inbox_state, row.revoked_at is None) for row in rows}

    return ask
