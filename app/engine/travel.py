"""Moving the book's clock: from one wake to the next, never over one.

A jump past a step's instant would make it expire unseen. So the clock stands still at each instant at which something is
due, everything due there is done, and only then does it move on. A replay and the sandbox use the same steps.
"""

from collections.abc import Callable
from datetime import datetime

from app import clock
from app.persistence.queries.clocks import find_clock, freeze, run_from
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import reading, unit_of_work


def travel(until: datetime, drain: Callable[[], object]) -> None:
    """Move the clock to `until`, standing still at every instant where something is due, and let it run on from there."""
    now = clock.now()
    while True:
        set_frozen(now)
        drain()
        with reading() as session:
            following = find_moments(session).following
        if following is None or following > until:
            break
        now = max(now, following)
    with unit_of_work() as work:
        run_from(work.session, max(until, now))


def travel_if_asked(drain: Callable[[], object]) -> None:
    """Follow a wish left in the clock row (the sandbox's buttons), if there is one."""
    with reading() as session:
        row = find_clock(session)
        until = row.travel_to if row is not None else None
    if until is None:
        return
    if until > clock.now():
        travel(until, drain)
    with unit_of_work() as work:
        row = find_clock(work.session)
        if row is not None and row.travel_to == until:  # a newer wish stays for the next tick
            row.travel_to = None


def set_frozen(at: datetime) -> None:
    """Make the book's clock stand still at `at`."""
    with unit_of_work() as work:
        freeze(work.session, at)
