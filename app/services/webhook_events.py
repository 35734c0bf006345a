"""Telling the lender's own systems what happened: written with it, delivered later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table

from app.domain.webhook_catalogue import KNOWN_TYPES
from app.domain.webhooks import matches
from app.logs import logger
from app.persistence.bulk import add_rows
from app.persistence.ids import new_id
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.queries.webhook_deliveries import add_deliveries
from app.persistence.queries.webhooks import find_subscribers
from app.persistence.unit_of_work import Work


class UnknownEventError(Exception):
    """An event is announced that no lender could know of."""


class _Strictness:
    raises = False


def raise_unknown(wanted: bool) -> None:
    """Have an event that is in no catalogue raise, as tests want it. Else it is logged, and told all the same."""
    _Strictness.raises = wanted


def announce(
    work: Work, lender_id: str, event_type: str, data: Mapping[str, Any], *, now: datetime, borrower_id: str | None = None
) -> str:
    """Keep an event for the lender's endpoints, with a delivery to each that wants it; return its id.

    `event_type`: noun.verb.v1. `data`: JSON values; loans and borrowers by the lender's numbers, no personal data.
    """
    event_id = add_event(work, lender_id, event_type, data, now=now, borrower_id=borrower_id)
    wanted = [each.endpoint_id for each in find_subscribers(work.session, lender_id) if matches(each.types, event_type)]
    add_deliveries(work.session, [a_delivery(event_id, endpoint_id, now=now) for endpoint_id in wanted])
    return event_id


def add_event(
    work: Work, lender_id: str, event_type: str, data: Mapping[str, Any], *, now: datetime, borrower_id: str | None = None
) -> str:
    """Keep an event that is delivered to nobody yet; return its id. Raises UnknownEventError, where tests want it."""
    _check_known(event_type)
    event_id = new_id()
    work.session.add(
        WebhookEventRow(
            id=event_id, lender_id=lender_id, borrower_id=borrower_id, type=event_type, data=dict(data), created_at=now
        )
    )
    work.session.flush()
    return event_id


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event of many: type, data and borrower as `announce` takes them."""

    type: str
    data: Mapping[str, Any]
    borrower_id: str | None = None


def announce_many(work: Work, lender_id: str, events: Sequence[NewEvent], *, now: datetime) -> None:
    """Do what `announce` does for many events of one lender, in three statements."""
    rows = []
    for each in events:
        _check_known(each.type)
        rows.append(
            {"id": new_id(), "lender_id": lender_id, "borrower_id": each.borrower_id, "type": each.type,
             "data": dict(each.data), "created_at": now}
        )  # fmt: skip
    add_rows(work.session, cast(Table, WebhookEventRow.__table__), rows)
    deliveries = [
        a_delivery(str(row["id"]), subscriber.endpoint_id, now=now)
        for subscriber in find_subscribers(work.session, lender_id)
        for row in rows
        if matches(subscriber.types, str(row["type"]))
    ]
    add_deliveries(work.session, deliveries)


def _check_known(event_type: str) -> None:
    if event_type not in KNOWN_TYPES:
        logger().error("an event stands in no catalogue", type=event_type)
        if _Strictness.raises:
            raise UnknownEventError(f"{event_type}: say in domain/webhook_catalogue.py when it is told and what it holds.")


def a_delivery(event_id: str, endpoint_id: str, *, now: datetime, replay_no: int = 0) -> dict[str, Any]:
    """Return a row that has an event delivered to an endpoint at once."""
    return {
        "id": new_id(), "event_id": event_id, "endpoint_id": endpoint_id, "replay_no": replay_no, "state": "pending",
        "attempts": 0, "next_attempt_at": now, "created_at": now,
    }  # fmt: skip
