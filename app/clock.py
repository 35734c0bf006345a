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


def now() -> datetime:
    """Return the present instant of the book, in UTC."""
    return _source()


def use(source: Source) -> None:
    """Set where `now` comes from."""
    global _source
    _source = source
