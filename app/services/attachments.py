"""Files that borrowers hand in: announced, uploaded, scanned, claimed by what they belong to, and forgotten if nothing does.

The bytes are sealed before they leave this process and kept under a random word. Nothing here opens a file: it is handed to
staff as it is, to be kept, never shown.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.attachments import KEPT, MIB, MOVES, RULES, ScannerError, State, content_problem, media_type_of, shown_name
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.logs import logger
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.attachments import AttachmentRow
from app.persistence.queries import attachments as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.persistence.vault import Vault
from app.services.attachment_stores import attachment_store, scanner
from app.services.follow_ups import follow_up_at

BY_BORROWER = "borrower"
FOLLOW_UP = "attachments"
"""The kind of the follow-up that scans a file again whose scanner did not answer."""
_SCAN_AGAIN = timedelta(minutes=1)
_PROBLEMS = {
    "wrong_type": "The bytes are not a file of the announced type.",
    "holds_markup": "The file begins like a web page; a picture or a PDF does not.",
    "is_pdf_too": "The file is a picture and a PDF at once; send one or the other.",
    "is_archive_too": "The file ends in an archive; send the document alone.",
}
DOWNLOAD_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file as the app announces it."""

    purpose: str
    media_type: str
    size_bytes: int
    sha256: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file for staff."""

    content: bytes
    name: str
    is_scanned: bool


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file as staff see it beside what it belongs to."""

    id: str
    name: str = field(repr=False)
    media_type: str
    size_bytes: int
    state: str
    by: str


def register_attachment(
    work: Work, borrower_id: str, new: NewAttachment, *, now: datetime, by: str = BY_BORROWER
) -> AttachmentRow:
    """Announce a file. Raises ConflictError when too many of the borrower's files belong to nothing, or came in a day.

    `by`: the borrower, or staff:NAME who hands it to them.
    """
    lock_agenda(work.session, [borrower_id])
    if queries.count_unclaimed(work.session, borrower_id, by=by) >= RULES.most_unclaimed:
        raise ConflictError(
            f"{RULES.most_unclaimed} files wait to be used already; use them, or wait until they are forgotten."
        )
    if queries.count_announced(work.session, borrower_id, by=by, since=now - timedelta(days=1)) >= RULES.most_in_a_day:
        raise ConflictError(f"{RULES.most_in_a_day} files came within a day; hand the rest in tomorrow, or write to us.")
    attachment_id = new_id()
    row = AttachmentRow(
        id=attachment_id,
        borrower_id=borrower_id,
        by=by,
        purpose=new.purpose,
        media_type=new.media_type,
        size_bytes=new.size_bytes,
        sha256=new.sha256,
        name_sealed=work.vault.seal(shown_name(new.file_name, new.media_type), place=_place("name", attachment_id)),
        stored_as=secrets.token_hex(32),
        state=State.REGISTERED.value,
        created_at=now,
        expires_at=now + timedelta(hours=RULES.hours_to_upload),
    )
    work.session.add(row)
    work.session.flush()
    return row


def find_upload(borrower_id: str, attachment_id: str, *, now: datetime, by: str = BY_BORROWER) -> AttachmentRow:
    """Return what is to be uploaded. Raises NotFoundError, ConflictError (it is there already, or its time is over)."""
    with reading() as session:
        row = queries.get_own_attachment(session, borrower_id, attachment_id, by=by)
        session.expunge(row)
    if shown_state(row, now) is State.EXPIRED:
        raise ConflictError("The time to upload this file is over; announce it anew.")
    return row


def take_content(
    borrower_id: str, attachment_id: str, content: bytes, *, now: datetime, by: str = BY_BORROWER
) -> AttachmentRow:
    """Take the bytes of an announced file; the same bytes again change nothing.

    They are kept before the row says so, outside any transaction: what a crash leaves behind is overwritten by the next
    try, or forgotten with the row. Raises NotFoundError, ConflictError, ValidationError (other bytes than announced).
    """
    row = find_upload(borrower_id, attachment_id, now=now, by=by)
    if hashlib.sha256(content).hexdigest() != row.sha256 or len(content) != row.size_bytes:
        raise refused_at("/content", "The bytes are not those that were announced: size or SHA-256 differ.")
    if row.state != State.REGISTERED.value:
        return row
    problem = content_problem(row.media_type, content)
    if problem is not None:
        raise refused_at("/content", _PROBLEMS[problem])
    attachment_store().put(row.stored_as, vault().seal_bytes(content, place=_place("content", attachment_id)))
    with unit_of_work() as work:
        row = queries.get_own_attachment(work.session, borrower_id, attachment_id, lock=True, by=by)
        if row.state == State.REGISTERED.value:
            _move(row, State.SCANNING if scanner() else State.UNSCANNED)
            row.uploaded_at = now
            work.session.flush()
    return _scan(borrower_id, attachment_id, content, now=now, by=by) if scanner() else row


def hand_in(
    borrower_id: str, purpose: str, name: str, content: bytes, *, now: datetime, by: str = BY_BORROWER
) -> AttachmentRow:
    """Take a file whose bytes are there already: announced and taken in one; what it is, its bytes say.

    Raises ConflictError (too many files wait), ValidationError (too large, empty, or no file that is taken).
    """
    if not 0 < len(content) <= RULES.most_bytes:
        raise refused_at("/content", f"A file has 1 byte to {RULES.most_bytes // MIB} MiB.")
    media_type = media_type_of(content)
    if media_type is None:
        raise refused_at("/content", "Files are PDF, JPEG, PNG or HEIC; this one is none of them.")
    problem = content_problem(media_type, content)
    if problem is not None:
        raise refused_at("/content", _PROBLEMS[problem])
    new = NewAttachment(purpose, media_type, len(content), hashlib.sha256(content).hexdigest(), name)
    with unit_of_work() as work:
        attachment_id = register_attachment(work, borrower_id, new, now=now, by=by).id
    return take_content(borrower_id, attachment_id, content, now=now, by=by)


def scan_again(work: Work, attachment_id: str, *, now: datetime) -> None:
    """Scan a file whose scanner did not answer. The follow-up's look: what raises is tried again later."""
    row = work.session.get(AttachmentRow, attachment_id)
    look = scanner()
    if row is None or row.state != State.SCANNING.value or look is None:
        return
    content = work.vault.open_bytes(attachment_store().get(row.stored_as), place=_place("content", row.id))
    _told(work, row, look.scan(content), now)


def claim(
    work: Work,
    borrower_id: str,
    attachment_ids: Sequence[str],
    subject_kind: str,
    subject_id: str,
    *,
    now: datetime,
    lender_id: str | None = None,
    of_staff: bool = False,
) -> list[AttachmentRow]:
    """Bind files to what they belong to, each once: a dispute, a hardship request, a conversation.

    `lender_id`: whose staff may see them; None: of every lender the borrower has a loan with. `of_staff`: files that staff
    hand to the borrower, else those of the borrower. Binding to the same again changes nothing. Raises NotFoundError (also
    for another borrower's), ConflictError (used elsewhere), ValidationError (not uploaded, or refused).
    """
    found = queries.find_own_attachments(work.session, borrower_id, attachment_ids)
    rows = []
    for index, attachment_id in enumerate(dict.fromkeys(attachment_ids)):
        row = found.get(attachment_id)
        if row is None or (row.by != BY_BORROWER) != of_staff:
            raise NotFoundError("There is no such attachment.")
        if row.claimed_at is not None and (row.subject_kind, row.subject_id) != (subject_kind, subject_id):
            raise ConflictError("The attachment was used before; hand the file in again.")
        if State(row.state) not in KEPT:
            raise refused_at(f"/attachments/{index}", "The attachment was not uploaded, or was refused.")
        if row.claimed_at is None:
            row.subject_kind, row.subject_id, row.lender_id, row.claimed_at = subject_kind, subject_id, lender_id, now
        rows.append(row)
    work.session.flush()
    return rows


def download(lender_id: str, attachment_id: str, *, by: str, even_unscanned: bool, now: datetime) -> Download:
    """Return a file to a member of staff, and note that they took it.

    Raises NotFoundError, ConflictError (it is being scanned, was refused, or was not scanned and nobody said that is known).
    """
    with unit_of_work() as work:
        row = queries.get_attachment_of_lender(work.session, lender_id, attachment_id)
        state = State(row.state)
        if state is State.UNSCANNED and not even_unscanned:
            raise ConflictError("No scanner has looked at this file. Ask again with unscanned=true if you know what you do.")
        if state not in (State.CLEAN, State.UNSCANNED):
            raise ConflictError("The file is not there: the scanner is looking at it, or has refused it.")
        place, word, name = _place("content", row.id), row.stored_as, name_of(work.vault, row)
        facts = {"attachment_id": row.id, "state": row.state, "subject_kind": row.subject_kind}
        add_audit(work.session, at=now, actor=by, action="attachment.taken", borrower_id=row.borrower_id, facts=facts)
    return Download(vault().open_bytes(attachment_store().get(word), place=place), name, state is State.CLEAN)


def download_handed(borrower_id: str, attachment_id: str) -> Download:
    """Return a file that staff handed to the borrower. Raises NotFoundError, ConflictError (their own, or not there yet)."""
    with reading() as session:
        row = queries.get_own_attachment(session, borrower_id, attachment_id)
        if row.by == BY_BORROWER:
            raise ConflictError("A file that you handed in yourself is not given out again.")
        state = State(row.state)
        if state not in (State.CLEAN, State.UNSCANNED):
            raise ConflictError("The file is not there yet, or was refused.")
        place, word, name = _place("content", row.id), row.stored_as, name_of(vault(), row)
    return Download(vault().open_bytes(attachment_store().get(word), place=place), name, state is State.CLEAN)


def shown_files(
    reads: Connection | Session, borrower_id: str, lender_id: str, attachment_ids: Collection[str]
) -> dict[str, ShownFile]:
    """Return those of these files of a borrower that staff of the lender may see, by id."""
    rows = queries.find_attachments(reads, borrower_id, attachment_ids)
    return {
        row.id: ShownFile(row.id, name_of(vault(), row), row.media_type, row.size_bytes, row.state, row.by)
        for row in rows
        if row.lender_id in (None, lender_id)
    }


def forget_unclaimed(*, now: datetime, limit: int = 200) -> int:
    """Forget files that belong to nothing for a day, bytes first; return how many."""
    before, gone = now - timedelta(hours=RULES.hours_unclaimed), 0
    while True:
        with reading() as session:
            found = queries.find_unclaimed(session, before=before, limit=limit)
        for each in found:
            with unit_of_work() as work:
                if queries.take_unclaimed(work.session, each.id):
                    attachment_store().delete(each.stored_as)
                    gone += 1
        if len(found) < limit:
            return gone


def shown_state(row: AttachmentRow, now: datetime) -> State:
    """Return where a file stands: one whose bytes did not come in time is expired, though nobody wrote it down."""
    state = State(row.state)
    return State.EXPIRED if state is State.REGISTERED and row.expires_at <= now else state


def name_of(ring: Vault, row: Any) -> str:
    """Return the name under which a file is kept by whoever downloads it."""
    return ring.open(row.name_sealed, place=_place("name", row.id)) or ""


def _scan(borrower_id: str, attachment_id: str, content: bytes, *, now: datetime, by: str) -> AttachmentRow:
    """Scan what has just come. A scanner that does not answer is asked again later; the file is not given out before."""
    look = scanner()
    assert look is not None
    try:
        found, is_known = look.scan(content), True
    except ScannerError as error:
        logger().warning("attachment not scanned", attachment_id=attachment_id, why=error.args[0])
        found, is_known = None, False
    with unit_of_work() as work:
        lock_agenda(work.session, [borrower_id])
        row = queries.get_own_attachment(work.session, borrower_id, attachment_id, lock=True, by=by)
        if row.state == State.SCANNING.value and is_known:
            _told(work, row, found, now)
        elif row.state == State.SCANNING.value:
            follow_up_at(work, FOLLOW_UP, row.id, borrower_id, at=now + _SCAN_AGAIN)
    return row


def _told(work: Work, row: AttachmentRow, found: str | None, now: datetime) -> None:
    _move(row, State.CLEAN if found is None else State.REFUSED)
    row.scanned_at = now
    if found is not None:
        row.refused_because = found[:80]
        attachment_store().delete(row.stored_as)
        facts = {"attachment_id": row.id, "found": row.refused_because}
        add_audit(
            work.session, at=now, actor="scanner", action="attachment.refused", borrower_id=row.borrower_id, facts=facts
        )
    work.session.flush()


def _move(row: AttachmentRow, state: State) -> None:
    if state not in MOVES[State(row.state)]:
        raise ConflictError(f"The attachment is {row.state}.")
    row.state = state.value


def _place(what: str, attachment_id: str) -> str:
    return f"attachments.{what}:{attachment_id}"
