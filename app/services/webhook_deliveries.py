"""Sending webhooks, but for the wire: what may be sent now, as it is sent, and what an answer comes to.

A delivery is tried at least once and until it arrives: whoever dies between sending and writing that down leaves a lease
that runs out, and the receiver gets the same `webhook-id` again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from app.domain.times import parse_instant
from app.domain.webhooks import Secret, Verdict, asked_wait, envelope, judge, living, next_try, signature
from app.logs import logger
from app.metrics import WEBHOOKS
from app.persistence.models.webhooks import WebhookDeliveryRow, WebhookEndpointRow
from app.persistence.queries import webhook_deliveries as queries
from app.persistence.queries.webhook_deliveries import ClaimedDelivery, ToSend
from app.persistence.queries.webhooks import fail_pending, lock_endpoint_by_id
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault

AT_ONCE = 4
"""Deliveries to one endpoint on the wire at the same moment: a slow one never takes all there is."""
AT_ONCE_FAILING = 1
NOT_TOLD = "endpoint_disabled"
GONE = "gone"
SECRETS_CLOSED = "secrets_unreadable"
"""The key is lost or not configured here: put it back into the ring, or rotate the endpoint's secret."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A claimed delivery as it goes to the wire; it is signed right before. `secrets` sign it, the newest first."""

    delivery_id: str
    endpoint_id: str
    claim: int
    url: str
    event_id: str
    body: bytes = field(repr=False)
    secrets: tuple[Secret, ...] = field(repr=False)

    def headers(self, machine_now: datetime) -> dict[str, str]:
        """Return the headers of a try at this moment of machine time: receivers hold their own clock against it."""
        timestamp = int(machine_now.timestamp())
        signs = [each.secret for each in self.secrets]
        return {
            "content-type": "application/json",
            "webhook-id": self.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(signs, self.event_id, timestamp, self.body),
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one try. `status` 0: no answer, and `error` says why."""

    status: int
    error: str | None = None
    retry_after: str | None = None


def take_due(work: Work, *, now: datetime, machine_now: datetime, lease: timedelta, owner: str, limit: int) -> list[Sealed]:
    """Take up to `limit` deliveries under a lease, a few of each endpoint, those that have waited longest first.

    What waits for an endpoint that is told nothing any more ends here. What cannot be signed, because the key that sealed
    the endpoint's secrets is not in the ring, waits longer and longer as what is not taken does; others go on.
    """
    session, claimed = work.session, list[ClaimedDelivery]()
    for each in queries.find_due_endpoints(session, now=now, machine_now=machine_now):
        if not each.is_told:
            fail_pending(session, each.endpoint_id, error=NOT_TOLD)
            continue
        room = min((AT_ONCE_FAILING if each.is_failing else AT_ONCE) - each.busy, limit - len(claimed))
        if room > 0:
            claimed += queries.claim(
                session, each.endpoint_id, now=now, machine_now=machine_now, limit=room, owner=owner,
                until=machine_now + lease,
            )  # fmt: skip
    loaded = queries.load_to_send(session, [each.id for each in claimed]) if claimed else {}
    to_send = [(loaded[each.id], each.claim) for each in claimed]
    secrets = _secrets(work, {found.endpoint_id: found for found, _ in to_send}, now)
    for found, claim_no in to_send:
        if found.endpoint_id not in secrets:
            _unsigned(work, found, claim_no, now)
    work.session.flush()
    return [_sealed(found, no, secrets[found.endpoint_id]) for found, no in to_send if found.endpoint_id in secrets]


def settle(work: Work, sent: Sealed, told: Told, *, now: datetime, machine_now: datetime, jitter: float) -> str | None:
    """Write down what became of a try; return the state of the delivery then, None: it is not ours any more."""
    endpoint = lock_endpoint_by_id(work.session, sent.endpoint_id)
    delivery = queries.lock_claimed(work.session, sent.delivery_id, sent.claim)
    if endpoint is None or delivery is None:
        return None
    delivery.leased_by = delivery.leased_until = None
    delivery.last_status, delivery.last_error = told.status or None, told.error
    verdict = judge(told.status)
    if verdict is Verdict.DELIVERED:
        delivery.state, delivery.delivered_at, delivery.last_error = "delivered", now, None
        if endpoint.state == "failing":
            set_state(endpoint, "enabled", None, now=now)
    elif verdict is Verdict.GONE and sent.url == endpoint.url:  # what was gone may be the address before this one
        _disable(work, endpoint, delivery, now=now)
    else:
        _put_off(endpoint, delivery, told, now=now, machine_now=machine_now, jitter=jitter)
    WEBHOOKS.labels(verdict.value if delivery.state != "failed" else "failed").inc()
    work.session.flush()
    return delivery.state


def set_state(endpoint: WebhookEndpointRow, state: str, reason: str | None, *, now: datetime) -> None:
    """Say how an endpoint is from now on, and why."""
    if endpoint.state != state:
        endpoint.changed_at = now
    endpoint.state, endpoint.state_reason = state, reason
    endpoint.version += 1


def read_secrets(ring: Vault, endpoint_id: str, sealed: bytes) -> tuple[Secret, ...]:
    """Open the secrets of an endpoint. Raises ValueError for a key we lack."""
    found: list[dict[str, Any]] = orjson.loads(ring.open(sealed, place=_place(endpoint_id)) or "[]")
    return tuple(
        Secret(each["secret"], parse_instant(each["created_at"]), each["ends_at"] and parse_instant(each["ends_at"]))
        for each in found
    )


def seal_secrets(ring: Vault, endpoint_id: str, secrets: tuple[Secret, ...]) -> bytes:
    """Seal the secrets of an endpoint."""
    kept = [{"secret": each.secret, "created_at": each.created_at, "ends_at": each.ends_at} for each in secrets]
    sealed = ring.seal(orjson.dumps(kept).decode(), place=_place(endpoint_id))
    assert sealed is not None
    return sealed


def _place(endpoint_id: str) -> str:
    return f"webhook_endpoints.secrets:{endpoint_id}"


def _secrets(work: Work, endpoints: Mapping[str, ToSend], now: datetime) -> dict[str, tuple[Secret, ...]]:
    """Return endpoint id -> what signs for it now; an endpoint whose secrets do not open is left out, and logged."""
    found = dict[str, tuple[Secret, ...]]()
    for endpoint_id, each in endpoints.items():
        try:
            found[endpoint_id] = living(read_secrets(work.vault, endpoint_id, each.secrets_sealed), now)
        except ValueError as error:
            logger().error("webhook endpoint's secrets cannot be opened", endpoint_id=endpoint_id, why=str(error))
    return found


def _sealed(found: ToSend, claim: int, secrets: tuple[Secret, ...]) -> Sealed:
    said: Mapping[str, Any] = envelope(
        found.event_id, found.type, source=f"/lenders/{found.lender}", at=found.at, data=found.data
    )
    body = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return Sealed(found.id, found.endpoint_id, claim, found.url, found.event_id, body, secrets)


def _disable(work: Work, endpoint: WebhookEndpointRow, delivery: WebhookDeliveryRow, *, now: datetime) -> None:
    delivery.state, delivery.last_error = "failed", GONE
    set_state(endpoint, "disabled", GONE, now=now)
    work.session.flush()
    ended = fail_pending(work.session, endpoint.id, error=NOT_TOLD)
    logger().warning("webhook endpoint is gone and was disabled", endpoint_id=endpoint.id, ended=ended)


def _unsigned(work: Work, found: ToSend, claim_no: int, now: datetime) -> None:
    """Put off a delivery that was claimed in this transaction. Its endpoint's row is left alone: it is locked before any
    delivery, or not at all."""
    delivery = queries.lock_claimed(work.session, found.id, claim_no)
    if delivery is None:
        return
    delivery.leased_by = delivery.leased_until = None
    delivery.last_status, delivery.last_error = None, SECRETS_CLOSED
    at = next_try(delivery.attempts, now=now, begun_at=delivery.created_at)
    if at is None:
        delivery.state = "failed"
    else:
        delivery.next_attempt_at = at
    WEBHOOKS.labels("failed" if at is None else "unsigned").inc()


def _put_off(
    endpoint: WebhookEndpointRow,
    delivery: WebhookDeliveryRow,
    told: Told,
    *,
    now: datetime,
    machine_now: datetime,
    jitter: float,
) -> None:
    error = told.error or f"status_{told.status}"
    delivery.last_error = error
    at = next_try(
        delivery.attempts, now=now, begun_at=delivery.created_at, jitter=jitter,
        asked=asked_wait(told.status, told.retry_after, machine_now),
    )  # fmt: skip
    if at is None:
        delivery.state = "failed"
        logger().warning("webhook was not taken within its time", delivery_id=delivery.id, endpoint_id=endpoint.id)
    else:
        delivery.next_attempt_at = at
    if endpoint.state == "enabled":
        set_state(endpoint, "failing", error[:40], now=now)
