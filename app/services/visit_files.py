"""Files of evidence that staff hand in for a visit: announced and uploaded as a borrower's are, and only staff see them."""

import hashlib
from datetime import datetime
from typing import Any

from app.domain.errors import ConflictError, NotFoundError
from app.domain.visits import MOST_EVIDENCE
from app.persistence.models.attachments import AttachmentRow
from app.persistence.queries import visits as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.attachments import find_attachments_of
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import attachments
from app.services.attachments import NewAttachment, ShownFile
from app.services.visits import SUBJECT, Actor


def register(work: Work, visit_id: str, new: NewAttachment, *, actor: Actor, now: datetime) -> AttachmentRow:
    """Announce a file. Raises NotFoundError, ConflictError (the visit has not begun or is over, too many files wait)."""
    visit = queries.get_shown(work.session, visit_id, actor.lender_id)
    _require_going_on(visit.state)
    return attachments.register_attachment(work, visit.borrower_id, new, now=now, by=actor.by)


def find_upload(visit_id: str, attachment_id: str, *, actor: Actor, now: datetime) -> AttachmentRow:
    """Return what is to be uploaded. Raises NotFoundError (also for a file the borrower handed in), ConflictError."""
    with reading() as session:
        borrower_id = queries.get_shown(session, visit_id, actor.lender_id).borrower_id
    row = attachments.find_upload(borrower_id, attachment_id, now=now, by=actor.by)
    if row.purpose != SUBJECT:
        raise NotFoundError("There is no such attachment.")
    return row


def take_content(announced: AttachmentRow, content: bytes, *, now: datetime) -> AttachmentRow:
    """Take the bytes. Raises what `attachments.take_content` raises."""
    return attachments.take_content(announced.borrower_id, announced.id, content, now=now, by=announced.by)


def hand_in(visit_id: str, name: str, content: bytes, *, actor: Actor, now: datetime) -> None:
    """Take a file of evidence whose bytes are there already, and bind it to the visit; the same bytes again change nothing.

    Raises NotFoundError, ConflictError (not going on, or files enough), ValidationError (no file that is taken).
    """
    with reading() as session:
        visit = queries.get_shown(session, visit_id, actor.lender_id)
        held = find_attachments_of(session, [visit_id]).get(visit_id, [])
        _require_going_on(visit.state)
        if hashlib.sha256(content).hexdigest() in {each.sha256 for each in held}:
            return
        if len(held) >= MOST_EVIDENCE:
            raise ConflictError(f"A visit has at most {MOST_EVIDENCE} files of evidence.")
        borrower_id: str = visit.borrower_id
    row = attachments.hand_in(borrower_id, SUBJECT, name, content, now=now, by=actor.by)
    with unit_of_work() as work:
        lock_agenda(work.session, [borrower_id])
        _require_going_on(queries.get_shown(work.session, visit_id, actor.lender_id).state)
        attachments.claim(work, borrower_id, [row.id], SUBJECT, visit_id, now=now, lender_id=actor.lender_id, of_staff=True)
        facts = {"visit_id": visit_id, "attachment_id": row.id}
        add_audit(work.session, at=now, actor=actor.by, action="visit.evidence", borrower_id=borrower_id, facts=facts)


def files_of(session: Any, visit_id: str, *, lender_id: str, borrower_id: str) -> list[ShownFile]:
    """Return the files that belong to a visit, oldest first."""
    ids = [each.id for each in find_attachments_of(session, [visit_id]).get(visit_id, [])]
    return list(attachments.shown_files(session, borrower_id, lender_id, ids).values())


def _require_going_on(state: str) -> None:
    if state != "started":
        raise ConflictError(f"The visit is {state}; evidence is handed in while it goes on.")
