"""The conversation of a dispute, a request for help or a promise: begun with it, told what becomes of it, settled with it.

Whoever calls here holds the borrower's agenda row.
"""

from collections.abc import Sequence
from datetime import datetime

from app.persistence.models.conversations import ConversationRow
from app.persistence.queries.conversations import find_about, find_word
from app.persistence.unit_of_work import Work
from app.services import conversation_states
from app.services.conversations import Thread, Word, add_word, open_thread, put_word


def begin_thread(
    work: Work, borrower_id: str, thread: Thread, key: str, words: str | None, *, now: datetime, files: Sequence[str] = ()
) -> None:
    """Begin the conversation of a subject with what the borrower said of it; where that is nothing, with no word."""
    if words:
        word = Word(key, "in_app", words, at=now, attachments=tuple(files))
        add_word(work, borrower_id, word, now=now, makes_task=False, thread=thread)
        return
    row = open_thread(work, borrower_id, thread, channel="in_app", text="", now=now)
    row.heard_at = now
    conversation_states.begin(work, row, now=now)


def tell_thread(work: Work, borrower_id: str, subject_id: str, key: str, words: str, *, now: datetime) -> None:
    """Put what the borrower said of a subject later into its conversation, which is opened again, if it has one."""
    row = find_about(work.session, borrower_id, subject_id)
    if row is not None:
        word = Word(key, "in_app", words, at=now)
        add_word(work, borrower_id, word, now=now, makes_task=False, thread=Thread(row.id))


def settle_thread(
    work: Work, borrower_id: str, subject_id: str, *, by: str, now: datetime, words: str | None = None, key: str = ""
) -> None:
    """Resolve the conversation of a subject that is over, with the answer given, if there is one."""
    row = find_about(work.session, borrower_id, subject_id)
    if row is None:
        return
    if words is not None and find_word(work.session, key) is None:
        answer_in_thread(work, row, key, words, by=by, now=now)
    conversation_states.move(work, row, "resolved", by=by, now=now)
    row.version += 1
    work.session.flush()


def answer_in_thread(work: Work, row: ConversationRow, key: str, words: str, *, by: str, now: datetime) -> str:
    """Put an answer into a thread; return its id."""
    word = put_word(work, row, key, words, direction="outbound", channel="in_app", author=by, now=now)
    conversation_states.answer(work, row, by=by, now=now)
    return word.id
