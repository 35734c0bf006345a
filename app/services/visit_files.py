"""Files of evidence that staff hand in for a visit: announced and uploaded as a borrower's are, and only staff see them."""

from datetime import datetime

from app.domain.errors import ConflictError, NotFoundError
from app.persistence.models.attachments import AttachmentRow
from app.persistence.queries import visits as queries
from app.persistence.unit_of_work import Work, reading
from app.services import attachments
from app.services.attachments import NewAttachment
from app.services.visits import SUBJECT, Actor


def register(work: Work, visit_id: str, new: NewAttachment, *, actor: Actor, now: datetime) -> AttachmentRow:
    """Announce a file. Raises NotFoundError, ConflictError (the visit has not begun or is over, too many files wait)."""
    visit = queries.get_shown(work.session, visit_id, actor.lender_id)
    if visit.state != "started":
        raise ConflictError(f"The visit is {visit.state}; evidence is handed in while it goes on.")
    return attachments.register_attachment(work, visit.borrower_id, new, now=now)


def find_upload(visit_id: str, attachment_id: str, *, actor: Actor, now: datetime) -> AttachmentRow:
    """Return what is to be uploaded. Raises NotFoundError (also for a file the borrower handed in), ConflictError."""
    with reading() as session:
        borrower_id = queries.get_shown(session, visit_id, actor.lender_id).borrower_id
    row = attachments.find_upload(borrower_id, attachment_id, now=now)
    if row.purpose != SUBJECT:
        raise NotFoundError("There is no such attachment.")
    return row


def take_content(announced: AttachmentRow, content: bytes, *, now: datetime) -> AttachmentRow:
    """Take the bytes. Raises what `attachments.take_content` raises."""
    return attachments.take_content(announced.borrower_id, announced.id, content, now=now)
