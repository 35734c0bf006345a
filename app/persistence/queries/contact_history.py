"""The contacts a borrower had about the debt, with their messages. Every statement filters by the borrower."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, or_, select, tuple_

from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow

_LEFT = ("sending", "sent", "delivered", "uncertain", "failed")
"""States of a message that was, or may have been, handed over."""


def page_contacts(
    reads: Connection, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int, now: datetime
) -> Sequence[Any]:
    """Return contacts of which something left, and what people logged, newest first by (created_at, id)."""
    left = exists().where(MessageRow.contact_id == ContactRow.id, MessageRow.state.in_(_LEFT), MessageRow.not_before <= now)
    statement = (
        select(
            ContactRow.id,
            ContactRow.created_at,
            ContactRow.local_date,
            ContactRow.zones,
            ContactRow.message_class,
            ContactRow.origin,
            ContactRow.state,
        )
        .where(ContactRow.borrower_id == borrower_id, ContactRow.created_at <= now, or_(ContactRow.origin == "manual", left))
        .order_by(ContactRow.created_at.desc(), ContactRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(ContactRow.created_at, ContactRow.id) < before)
    return reads.execute(statement).all()


def find_messages(reads: Connection, borrower_id: str, contact_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return contact id -> its messages without their text, the first rung first."""
    found: dict[str, list[Any]] = defaultdict(list)
    statement = (
        select(
            MessageRow.id,
            MessageRow.contact_id,
            MessageRow.channel,
            MessageRow.template,
            MessageRow.state,
            MessageRow.not_before,
            MessageRow.sent_at,
            MessageRow.seen_at,
            MessageRow.read_at,
        )
        .where(MessageRow.borrower_id == borrower_id, MessageRow.contact_id.in_(contact_ids))
        .order_by(MessageRow.rung_no, MessageRow.created_at, MessageRow.id)
    )
    for row in reads.execute(statement):
        found[row.contact_id].append(row)
    return found
