"""Deliveries of webhooks: claimed in few at a time for each endpoint, each claim under a lease, as messages are."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table, and_, case, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from app.persistence.bulk import Rows, add_rows
from app.persistence.models.lenders import LenderRow
from app.persistence.models.webhooks import WebhookDeliveryRow, WebhookEndpointRow, WebhookEventRow
from app.persistence.queries.chunks import chunks

_D = WebhookDeliveryRow
_PENDING = _D.state == "pending"


def _is_free(machine_now: datetime) -> Any:
    return or_(_D.leased_until.is_(None), _D.leased_until < machine_now)


class DueEndpoint(NamedTuple):
    """An endpoint with something to be sent now. `busy`: how many deliveries to it are being sent, by whichever engine."""

    endpoint_id: str
    is_told: bool
    """Neither disabled nor deleted."""
    is_failing: bool
    busy: int


def add_deliveries(session: Session, deliveries: Rows) -> None:
    """Have events delivered. Raises IntegrityError for one that is there already."""
    add_rows(session, cast(Table, _D.__table__), deliveries)


def exists_due(session: Session, *, now: datetime, machine_now: datetime) -> bool:
    """Return whether a claim would find anything; a plain read, so that idling costs no write lock."""
    return bool(session.scalar(select(exists().where(_PENDING, _D.next_attempt_at <= now, _is_free(machine_now)))))


def find_due_endpoints(session: Session, *, now: datetime, machine_now: datetime) -> list[DueEndpoint]:
    """Return the endpoints with something due, whoever has waited longest first."""
    is_due = and_(_D.next_attempt_at <= now, _is_free(machine_now))
    oldest = func.min(case((is_due, _D.next_attempt_at)))
    statement = (
        select(
            _D.endpoint_id,
            and_(WebhookEndpointRow.deleted_at.is_(None), WebhookEndpointRow.state != "disabled").label("is_told"),
            (WebhookEndpointRow.state == "failing").label("is_failing"),
            func.count().filter(_D.leased_until >= machine_now),
        )
        .join(WebhookEndpointRow, WebhookEndpointRow.id == _D.endpoint_id)
        .where(_PENDING, or_(_D.next_attempt_at <= now, _D.leased_until.is_not(None)))
        .group_by(_D.endpoint_id, WebhookEndpointRow.deleted_at, WebhookEndpointRow.state)
        .having(oldest.is_not(None))
        .order_by(oldest, _D.endpoint_id)
    )
    return [DueEndpoint(row[0], bool(row[1]), bool(row[2]), row[3]) for row in session.execute(statement)]


class ClaimedDelivery(NamedTuple):
    """A delivery that is ours to send. `claim`: its attempts, this one counted."""

    id: str
    claim: int


def claim(
    session: Session, endpoint_id: str, *, now: datetime, machine_now: datetime, limit: int, owner: str, until: datetime
) -> list[ClaimedDelivery]:
    """Take up to `limit` due deliveries of an endpoint under a lease, earliest first, skipping what others hold."""
    statement = (
        select(_D.id, _D.attempts)
        .where(_PENDING, _D.endpoint_id == endpoint_id, _D.next_attempt_at <= now, _is_free(machine_now))
        .order_by(_D.next_attempt_at, _D.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [ClaimedDelivery(row.id, row.attempts + 1) for row in session.execute(statement)]
    if found:
        session.execute(
            update(_D)
            .where(_D.id.in_([each.id for each in found]))
            .values(attempts=_D.attempts + 1, leased_by=owner, leased_until=until)
            .execution_options(synchronize_session=False)
        )
    return found


class ToSend(NamedTuple):
    """What of a delivery goes to the wire."""

    id: str
    endpoint_id: str
    url: str
    secrets_sealed: bytes
    event_id: str
    type: str
    at: datetime
    data: dict[str, Any]
    lender: str


def load_to_send(session: Session, ids: Collection[str]) -> dict[str, ToSend]:
    """Return what of these deliveries goes to the wire."""
    statement = (
        select(
            _D.id, _D.endpoint_id, WebhookEndpointRow.url, WebhookEndpointRow.secrets_sealed, WebhookEventRow.id,
            WebhookEventRow.type, WebhookEventRow.created_at, WebhookEventRow.data, LenderRow.code,
        )
        .join(WebhookEndpointRow, WebhookEndpointRow.id == _D.endpoint_id)
        .join(WebhookEventRow, WebhookEventRow.id == _D.event_id)
        .join(LenderRow, LenderRow.id == WebhookEventRow.lender_id)
        .where(_D.id.in_(ids))
    )  # fmt: skip
    return {row[0]: ToSend(*row) for row in session.execute(statement)}


def lock_claimed(session: Session, delivery_id: str, claim_no: int) -> WebhookDeliveryRow | None:
    """Return a delivery if this claim of it still counts, locked; None: it was taken over, or ended otherwise."""
    statement = select(_D).where(_D.id == delivery_id, _D.attempts == claim_no, _PENDING)
    return session.scalar(statement.with_for_update())


def find_last_replays(session: Session, endpoint_id: str, event_ids: Collection[str]) -> Mapping[str, tuple[int, bool]]:
    """Return event id -> (its highest replay_no for an endpoint, whether one still waits)."""
    found: dict[str, tuple[int, bool]] = {}
    for part in chunks(set(event_ids)):
        statement = (
            select(_D.event_id, func.max(_D.replay_no), func.count().filter(_PENDING))
            .where(_D.endpoint_id == endpoint_id, _D.event_id.in_(part))
            .group_by(_D.event_id)
        )
        found |= {row[0]: (row[1], row[2] > 0) for row in session.execute(statement)}
    return found


def page_deliveries(
    reads: Connection,
    endpoint_id: str,
    *,
    state: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Any]:
    """Return up to `limit` deliveries of an endpoint, newest first by (created_at, id)."""
    statement = (
        select(
            _D.id, _D.event_id, WebhookEventRow.type, _D.replay_no, _D.state, _D.attempts, _D.next_attempt_at,
            _D.last_status, _D.last_error, _D.created_at, _D.delivered_at,
        )
        .join(WebhookEventRow, WebhookEventRow.id == _D.event_id)
        .where(_D.endpoint_id == endpoint_id)
        .order_by(_D.created_at.desc(), _D.id.desc())
        .limit(limit)
    )  # fmt: skip
    if state is not None:
        statement = statement.where(_D.state == state)
    if before is not None:
        statement = statement.where(tuple_(_D.created_at, _D.id) < before)
    return list(reads.execute(statement))


def find_earliest(session: Session) -> datetime | None:
    """Return when the next delivery is to be tried; None: none waits."""
    found: datetime | None = session.scalar(select(func.min(_D.next_attempt_at)).where(_PENDING))
    return found
