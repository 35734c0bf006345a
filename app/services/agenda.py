"""Telling the engine that a borrower's case has changed.

Every transaction that changes a case (payment, plan, preference, hold, device, receipt that matters) calls `touch` before
it commits. That takes the borrower's agenda row as the lock, raises `case_version`, so that whatever was decided on older
facts is decided again before it leaves, wakes the borrower no later than now, and has their duties looked at again.
"""

from collections.abc import Iterable
from datetime import datetime

from app.persistence.queries.agenda import add_agenda, lock_agenda, set_wakes
from app.persistence.unit_of_work import Work


def touch(work: Work, borrower_ids: Iterable[str], *, now: datetime) -> None:
    """Lock the borrowers, raise their case version and wake them. New borrowers get their agenda row here."""
    ids = sorted(set(borrower_ids))
    held = lock_agenda(work.session, ids)
    missing = [borrower_id for borrower_id in ids if borrower_id not in held]
    if missing:
        add_agenda(work.session, missing, wake_at=now)
        held |= lock_agenda(work.session, missing)
    set_wakes(
        work.session,
        {key: (now if wake is None else min(wake, now), version + 1) for key, (wake, version) in held.items()},
        changed_at=now,
    )


def wake(work: Work, borrower_ids: Iterable[str], *, now: datetime) -> None:
    """Have these borrowers decided again no later than now, without a change of their case."""
    held = lock_agenda(work.session, borrower_ids)
    set_wakes(work.session, {key: (now if at is None else min(at, now), version) for key, (at, version) in held.items()})
