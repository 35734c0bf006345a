"""What providers told: stored once, found by what it is about, marked with what became of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.queries.chunks import chunks

WAITING = "unmatched"
"""Outcome of what is stored and not applied yet."""


def add_receipts(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Store what is not known yet, by (provider, event_key); return the ids of the rows that are new.

    Of two posts of the same at one instant the second waits for the first and then stores nothing.
    """
    if not rows:
        return set()
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(DeliveryReceiptRow).on_conflict_do_nothing(index_elements=["provider", "event_key"])
    # In one order, so that two posts of the same in different orders do not wait for each other.
    ordered = sorted(rows, key=lambda row: row["event_key"])
    return {row_id for (row_id,) in session.execute(statement.returning(DeliveryReceiptRow.id), ordered)}


def find_waiting(session: Session, *, since: datetime, limit: int) -> dict[str, str]:
    """Return id -> kind of receipts that can be applied by now, oldest first: their message is known, or they need none."""
    by_reference = exists().where(
        DeliveryAttemptRow.provider_reference == DeliveryReceiptRow.provider_reference,
        DeliveryAttemptRow.provider == DeliveryReceiptRow.provider,
    )
    by_message = exists().where(DeliveryAttemptRow.message_id == DeliveryReceiptRow.message_id)
    statement = (
        select(DeliveryReceiptRow.id, DeliveryReceiptRow.kind)
        .where(
            DeliveryReceiptRow.outcome == WAITING,
            DeliveryReceiptRow.received_at >= since,
            or_(DeliveryReceiptRow.kind != "report", by_reference, by_message),
        )
        .order_by(DeliveryReceiptRow.received_at, DeliveryReceiptRow.id)
        .limit(limit)
    )
    return {row.id: row.kind for row in session.execute(statement)}


def claim_receipts(session: Session, receipt_ids: Collection[str], *, skip_locked: bool) -> list[DeliveryReceiptRow]:
    """Lock those of these receipts that are not applied yet and return them as they came."""
    found: list[DeliveryReceiptRow] = []
    for part in chunks(sorted(receipt_ids)):
        statement = (
            select(DeliveryReceiptRow)
            .where(DeliveryReceiptRow.id.in_(part), DeliveryReceiptRow.outcome == WAITING)
            .order_by(DeliveryReceiptRow.received_at, DeliveryReceiptRow.id)
            .with_for_update(skip_locked=skip_locked)
        )
        found += session.scalars(statement)
    return found


def find_attempts(
    session: Session, references: Collection[str], message_ids: Collection[str]
) -> Sequence[DeliveryAttemptRow]:
    """Return the tries of these messages, and all of those of which one try has such a reference; oldest first."""
    wanted = set(message_ids)
    for part in chunks(sorted(references)):
        referred = select(DeliveryAttemptRow.message_id).where(DeliveryAttemptRow.provider_reference.in_(part))
        wanted |= set(session.scalars(referred))
    found: list[DeliveryAttemptRow] = []
    for part in chunks(sorted(wanted)):
        statement = select(DeliveryAttemptRow).where(DeliveryAttemptRow.message_id.in_(part))
        found += session.scalars(statement.order_by(DeliveryAttemptRow.started_at, DeliveryAttemptRow.id))
    return found


def lock_attempts(session: Session, attempt_ids: Collection[str], *, skip_locked: bool) -> dict[str, DeliveryAttemptRow]:
    """Lock tries in id order and return them. Before their messages, as whoever records what became of a try does."""
    found: dict[str, DeliveryAttemptRow] = {}
    for part in chunks(sorted(attempt_ids)):
        statement = select(DeliveryAttemptRow).where(DeliveryAttemptRow.id.in_(part)).order_by(DeliveryAttemptRow.id)
        locked = statement.with_for_update(skip_locked=skip_locked).execution_options(populate_existing=True)
        found |= {row.id: row for row in session.scalars(locked)}
    return found


def lock_messages(session: Session, message_ids: Collection[str], *, skip_locked: bool) -> dict[str, MessageRow]:
    """Lock messages in id order and return them; with `skip_locked` those that another holds are absent."""
    found: dict[str, MessageRow] = {}
    for part in chunks(sorted(message_ids)):
        statement = select(MessageRow).where(MessageRow.id.in_(part)).order_by(MessageRow.id)
        locked = statement.with_for_update(skip_locked=skip_locked).execution_options(populate_existing=True)
        found |= {row.id: row for row in session.scalars(locked)}
    return found


def find_contacts_waiting(session: Session, contact_ids: Collection[str]) -> set[str]:
    """Return those of these contacts of which a message still waits to leave."""
    found: set[str] = set()
    for part in chunks(sorted(contact_ids)):
        statement = select(MessageRow.contact_id).where(
            MessageRow.contact_id.in_(part), MessageRow.state.in_(("queued", "stale"))
        )
        found |= {contact_id for contact_id in session.scalars(statement.distinct()) if contact_id is not None}
    return found


def give_up(session: Session, *, before: datetime, limit: int) -> int:
    """End receipts that nothing was found for so long; return how many."""
    statement = (
        select(DeliveryReceiptRow.id)
        .where(DeliveryReceiptRow.outcome == WAITING, DeliveryReceiptRow.received_at < before)
        .limit(limit)
    )
    ids = list(session.scalars(statement))
    for part in chunks(ids):
        session.execute(
            update(DeliveryReceiptRow)
            .where(DeliveryReceiptRow.id.in_(part), DeliveryReceiptRow.outcome == WAITING)
            .values(outcome="ignored")
        )
    return len(ids)


def count_waiting(session: Session, *, before: datetime) -> int:
    """Return how many receipts were stored before then and are not applied yet."""
    condition = and_(DeliveryReceiptRow.outcome == WAITING, DeliveryReceiptRow.received_at < before)
    return session.scalar(select(func.count()).select_from(DeliveryReceiptRow).where(condition)) or 0
