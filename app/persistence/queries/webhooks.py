"""Where lenders want to be told, and what there is to tell."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, tuple_, update
from sqlalchemy.orm import Session

from app.persistence.models.lenders import LenderRow
from app.persistence.models.webhooks import WebhookDeliveryRow, WebhookEndpointRow, WebhookEventRow

_LIVES = WebhookEndpointRow.deleted_at.is_(None)
_IS_TOLD = WebhookEndpointRow.state != "disabled"


class Subscriber(NamedTuple):
    """An endpoint that may be told, and what it wants."""

    endpoint_id: str
    types: list[str]


_COLUMNS = (
    WebhookEndpointRow.id,
    WebhookEndpointRow.name,
    WebhookEndpointRow.url,
    WebhookEndpointRow.description,
    WebhookEndpointRow.types,
    WebhookEndpointRow.state,
    WebhookEndpointRow.state_reason,
    WebhookEndpointRow.changed_at,
    WebhookEndpointRow.created_at,
)


def find_subscribers(session: Session, lender_id: str) -> list[Subscriber]:
    """Return a lender's endpoints that are told; most lenders have none."""
    statement = select(WebhookEndpointRow.id, WebhookEndpointRow.types).where(
        WebhookEndpointRow.lender_id == lender_id, _LIVES, _IS_TOLD
    )
    return [Subscriber(*row) for row in session.execute(statement)]


def list_endpoints(reads: Connection | Session, lender_id: str | None = None) -> list[Any]:
    """Return the endpoints of a lender, or of all, by lender and name, with how many deliveries wait and failed."""

    def count(state: str) -> Any:
        return (
            select(func.count())
            .where(WebhookDeliveryRow.endpoint_id == WebhookEndpointRow.id, WebhookDeliveryRow.state == state)
            .scalar_subquery()
            .label(state)
        )

    statement = (
        select(*_COLUMNS, LenderRow.code.label("lender"), count("pending"), count("failed"))
        .join(LenderRow, LenderRow.id == WebhookEndpointRow.lender_id)
        .where(_LIVES)
        .order_by(LenderRow.code, WebhookEndpointRow.name)
    )
    if lender_id is not None:
        statement = statement.where(WebhookEndpointRow.lender_id == lender_id)
    return list(reads.execute(statement))


def find_endpoint_states(reads: Connection | Session, lender_id: str) -> list[Any]:
    """Return a lender's endpoints by name, without counting their deliveries."""
    statement = select(*_COLUMNS).where(WebhookEndpointRow.lender_id == lender_id, _LIVES)
    return list(reads.execute(statement.order_by(WebhookEndpointRow.name)))


def count_endpoints(session: Session, lender_id: str) -> int:
    """Return how many endpoints a lender has."""
    statement = select(func.count()).where(WebhookEndpointRow.lender_id == lender_id, _LIVES)
    return session.scalar(statement) or 0


def find_endpoint_id(session: Session | Connection, lender_id: str, name: str) -> str | None:
    """Return the id of an endpoint, a deleted one too, or None."""
    return session.scalar(
        select(WebhookEndpointRow.id).where(WebhookEndpointRow.lender_id == lender_id, WebhookEndpointRow.name == name)
    )


def lock_endpoint(session: Session, lender_id: str, name: str) -> WebhookEndpointRow | None:
    """Return one endpoint of a lender, a deleted one too, locked; others may still refer to it."""
    statement = select(WebhookEndpointRow).where(WebhookEndpointRow.lender_id == lender_id, WebhookEndpointRow.name == name)
    return session.scalar(statement.with_for_update(key_share=True))


def lock_endpoint_by_id(session: Session, endpoint_id: str) -> WebhookEndpointRow | None:
    """Do as `lock_endpoint` by id. Before any delivery of it is locked, by whoever changes both."""
    statement = select(WebhookEndpointRow).where(WebhookEndpointRow.id == endpoint_id)
    return session.scalar(statement.with_for_update(key_share=True))


def fail_pending(session: Session, endpoint_id: str, *, error: str) -> int:
    """End what waits for an endpoint; return how many deliveries. What is being sent just now is recorded as ended."""
    changed = session.execute(
        update(WebhookDeliveryRow)
        .where(WebhookDeliveryRow.endpoint_id == endpoint_id, WebhookDeliveryRow.state == "pending")
        .values(state="failed", last_error=error, leased_by=None, leased_until=None)
        .execution_options(synchronize_session=False)
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]


def get_event(session: Session, lender_id: str, event_id: str) -> WebhookEventRow | None:
    """Return an event of a lender, or None."""
    return session.scalar(
        select(WebhookEventRow).where(WebhookEventRow.id == event_id, WebhookEventRow.lender_id == lender_id)
    )


def page_events(
    reads: Connection,
    lender_id: str,
    *,
    event_type: str | None,
    since: datetime | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Any]:
    """Return up to `limit` events of a lender, newest first by (created_at, id); `since` inclusive."""
    statement = (
        select(WebhookEventRow.id, WebhookEventRow.type, WebhookEventRow.created_at, WebhookEventRow.data)
        .where(WebhookEventRow.lender_id == lender_id)
        .order_by(WebhookEventRow.created_at.desc(), WebhookEventRow.id.desc())
        .limit(limit)
    )
    if event_type is not None:
        statement = statement.where(WebhookEventRow.type == event_type)
    if since is not None:
        statement = statement.where(WebhookEventRow.created_at >= since)
    if before is not None:
        statement = statement.where(tuple_(WebhookEventRow.created_at, WebhookEventRow.id) < before)
    return list(reads.execute(statement))


def find_events_between(session: Session, lender_id: str, since: datetime, until: datetime, *, limit: int) -> Sequence[Any]:
    """Return (id, type) of events with since <= created_at < until, oldest first."""
    statement = (
        select(WebhookEventRow.id, WebhookEventRow.type)
        .where(
            WebhookEventRow.lender_id == lender_id,
            WebhookEventRow.created_at >= since,
            WebhookEventRow.created_at < until,
        )
        .order_by(WebhookEventRow.created_at, WebhookEventRow.id)
        .limit(limit)
    )
    return session.execute(statement).all()
