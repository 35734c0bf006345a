"""Wishes of borrowers about when, where and how they are contacted. Ended ones are kept."""

from collections.abc import Collection
from datetime import datetime, time

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.orm import Session

from app.persistence.ids import new_id
from app.persistence.models.preferences import ContactPreferenceRow


def find_wish(
    reads: Connection | Session, borrower_id: str, kinds: Collection[str]
) -> tuple[str, time | None, time | None] | None:
    """Return (kind, from, until) of the newest wish of these kinds, for all channels, that has not ended."""
    row = reads.execute(
        select(ContactPreferenceRow.kind, ContactPreferenceRow.from_time, ContactPreferenceRow.until_time)
        .where(*_standing(borrower_id, kinds))
        .order_by(ContactPreferenceRow.recorded_at.desc(), ContactPreferenceRow.id.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.kind, row.from_time, row.until_time)


def mark_wishes_ended(session: Session, borrower_id: str, kinds: Collection[str], *, now: datetime) -> None:
    """End the wishes of these kinds, for all channels."""
    session.execute(update(ContactPreferenceRow).where(*_standing(borrower_id, kinds)).values(ended_at=now))


def add_wish(
    session: Session, borrower_id: str, *, kind: str, from_time: time, until_time: time | None, by: str, now: datetime
) -> None:
    """Add a wish about hours, for all channels."""
    session.add(
        ContactPreferenceRow(
            id=new_id(),
            borrower_id=borrower_id,
            kind=kind,
            channel=None,
            from_time=from_time,
            until_time=until_time,
            by=by,
            recorded_at=now,
        )
    )


def _standing(borrower_id: str, kinds: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return (
        ContactPreferenceRow.borrower_id == borrower_id,
        ContactPreferenceRow.kind.in_(list(kinds)),
        ContactPreferenceRow.channel.is_(None),
        ContactPreferenceRow.ended_at.is_(None),
    )
