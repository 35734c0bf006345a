"""Notes of staff about borrowers; each lender has its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.notes import NoteRow, NoteVersionRow


def get_note(session: Session, lender_id: str, borrower_id: str, note_id: str) -> NoteRow:
    """Return a note and lock it. Raises NotFoundError, also for another lender's."""
    row = session.scalar(
        select(NoteRow)
        .where(NoteRow.id == note_id, NoteRow.borrower_id == borrower_id, NoteRow.lender_id == lender_id)
        .with_for_update()
    )
    if row is None:
        raise NotFoundError("There is no such note.")
    return row


def page_notes(
    reads: Connection, lender_id: str, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return notes, newest first by (written_at, id)."""
    statement = (
        select(NoteRow.__table__)
        .where(NoteRow.borrower_id == borrower_id, NoteRow.lender_id == lender_id)
        .order_by(NoteRow.written_at.desc(), NoteRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(NoteRow.written_at, NoteRow.id) < before)
    return reads.execute(statement).all()


def find_versions(reads: Connection | Session, note_id: str) -> Sequence[Any]:
    """Return every version of a note, the first one first."""
    statement = select(NoteVersionRow.__table__).where(NoteVersionRow.note_id == note_id)
    return reads.execute(statement.order_by(NoteVersionRow.version_no)).all()
