"""What the running program keeps about itself."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from app.persistence.models.running import LeaseRow


def find_newest_lease_end(reads: Connection) -> datetime | None:
    """Return when the longest-lived lease of any engine runs out (machine time), None when none was ever taken."""
    return reads.execute(select(func.max(LeaseRow.expires_at))).scalar()
