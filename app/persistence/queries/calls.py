"""Phone calls as they are recorded, with what of their contact is part of a case."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.persistence.models.calls import CallRow
from app.persistence.models.reminders import ContactRow


def find_call(session: Session, note_key: str) -> CallRow | None:
    """Return the call of that key and lock it."""
    return session.scalar(select(CallRow).where(CallRow.note_key == note_key).with_for_update())


def next_slot(session: Session, borrower_id: str, local_date: date, cap_class: str) -> int:
    """Return the next place under a daily cap; the caller holds the borrower's agenda row."""
    statement = select(func.max(ContactRow.slot_no)).where(
        ContactRow.borrower_id == borrower_id, ContactRow.local_date == local_date, ContactRow.cap_class == cap_class
    )
    last = session.scalar(statement)
    return 1 if last is None else last + 1
