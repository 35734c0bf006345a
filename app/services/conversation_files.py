"""Files that staff hand to a borrower from a form, and the files of a thread as staff see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain.errors import refused_at
from app.persistence.queries.desk_conversations import get_thread
from app.persistence.unit_of_work import reading
from app.services import attachments
from app.services.attachments import ShownFile
from app.services.conversations import MOST_ATTACHMENTS
from app.services.desk_conversations import Actor, Entry

_PURPOSE = "conversation"


def hand_in(
    who: Actor, conversation_id: str, named: Sequence[tuple[str, bytes]], *, beside: int = 0, now: datetime
) -> list[str]:
    """Take files (name, bytes) for the borrower of a thread and return their ids, which the answer then names.

    `beside`: how many the answer has already. Nothing is sent by this: what no answer names is forgotten after a day.
    Raises NotFoundError, ConflictError (too many wait), ValidationError (too many, too large, or no file that is taken).
    """
    if beside + len(named) > MOST_ATTACHMENTS:
        raise refused_at("/content", f"An answer has at most {MOST_ATTACHMENTS} files.")
    with reading() as session:
        borrower_id: str = get_thread(session, who.lender_id, conversation_id).borrower_id
    return [attachments.hand_in(borrower_id, _PURPOSE, name, content, now=now, by=who.name).id for name, content in named]


def files_of(
    reads: Any, lender_id: str, borrower_id: str, entries: Sequence[Entry], beside: Sequence[str] = ()
) -> dict[str, ShownFile]:
    """Return the files of the words of a thread, and those `beside` them, by id."""
    ids = {each for entry in entries for each in entry.attachments} | set(beside)
    return attachments.shown_files(reads, borrower_id, lender_id, ids) if ids else {}
