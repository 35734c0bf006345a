"""An inbox's recount from scratch: what every device must come to, worked out from the rows in plain Python."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.domain.inbox import NEEDS_ACTION, category_of
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.unit_of_work import reading

AXES = ("seen_at", "read_at", "archived_at", "snoozed_until", "clicked_at", "replied_at", "settled_at")


def recount(borrower_id: str) -> tuple[int, dict[str, dict[str, Any]], dict[str, int]]:
    """Return the state, each message's marks by id (whatever is not gone), and the counts."""
    with reading() as session:
        rows = session.scalars(
            select(MessageRow).where(MessageRow.borrower_id == borrower_id, MessageRow.channel == "in_app")
        ).all()
        state = session.scalar(select(AgendaRow.inbox_state).where(AgendaRow.borrower_id == borrower_id)) or 0
        here = [row for row in rows if row.withdrawn_at is None and row.state != "cancelled" and row.inbox_created]
        marks = {row.id: {axis: getattr(row, axis) for axis in AXES} for row in here}
        listed = [row for row in here if row.archived_at is None and row.snoozed_until is None]
        counts = {
            "total": len(listed),
            "unread": sum(row.read_at is None for row in listed),
            "unseen": sum(row.seen_at is None and row.read_at is None for row in listed),
            "open": sum(row.settled_at is None for row in listed),
            "action_required": sum(
                row.settled_at is None and category_of(row.template, row.message_class) in NEEDS_ACTION for row in listed
            ),
        }
        by_category: dict[str, list[int]] = {}
        for row in listed:
            count = by_category.setdefault(category_of(row.template, row.message_class), [0, 0])
            count[0] += 1
            count[1] += row.read_at is None
    counts["categories"] = [  # type: ignore[assignment]
        {"category": category, "total": total, "unread": unread} for category, (total, unread) in sorted(by_category.items())
    ]
    return state, marks, counts


def held_marks(items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what a device holds in the form of `recount`."""
    return {key: {axis: _instant(item[axis]) for axis in AXES} for key, item in items.items()}


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
