"""Exact counters per window. A limit reads one row; it never counts rows."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.models.access import RateCounterRow


def count_up(session: Session, bucket: str, window_starts_at: datetime, *, by: int = 1) -> int:
    """Add to a counter and return it; the row stays locked until the end of the transaction."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(RateCounterRow).values(bucket=bucket, window_starts_at=window_starts_at, count=by)
    statement = statement.on_conflict_do_update(
        index_elements=["bucket", "window_starts_at"], set_={"count": RateCounterRow.count + by}
    ).returning(RateCounterRow.count)
    return int(session.execute(statement).scalar_one())


def find_count(session: Session, bucket: str, window_starts_at: datetime) -> int:
    """Return what a counter stands at; a plain read."""
    statement = select(RateCounterRow.count).where(
        RateCounterRow.bucket == bucket, RateCounterRow.window_starts_at == window_starts_at
    )
    return session.scalar(statement) or 0
