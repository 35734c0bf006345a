"""What the running program keeps about itself."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from app.persistence.models.running import LeaseRow
from app.persistence.queries.leases import ENGINE_PREFIX


def find_newest_lease_end(reads: Connection) -> datetime | None:
    """Return when the heartbeat of the liveliest engine runs out (machine time), None when no engine has ever run."""
    return reads.execute(select(func.max(LeaseRow.expires_at)).where(LeaseRow.name.startswith(ENGINE_PREFIX))).scalar()
