"""Private notes of staff about a borrower: sealed, corrected by a new version, never deleted; each lender sees its own."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.book import check_text
from app.domain.errors import ForbiddenError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.permissions import SENIOR
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.notes import NoteRow, NoteVersionRow
from app.persistence.queries import notes as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.unit_of_work import Work, peeking, unit_of_work
from app.persistence.vault import Vault

LONGEST_NOTE = 4000


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes. `by` as the audit trail names them."""

    by: str
    role: str
    lender_id: str


@dataclass(frozen=True, slots=True)
class NoteShown:
    """A note as it reads now."""

    id: str
    text: str = field(repr=False)
    by: str
    pinned: bool
    version_no: int
    written_at: datetime
    corrected_by: str | None
    corrected_at: datetime | None


@dataclass(frozen=True, slots=True)
class VersionShown:
    """One version of a note."""

    version_no: int
    text: str = field(repr=False)
    by: str
    at: datetime


def add_note(work: Work, borrower_no: str, text: str, *, writer: Writer, now: datetime, pinned: bool = False) -> NoteShown:
    """Write a note. Raises ValidationError, NotFoundError."""
    borrower_id = get_borrower_of_lender(work.session, writer.lender_id, borrower_no)
    note_id, kept = new_id(), _checked(text)
    row = NoteRow(
        id=note_id, borrower_id=borrower_id, lender_id=writer.lender_id, by=writer.by, pinned=pinned, written_at=now,
        version_no=1, text_sealed=_seal(work, note_id, 1, kept),
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    _keep_version(work, row, writer.by, now)
    _audit(work, row, "note.written", writer, now)
    return shown(work.vault, row)


def correct_note(work: Work, borrower_no: str, note_id: str, text: str, *, writer: Writer, now: datetime) -> NoteShown:
    """Put a new version in a note's place; who wrote it may, and a supervisor, compliance or admin. The same is no change.

    Raises ValidationError, NotFoundError, ForbiddenError.
    """
    row = _note(work, borrower_no, note_id, writer)
    if writer.by != row.by and writer.role not in SENIOR:
        raise ForbiddenError("Who wrote a note corrects it, or a supervisor, compliance or admin. Write one of your own.")
    kept = _checked(text)
    if kept != _open(work.vault, row):
        row.version_no += 1
        row.text_sealed = _seal(work, row.id, row.version_no, kept)
        row.corrected_by, row.corrected_at = writer.by, now
        work.session.flush()
        _keep_version(work, row, writer.by, now)
        _audit(work, row, "note.corrected", writer, now)
    return shown(work.vault, row)


def pin_note(work: Work, borrower_no: str, note_id: str, pinned: bool, *, writer: Writer, now: datetime) -> NoteShown:
    """Put a note on top of the others, or back among them. Raises NotFoundError."""
    row = _note(work, borrower_no, note_id, writer)
    if row.pinned != pinned:
        row.pinned = pinned
        work.session.flush()
        _audit(work, row, "note.pinned" if pinned else "note.unpinned", writer, now)
    return shown(work.vault, row)


def list_notes(
    borrower_no: str, *, writer: Writer, before: tuple[datetime, str] | None, limit: int, now: datetime
) -> list[NoteShown]:
    """Return notes, newest first; that they were read is written down. The request holds no connection meanwhile."""
    ring = vault()
    with peeking() as reads:
        borrower_id = get_borrower_of_lender(reads, writer.lender_id, borrower_no)
        rows = queries.page_notes(reads, writer.lender_id, borrower_id, before=before, limit=limit)
        found = [shown(ring, row) for row in rows]
    if found:
        _note_reading(borrower_id, "notes.read", {"notes": len(found)}, writer, now)
    return found


def list_versions(borrower_no: str, note_id: str, *, writer: Writer, now: datetime) -> list[VersionShown]:
    """Return every version of a note, the first one first; that they were read is written down. Raises NotFoundError."""
    with unit_of_work() as work:
        row = _note(work, borrower_no, note_id, writer)
        _audit(work, row, "notes.read", writer, now)
        return [
            VersionShown(each.version_no, _text(work.vault, note_id, each), each.by, each.at)
            for each in queries.find_versions(work.session, note_id)
        ]


def shown(ring: Vault, row: Any) -> NoteShown:
    """Return a note's row as staff see it."""
    return NoteShown(
        row.id, _open(ring, row), row.by, row.pinned, row.version_no, row.written_at, row.corrected_by, row.corrected_at
    )


def note_place(note_id: str, version_no: int) -> str:
    """Return what a note's text is sealed for."""
    return f"notes.text:{note_id}/{version_no}"


def _note(work: Work, borrower_no: str, note_id: str, writer: Writer) -> NoteRow:
    borrower_id = get_borrower_of_lender(work.session, writer.lender_id, borrower_no)
    return queries.get_note(work.session, writer.lender_id, borrower_id, note_id)


def _checked(text: str) -> str:
    check_text("text", text, LONGEST_NOTE)
    if not text.strip():
        raise refused_at("/text", "text is empty; write what others need to know.")
    return without_card_numbers(text.strip())


def _seal(work: Work, note_id: str, version_no: int, text: str) -> bytes:
    sealed = work.vault.seal(text, place=note_place(note_id, version_no))
    assert sealed is not None
    return sealed


def _open(ring: Vault, row: Any) -> str:
    return _text(ring, row.id, row)


def _text(ring: Vault, note_id: str, row: Any) -> str:
    return ring.open(row.text_sealed, place=note_place(note_id, row.version_no)) or ""


def _keep_version(work: Work, row: NoteRow, by: str, now: datetime) -> None:
    work.session.add(
        NoteVersionRow(
            note_id=row.id,
            version_no=row.version_no,
            borrower_id=row.borrower_id,
            text_sealed=row.text_sealed,
            by=by,
            at=now,
        )
    )
    work.session.flush()


def _note_reading(borrower_id: str, action: str, facts: dict[str, Any], writer: Writer, now: datetime) -> None:
    with unit_of_work() as work:
        add_audit(work.session, at=now, actor=writer.by, action=action, borrower_id=borrower_id, facts=facts)


def _audit(work: Work, row: NoteRow, action: str, writer: Writer, now: datetime) -> None:
    facts = {"note_id": row.id, "version_no": row.version_no}
    add_audit(work.session, at=now, actor=writer.by, action=action, borrower_id=row.borrower_id, facts=facts)
