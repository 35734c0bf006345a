"""The only place that asks what time it is.

Time is an argument everywhere else: a view, a tick or a command asks here once and passes `now` on. The factory may set
another source, so that the sandbox and a replay live on a clock that is moved (see persistence/queries/clocks.py).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Source = Callable[[], datetime]


def system_now() -> datetime:
    """Return the machine's time in UTC. Leases use it: a lease must run out also when the book's clock stands still."""
    return datetime.now(UTC)


def monotonic_seconds() -> float:
    """Return seconds for measuring how long something took; never a date."""
    return time.monotonic()


_source: Source = system_now
_machine: Source = system_now


def now() -> datetime:
    """Return the present instant of the book, in UTC."""
    return _source()


def machine_now() -> datetime:
    """Return the instant that the world's clocks show, in UTC: authenticator apps go by it, and so do sessions of staff.

    Moving the book's clock (sandbox) neither ends a session nor makes a code wrong.
    """
    return _machine()


def use(source: Source, *, machine: Source | None = None) -> None:
    """Set where `now` comes from, and `machine_now`: from the same source unless it is told another."""
    global _source, _machine
    _source, _machine = source, machine or source
