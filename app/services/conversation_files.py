"""Files that staff hand to a borrower from a form, and the files of a thread as staff see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain.errors import refused_at
from app.persistence.queries.attachments import find_attachments
from app.persistence.queries.desk_conversations import get_thread
from app.persistence.unit_of_work import reading
from app.services import attachments
from app.services.attachments import ShownFile
from app.services.conversations import MOST_ATTACHMENTS
from app.services.desk_conversations import Actor, Entry

_PURPOSE = "conversation"


def hand_in(
    who: Actor, conversation_id: str, named: Sequence[tuple[str, bytes]], *, beside: Sequence[str] = (), now: datetime
) -> list[str]:
    """Take files (name, bytes) for the borrower of a thread and return the ids that the answer then names.

    `beside`: ids of files that came with an earlier try; those that somebody else handed in are left out. Nothing is sent
    by this: what no answer names is forgotten after a day. Raises NotFoundError, ConflictError (too many wait),
    ValidationError (too many, too large, or no file that is taken).
    """
    with reading() as session:
        borrower_id: str = get_thread(session, who.lender_id, conversation_id).borrower_id
        kept = [each.id for each in find_attachments(session, borrower_id, beside) if each.by == who.name]
    if len(kept) + len(named) > MOST_ATTACHMENTS:
        raise refused_at("/content", f"An answer has at most {MOST_ATTACHMENTS} files.")
    return kept + [
        attachments.hand_in(borrower_id, _PURPOSE, name, content, now=now, by=who.name).id for name, content in named
    ]


def files_of(
    reads: Any, who: Actor, borrower_id: str, entries: Sequence[Entry], beside: Sequence[str] = ()
) -> dict[str, ShownFile]:
    """Return the files of the words of a thread by id, and those `beside` them that this member of staff handed in."""
    said = {each for entry in entries for each in entry.attachments}
    if not said and not beside:
        return {}
    found = attachments.shown_files(reads, borrower_id, who.lender_id, said | set(beside))
    return {each.id: each for each in found.values() if each.id in said or each.by == who.name}
