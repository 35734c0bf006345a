"""Rows that have done their work and may be forgotten."""

from datetime import datetime

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.persistence.models.access import AccessTokenRow, IdempotencyKeyRow, OtpChallengeRow, RateCounterRow
from app.persistence.models.deliveries import EndpointLinkRow

EXPIRING: dict[str, InstrumentedAttribute[datetime]] = {
    "access_tokens": AccessTokenRow.expires_at,
    "endpoint_links": EndpointLinkRow.expires_at,
    "idempotency_keys": IdempotencyKeyRow.created_at,
    "otp_challenges": OtpChallengeRow.expires_at,
    "rate_counters": RateCounterRow.window_starts_at,
}
"""The instant of each table that its age is told from."""


def delete_older(session: Session, table: str, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` rows older than `before`; return how many there were."""
    column = EXPIRING[table]
    keys = tuple(column.class_.__table__.primary_key.columns)
    found = session.execute(select(*keys).where(column < before).limit(limit)).all()
    if found:
        session.execute(delete(column.class_).where(tuple_(*keys).in_([tuple(row) for row in found])))
    return len(found)
