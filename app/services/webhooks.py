"""A lender's webhook endpoints: put, given new secrets, tried, sent again, deleted."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.webhook_catalogue import KNOWN_TYPES
from app.domain.webhook_urls import UrlRules, check_url
from app.domain.webhooks import SECRET_BYTES, TEST_TYPE, Secret, matches, rotated, written_secret
from app.persistence.ids import new_id
from app.persistence.models.webhooks import WebhookEndpointRow
from app.persistence.queries import webhooks as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.webhook_deliveries import add_deliveries, find_last_replays
from app.persistence.unit_of_work import Work
from app.services.webhook_deliveries import NOT_TOLD, read_secrets, seal_secrets, set_state
from app.services.webhook_events import a_delivery, add_event

MOST_ENDPOINTS = 10
MOST_REPLAYED = 2000
"""Events that one request sends again; more are asked for in parts."""
REPLAYED_FOR = timedelta(days=90)
"""How far back events can be sent again; they are kept a month longer."""
OFF = "off"


@dataclass(frozen=True, slots=True)
class EndpointValues:
    """An endpoint as its owner wants it. `types` empty: every event."""

    url: str
    description: str | None
    types: tuple[str, ...]
    enabled: bool


class Shown(NamedTuple):
    """An endpoint, with its new secret where it has just got one: it is shown this once."""

    row: WebhookEndpointRow
    secret: str | None
    created: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose endpoints are meant, by whom the act is."""

    lender_id: str
    actor: str
    rules: UrlRules = field(default_factory=UrlRules)


def put_endpoint(work: Work, owner: Owner, name: str, values: EndpointValues, *, now: datetime) -> Shown:
    """Have a lender told at an address, or change how. A new one, and one that was deleted, gets a secret.

    Raises ValidationError at /url and for types that are never told, ConflictError for one too many.
    """
    check_url(values.url, owner.rules)
    for index, wanted in enumerate(values.types):
        if wanted != TEST_TYPE and not any(matches([wanted], each) for each in KNOWN_TYPES):
            raise refused_at(f"/types/{index}", f"No event is told as {wanted}; docs/webhooks.md lists those that are.")
    row = queries.lock_endpoint(work.session, owner.lender_id, name)
    secret = None
    if row is None or row.deleted_at is not None:
        if queries.count_endpoints(work.session, owner.lender_id) >= MOST_ENDPOINTS:
            raise ConflictError(f"There are {MOST_ENDPOINTS} endpoints already; delete one first.")
        secret = written_secret(secrets.token_bytes(SECRET_BYTES))
        row = row or WebhookEndpointRow(id=new_id(), lender_id=owner.lender_id, name=name, version=0)
        row.secrets_sealed = seal_secrets(work.vault, row.id, (Secret(secret, now),))
        row.state, row.state_reason, row.changed_at, row.created_at, row.deleted_at = "enabled", None, now, now, None
        row.version += 1
        work.session.add(row)
    row.url, row.description, row.types = values.url, values.description, list(values.types)
    if values.enabled and row.state == "disabled":
        set_state(row, "enabled", None, now=now)
    elif not values.enabled and (row.state != "disabled" or row.state_reason != OFF):
        set_state(row, "disabled", OFF, now=now)
        work.session.flush()
        queries.fail_pending(work.session, row.id, error=NOT_TOLD)
    work.session.flush()
    facts = {"endpoint": name, "types": list(values.types), "enabled": values.enabled, "created": secret is not None}
    _note(work, owner, "webhook.put", facts, now)
    return Shown(row, secret, secret is not None)


def delete_endpoint(work: Work, owner: Owner, name: str, *, now: datetime) -> None:
    """Tell it nothing more; its secrets are forgotten. Raises NotFoundError for what never was."""
    row = queries.lock_endpoint(work.session, owner.lender_id, name)
    if row is None:
        raise NotFoundError("There is no such endpoint.")
    if row.deleted_at is not None:
        return
    row.deleted_at, row.secrets_sealed = now, seal_secrets(work.vault, row.id, ())
    set_state(row, "disabled", "deleted", now=now)
    work.session.flush()
    queries.fail_pending(work.session, row.id, error=NOT_TOLD)
    _note(work, owner, "webhook.delete", {"endpoint": name}, now)


def rotate_secret(work: Work, owner: Owner, name: str, *, old_lives: timedelta, now: datetime) -> Shown:
    """Give an endpoint a new secret; those before sign beside it for `old_lives` more. Raises NotFoundError."""
    row = get_endpoint(work, owner, name)
    secret = written_secret(secrets.token_bytes(SECRET_BYTES))
    try:
        before = read_secrets(work.vault, row.id, row.secrets_sealed)
    except ValueError:  # their key is lost: they sign nothing any more, and a new secret is the way out
        before = ()
    kept = rotated(before, secret, now=now, old_lives=old_lives)
    row.secrets_sealed = seal_secrets(work.vault, row.id, kept)
    row.version += 1
    _note(work, owner, "webhook.rotate", {"endpoint": name, "living": len(kept)}, now)
    work.session.flush()
    return Shown(row, secret)


def send_test(work: Work, owner: Owner, name: str, *, now: datetime) -> str:
    """Have a test event delivered to one endpoint, whatever it subscribes to; return the event's id.

    Raises NotFoundError, ConflictError for one that is disabled.
    """
    row = _told(get_endpoint(work, owner, name))
    event_id = add_event(work, owner.lender_id, TEST_TYPE, {"endpoint": name}, now=now)
    add_deliveries(work.session, [a_delivery(event_id, row.id, now=now)])
    return event_id


def replay_event(work: Work, owner: Owner, event_id: str, *, now: datetime) -> int:
    """Have an event delivered again to every endpoint that wants it; return to how many.

    Where a delivery of it still waits there is no second one. Raises NotFoundError, ConflictError for one that is too old.
    """
    event = queries.get_event(work.session, owner.lender_id, event_id)
    if event is None:
        raise NotFoundError("There is no such event.")
    if event.created_at < now - REPLAYED_FOR:
        raise ConflictError(f"Events can be sent again for {REPLAYED_FOR.days} days.")
    wanted = [
        each.endpoint_id
        for each in queries.find_subscribers(work.session, owner.lender_id)
        if matches(each.types, event.type)
    ]
    count = sum(_replay(work, endpoint_id, [event_id], now=now) for endpoint_id in wanted)
    _note(work, owner, "webhook.replay", {"event_id": event_id, "deliveries": count}, now)
    return count


def replay_between(
    work: Work, owner: Owner, name: str, *, since: datetime, until: datetime, types: Sequence[str], now: datetime
) -> int:
    """Have one endpoint told again of all events with since <= created < until of these types; none: of those it wants.

    Returns how many deliveries there are. Raises NotFoundError, ConflictError, ValidationError for a range too wide.
    """
    row = _told(get_endpoint(work, owner, name))
    if until <= since:
        raise refused_at("/until", "It must be later than since.")
    if since < now - REPLAYED_FOR:
        raise refused_at("/since", f"Events can be sent again for {REPLAYED_FOR.days} days.")
    found = queries.find_events_between(work.session, owner.lender_id, since, until, limit=MOST_REPLAYED + 1)
    if len(found) > MOST_REPLAYED:
        raise refused_at("/until", f"There are over {MOST_REPLAYED} events in between; ask for a shorter time.")
    wanted = tuple(types) or tuple(row.types)
    count = _replay(work, row.id, [each.id for each in found if matches(wanted, each.type)], now=now)
    facts = {"endpoint": name, "since": since.isoformat(), "until": until.isoformat(), "deliveries": count}
    _note(work, owner, "webhook.replay", facts, now)
    return count


def get_endpoint(work: Work, owner: Owner, name: str) -> WebhookEndpointRow:
    """Return an endpoint that was not deleted, locked. Raises NotFoundError."""
    row = queries.lock_endpoint(work.session, owner.lender_id, name)
    if row is None or row.deleted_at is not None:
        raise NotFoundError("There is no such endpoint.")
    return row


def list_endpoints(reads: Connection, lender_id: str) -> list[Any]:
    """Return a lender's endpoints by name, each with how many deliveries wait and failed."""
    return queries.list_endpoints(reads, lender_id)


def shown_endpoint(reads: Connection, lender_id: str, name: str) -> Any:
    """Return an endpoint with how many deliveries wait and failed. Raises NotFoundError."""
    for row in queries.list_endpoints(reads, lender_id):
        if row.name == name:
            return row
    raise NotFoundError("There is no such endpoint.")


def endpoint_id_of(session: Session | Connection, lender_id: str, name: str) -> str:
    """Return the id of an endpoint, a deleted one's too: its deliveries can still be read. Raises NotFoundError."""
    found = queries.find_endpoint_id(session, lender_id, name)
    if found is None:
        raise NotFoundError("There is no such endpoint.")
    return found


def _told(row: WebhookEndpointRow) -> WebhookEndpointRow:
    if row.state == "disabled":
        raise ConflictError("The endpoint is disabled; put it with enabled true first.")
    return row


def _replay(work: Work, endpoint_id: str, event_ids: Sequence[str], *, now: datetime) -> int:
    last = find_last_replays(work.session, endpoint_id, event_ids)
    rows = [
        a_delivery(event_id, endpoint_id, now=now, replay_no=last[event_id][0] + 1 if event_id in last else 0)
        for event_id in event_ids
        if not (event_id in last and last[event_id][1])
    ]
    add_deliveries(work.session, rows)
    return len(rows)


def _note(work: Work, owner: Owner, action: str, facts: dict[str, object], now: datetime) -> None:
    add_audit(work.session, at=now, actor=owner.actor, action=action, borrower_id=None, facts=facts)
