"""Leases: one holder at a time, told apart by a fence that rises with each new holder.

A lease removes wasted work; correctness never rests on it alone (unique keys and locked claims do that). Machine time
judges, so that a lease runs out also when the book's clock stands still.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.persistence.models.running import LeaseRow

ENGINE_PREFIX = "engine:"
"""Leases of this name are heartbeats of running engines; /readyz looks at them."""


def take_lease(session: Session, name: str, *, owner: str, machine_now: datetime, ttl: timedelta) -> int | None:
    """Take or renew a lease; return its fence, or None while another owner holds it. Caller's transaction commits it."""
    row = session.get(LeaseRow, name, with_for_update=True)
    if row is None:
        session.add(LeaseRow(name=name, owner=owner, fence=1, expires_at=machine_now + ttl))
        session.flush()
        return 1
    if row.owner != owner:
        if row.expires_at > machine_now:
            return None
        row.owner, row.fence = owner, row.fence + 1
    row.expires_at = machine_now + ttl
    session.flush()
    return row.fence


def find_owners(session: Session, prefix: str, *, machine_now: datetime) -> list[str]:
    """Return who holds a living lease of such a name, in one order for all who ask."""
    living = select(LeaseRow.owner).where(LeaseRow.name.startswith(prefix), LeaseRow.expires_at > machine_now)
    return list(session.scalars(living.order_by(LeaseRow.owner)))
