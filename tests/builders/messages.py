"""Messages that wait in the outbox, decided under what holds now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import func, select

from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.devices import EndpointRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, RulesStateRow
from app.persistence.unit_of_work import reading, unit_of_work

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
VARIABLES = {"count": 1, "amount": "$100.00", "due_on": "10 March 2026", "loan": "L1", "lender": "Acme"}


def queue_message(borrower_id: str, channel: str, *, now: datetime = NOW, **changes: Any) -> str:
    """Put one message into the outbox; return its id."""
    return queue_messages(borrower_id, channel, 1, now=now, **changes)[0]


def queue_messages(borrower_id: str, channel: str, count: int, *, now: datetime = NOW, **changes: Any) -> list[str]:
    """Put so many messages into the outbox at once; return their ids."""
    ids = [new_id() for _ in range(count)]
    text = {"title": "A title", "body": "A text.", "variables": VARIABLES}
    with unit_of_work() as work:
        agenda = work.session.get(AgendaRow, borrower_id)
        epoch = work.session.scalar(select(func.coalesce(func.max(RulesStateRow.rules_epoch), 0)))
        given = {
            "borrower_id": borrower_id,
            "channel": channel,
            "message_class": "reminder",
            "template": "due_soon",
            "template_version": 1,
            "locale": "en",
            "state": "queued",
            "not_before": now,
            "not_after": now + timedelta(hours=8),
            "case_version": agenda.case_version if agenda is not None else 0,
            "rules_epoch": epoch,
            "next_attempt_at": now,
            "created_at": now,
        }
        for message_id in ids:
            sealed = vault().seal(orjson.dumps(text).decode(), place=f"messages.text:{message_id}")
            work.session.add(MessageRow(**{**given, "id": message_id, "text_sealed": sealed, **changes}))
    return ids


def bind_openid(borrower_id: str, openid: str, *, now: datetime = NOW, state: str = "active") -> str:
    """Give a borrower a WeChat address; return the endpoint's id."""
    endpoint_id = new_id()
    ring = vault()
    with unit_of_work() as work:
        work.session.add(
            EndpointRow(
                id=endpoint_id,
                borrower_id=borrower_id,
                channel="wechat",
                address_kind="openid",
                address_sealed=ring.seal(openid, place=f"endpoints.address:{endpoint_id}"),
                address_digest=ring.search_hash("endpoint", openid).digest,
                state=state,
                changed_at=now,
            )
        )
    return endpoint_id


def state_of(message_id: str) -> tuple[str, str | None]:
    """Return state and reason of a message."""
    with reading() as session:
        row = session.get(MessageRow, message_id)
        assert row is not None
        return row.state, row.state_reason
