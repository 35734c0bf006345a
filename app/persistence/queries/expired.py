"""Rows that have done their work and may be forgotten."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.persistence.models.access import AccessTokenRow, IdempotencyKeyRow, OtpChallengeRow, RateCounterRow
from app.persistence.models.deliveries import DeliveryReceiptRow, EndpointLinkRow
from app.persistence.models.operations import DeliveryHourRow
from app.persistence.models.webhooks import WebhookDeliveryRow, WebhookEventRow

EXPIRING: dict[str, InstrumentedAttribute[datetime]] = {
    "access_tokens": AccessTokenRow.expires_at,
    "delivery_hours": DeliveryHourRow.hour_at,
    "endpoint_links": EndpointLinkRow.expires_at,
    "idempotency_keys": IdempotencyKeyRow.created_at,
    "otp_challenges": OtpChallengeRow.expires_at,
    "rate_counters": RateCounterRow.window_starts_at,
    "webhook_deliveries": WebhookDeliveryRow.created_at,
    "webhook_events": WebhookEventRow.created_at,
}
"""The instant of each table that its age is told from."""


class Emptying(NamedTuple):
    """A column that is emptied while its row is kept; `since`: the instant its age is told from."""

    column: InstrumentedAttribute[Any]
    since: InstrumentedAttribute[datetime]


EMPTYING = {
    "delivery_receipts.raw_sealed": Emptying(DeliveryReceiptRow.raw_sealed, DeliveryReceiptRow.received_at),
    "endpoint_links.address_sealed": Emptying(EndpointLinkRow.address_sealed, EndpointLinkRow.expires_at),
    "endpoint_links.code_sealed": Emptying(EndpointLinkRow.code_sealed, EndpointLinkRow.expires_at),
}


def empty_older(session: Session, name: str, *, before: datetime, limit: int) -> int:
    """Empty a column of up to `limit` rows older than `before`; return how many there were."""
    column, since = EMPTYING[name]
    (key,) = column.class_.__table__.primary_key.columns
    statement = select(key).where(column.is_not(None), since < before).order_by(since).limit(limit)
    found = session.scalars(statement.with_for_update(skip_locked=True)).all()
    if found:
        session.execute(update(column.class_).where(key.in_(found)).values({column.key: None}))
    return len(found)


def delete_older(session: Session, table: str, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` rows older than `before`; return how many there were."""
    column = EXPIRING[table]
    keys = tuple(column.class_.__table__.primary_key.columns)
    found = session.execute(select(*keys).where(column < before).limit(limit)).all()
    if found:
        session.execute(delete(column.class_).where(tuple_(*keys).in_([tuple(row) for row in found])))
    return len(found)
