"""Messages that were handed over, each with its try, valid by default; and contacts they are of."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import orjson

from app.persistence.ids import new_id
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import ContactRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.agenda import touch
from tests.fakes.callbacks import NAME

_numbers = count(1)


def a_contact(borrower_id: str, *, now: datetime) -> str:
    contact_id = new_id()
    with unit_of_work() as work:
        work.session.add(
            ContactRow(
                id=contact_id,
                borrower_id=borrower_id,
                message_class="reminder",
                local_date=now.date(),
                zones=["UTC"],
                slot_no=next(_numbers),
                stage="early",
                step_key="d-3",
                created_at=now,
            )
        )
    return contact_id


def a_sent(
    borrower_id: str,
    *,
    now: datetime,
    reference: str | None = None,
    state: str = "sent",
    channel: str = "sms",
    provider: str = NAME,
    endpoint_id: str | None = None,
    **changes: Any,
) -> str:
    """Write a message and one try; return the message's id. `reference`: the provider's id, if it is known already."""
    message_id = new_id()
    given = {
        "message_class": "reminder",
        "template": "due_soon",
        "template_version": 1,
        "locale": "en",
        "not_before": now,
        "not_after": now + timedelta(hours=8),
        "attempts": 1,
        "next_attempt_at": now,
        "created_at": now,
        "sent_at": now if state == "sent" else None,
    }
    with unit_of_work() as work:
        touch(work, [borrower_id], now=now)
        text = orjson.dumps({"title": "", "body": "Something is due."}).decode()
        sealed = work.vault.seal(text, place=f"messages.text:{message_id}")
        work.session.add(
            MessageRow(
                id=message_id,
                borrower_id=borrower_id,
                channel=channel,
                state=state,
                text_sealed=sealed,
                **{**given, **changes},
            )
        )
        work.session.flush()
        _attempt(work, borrower_id, message_id, now, reference, provider, endpoint_id, 1)
    return message_id


def another_try(borrower_id: str, message_id: str, *, now: datetime, reference: str | None, provider: str = NAME) -> None:
    with unit_of_work() as work:
        _attempt(work, borrower_id, message_id, now, reference, provider, None, 2)


def _attempt(
    work: Any,
    borrower_id: str,
    message_id: str,
    now: datetime,
    reference: str | None,
    provider: str,
    endpoint_id: str | None,
    number: int,
) -> None:
    work.session.add(
        DeliveryAttemptRow(
            id=new_id(),
            borrower_id=borrower_id,
            message_id=message_id,
            endpoint_id=endpoint_id or borrower_id,
            attempt_no=number,
            provider=provider,
            started_at=now,
            finished_at=now,
            provider_reference=reference,
            outcome="accepted" if reference else "sending",
        )
    )


def message(message_id: str) -> MessageRow:
    with reading() as session:
        row = session.get(MessageRow, message_id)
        assert row is not None
        session.expunge(row)
        return row
