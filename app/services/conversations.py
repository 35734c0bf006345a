"""Conversations: what a borrower writes on any channel joins a thread, or opens one, and waits there for an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.conversations import KINDS, SHOWN_STATUSES, language_of, shown_status, takes_word
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.free_text import without_card_numbers
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow
from app.persistence.queries import conversations as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.hardship import find_lenders_of
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_own_loan
from app.persistence.unit_of_work import Work
from app.services import attachments, conversation_states
from app.services.conversation_states import ANSWER, QUEUE
from app.wording.catalogue import match_locale

__all__ = ["ANSWER", "QUEUE", "STATUSES", "Word", "add_word"]

STATUSES = SHOWN_STATUSES
LONGEST_TEXT = 2000
MOST_ATTACHMENTS = 10
_LONGEST_STORED = 20_000
"""An e-mail may be long; what is beyond is cut off."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a borrower wrote. `source_key` tells it from every other word: the same again is the same."""

    source_key: str
    channel: str
    text: str = field(repr=False)
    at: datetime
    in_reply_to: str | None = None
    quotes_id: str | None = None
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Thread:
    """The thread a word is meant for: `conversation_id` one there is; else a new one of that kind and subject.

    `lender_id`: whose desk; None: it follows from the loan, from what is answered, or from the borrower's one lender.
    `files_are_bound`: the attachments belong to the subject already.
    """

    conversation_id: str | None = None
    kind: str = "question"
    loan_id: str | None = None
    lender_id: str | None = None
    subject_id: str | None = None
    files_are_bound: bool = False


@dataclass(frozen=True, slots=True)
class AddedWord:
    """Where a word is. `created` False: it was there before."""

    conversation_id: str
    word_id: str
    created: bool


@dataclass(frozen=True, slots=True)
class WordShown:
    """One word as the borrower sees it."""

    id: str
    direction: str
    channel: str
    text: str = field(repr=False)
    created_at: datetime
    in_reply_to: str | None
    quotes_id: str | None
    attachments: Sequence[str]


def add_word(
    work: Work, borrower_id: str, word: Word, *, now: datetime, makes_task: bool = True, thread: Thread | None = None,
    opens: str = "question",
) -> AddedWord:  # fmt: skip
    """Put a borrower's word where it belongs: into `thread`, else into the newest that takes it, else into a new one of the
    kind `opens`.

    One that was put away or resolved lately is opened again. It waits for an answer then, and is put before support unless
    it is already. Raises ConflictError when another text came under the same key, NotFoundError, ValidationError.
    """
    lock_agenda(work.session, [borrower_id])
    text = without_card_numbers(word.text)[:_LONGEST_STORED]
    known = find_known(work, borrower_id, word.source_key, text)
    if known is not None:
        return known
    row, is_new = _find_or_open(work, borrower_id, word, text, thread, opens, now)
    files = _bound_files(work, row, word, thread, now)
    if word.quotes_id is not None and not queries.exists_word(work.session, row.id, word.quotes_id):
        raise refused_at("/quotes_id", "There is no such message in this conversation.")
    added = put_word(
        work, row, word.source_key, text, direction="inbound", channel=word.channel, author="borrower", now=now,
        in_reply_to=word.in_reply_to, quotes_id=word.quotes_id, files=files,
    )  # fmt: skip
    row.channel, row.heard_at, row.unread = word.channel, now, row.unread + 1
    if is_new:
        conversation_states.begin(work, row, now=now)
    else:
        row.version += 1
        conversation_states.hear(work, row, now=now)
    if makes_task:
        conversation_states.ask_staff(work, row, added.id, now=now)
    return AddedWord(row.id, added.id, created=True)


def find_known(work: Work, borrower_id: str, source_key: str, text: str) -> AddedWord | None:
    """Return where a word is that came before, None: it did not. Raises ConflictError when another text came so."""
    known = queries.find_word(work.session, source_key)
    if known is None:
        return None
    if known.borrower_id != borrower_id or text_of(work.vault, known) != text:
        raise ConflictError("Another text came under that message id; give each text an id of its own.")
    return AddedWord(known.conversation_id, known.id, created=False)


def open_thread(work: Work, borrower_id: str, thread: Thread, *, channel: str, text: str, now: datetime) -> ConversationRow:
    """Open a thread, without a word in it yet. The caller holds the borrower's agenda row and starts its clocks."""
    if thread.kind not in KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(KINDS)}.")
    usual = get_borrower(work.session, borrower_id).locale
    if usual is None and thread.lender_id is not None:
        usual = get_lender(work.session, thread.lender_id).locale
    row = ConversationRow(
        id=new_id(), borrower_id=borrower_id, lender_id=thread.lender_id, kind=thread.kind, loan_id=thread.loan_id,
        subject_id=thread.subject_id, status="open", channel=channel, language=language_of(text, match_locale(usual)),
        priority="normal", opened_at=now, last_at=now, urgent_at=now, unread=0, version=1,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    return row


def put_word(
    work: Work, row: ConversationRow, source_key: str, text: str, *, direction: str, channel: str, author: str,
    now: datetime, in_reply_to: str | None = None, quotes_id: str | None = None, files: Sequence[str] = (),
) -> ConversationMessageRow:  # fmt: skip
    """Write one word into a thread, sealed."""
    word_id = new_id()
    word = ConversationMessageRow(
        id=word_id, conversation_id=row.id, borrower_id=row.borrower_id, source_key=source_key, direction=direction,
        channel=channel, author=author, in_reply_to=in_reply_to, quotes_id=quotes_id, attachments=list(files),
        text_sealed=work.vault.seal(text, place=_place(word_id)), created_at=now,
    )  # fmt: skip
    work.session.add(word)
    row.last_at = max(row.last_at, now)
    work.session.flush()
    return word


def list_conversations(
    reads: Connection, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Return a borrower's conversations, the one with the newest word first. Notes are in none of it."""
    rows = queries.page_conversations(reads, borrower_id, before=before, limit=limit)
    unread = queries.count_unread(reads, [row.id for row in rows])
    return [
        {**row._asdict(), "status": shown_status(row.status), "unread_count": unread.get(row.id, 0)} for row in rows
    ]  # fmt: skip


def list_words(
    reads: Connection, borrower_id: str, conversation_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[WordShown]:
    """Return the words of a borrower's own conversation, newest first. Raises NotFoundError."""
    if queries.get_conversation(reads, borrower_id, conversation_id) is None:
        raise NotFoundError("There is no such conversation.")
    ring = vault()
    rows = queries.page_words(reads, borrower_id, conversation_id, before=before, limit=limit)
    return [
        WordShown(
            row.id, row.direction, row.channel, text_of(ring, row), row.created_at, row.in_reply_to, row.quotes_id,
            row.attachments,
        )
        for row in rows
    ]  # fmt: skip


def mark_read(work: Work, borrower_id: str, conversation_id: str, word_id: str) -> int:
    """Say that the borrower has read up to a word; return how many answers are unread. It never goes back.

    Raises NotFoundError, also for a word of another conversation.
    """
    lock_agenda(work.session, [borrower_id])
    row = queries.load_conversation(work.session, conversation_id, borrower_id=borrower_id)
    if not queries.exists_word(work.session, row.id, word_id):
        raise NotFoundError("There is no such message in this conversation.")
    if row.borrower_read_to is None or word_id > row.borrower_read_to:
        row.borrower_read_to = word_id
        work.session.flush()
    return queries.count_after(work.session, row.id, row.borrower_read_to, direction="outbound")


def text_of(ring: Any, row: Any) -> str:
    """Return what a word says."""
    return ring.open(row.text_sealed, place=_place(row.id)) or ""


def _find_or_open(
    work: Work, borrower_id: str, word: Word, text: str, thread: Thread | None, opens: str, now: datetime
) -> tuple[ConversationRow, bool]:
    """Return the thread a word belongs to, and whether it is new."""
    session = work.session
    if thread is not None and thread.conversation_id is not None:
        return queries.load_conversation(session, thread.conversation_id, borrower_id=borrower_id), False
    if thread is None and word.in_reply_to is not None:
        copied = queries.find_copied(session, word.in_reply_to)
        if copied is not None:
            return queries.load_conversation(session, copied, borrower_id=borrower_id), False
    lender_id = _lender_of(work, borrower_id, word, thread)
    if thread is None:
        for row in queries.find_newest(session, borrower_id, lender_id=lender_id):
            if takes_word(row.status, row.resolved_at, now, reopen_days=_reopen_days(work, row)):
                return row, False
        thread = Thread(kind=opens)
    made = Thread(None, thread.kind, thread.loan_id, lender_id, thread.subject_id)
    return open_thread(work, borrower_id, made, channel=word.channel, text=text, now=now), True


def _reopen_days(work: Work, row: ConversationRow) -> int:
    return conversation_states.levels(work, row).reopen_days


def _lender_of(work: Work, borrower_id: str, word: Word, thread: Thread | None) -> str | None:
    if thread is not None and thread.lender_id is not None:
        return thread.lender_id
    if thread is not None and thread.loan_id is not None:
        loan = find_own_loan(work.session, borrower_id, thread.loan_id)
        if loan is None:
            raise NotFoundError("There is no such loan.")
        return str(loan.lender_id)
    lenders = {lender_id for lender_id, _ in find_lenders_of(work.session, borrower_id)}
    if len(lenders) > 1 and word.in_reply_to is not None:
        return queries.find_lender_of_message(work.session, word.in_reply_to)
    return lenders.pop() if len(lenders) == 1 else None


def _bound_files(
    work: Work, row: ConversationRow, word: Word, thread: Thread | None, now: datetime
) -> Sequence[str]:  # fmt: skip
    files = list(dict.fromkeys(word.attachments))
    if len(files) > MOST_ATTACHMENTS:
        raise refused_at("/attachments", f"attachments are more than {MOST_ATTACHMENTS}.")
    if files and not (thread is not None and thread.files_are_bound):
        attachments.claim(
            work, row.borrower_id, files, "conversation", row.id, lender_id=row.lender_id, now=now
        )  # fmt: skip
    return files


def _place(word_id: str) -> str:
    return f"conversation_messages.text:{word_id}"
