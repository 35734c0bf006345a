"""Conversations: what a borrower writes on any channel joins the thread that is open, and waits there for an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.errors import ConflictError, NotFoundError
from app.domain.free_text import without_card_numbers
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow
from app.persistence.queries import conversations as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.tasks import exists_open
from app.persistence.unit_of_work import Work
from app.services.tasks import NewTask, add_task

STATUSES = ("open", "pending", "resolved")
ANSWER = "answer_conversation"
"""The kind of task for a conversation that waits for an answer."""
QUEUE = "support"
LONGEST_TEXT = 2000
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


def add_word(work: Work, borrower_id: str, word: Word, *, now: datetime, makes_task: bool = True) -> AddedWord:
    """Put a borrower's word into their open conversation, or open one; a resolved one is opened again by a new word.

    The conversation waits for an answer then, and is put before support unless it is already. Raises ConflictError when
    another text came under the same key.
    """
    lock_agenda(work.session, [borrower_id])
    text = without_card_numbers(word.text)[:_LONGEST_STORED]
    known = queries.find_word(work.session, word.source_key)
    if known is not None:
        if known.borrower_id != borrower_id or _text(work.vault, known) != text:
            raise ConflictError("Another text came under that message id; give each text an id of its own.")
        return AddedWord(known.conversation_id, known.id, created=False)
    conversation = _join(work, borrower_id, word, now)
    word_id = new_id()
    row = ConversationMessageRow(
        id=word_id,
        conversation_id=conversation.id,
        borrower_id=borrower_id,
        source_key=word.source_key,
        direction="inbound",
        channel=word.channel,
        author="borrower",
        in_reply_to=word.in_reply_to,
        text_sealed=work.vault.seal(text, place=_place(word_id)),
        created_at=now,
    )
    work.session.add(row)
    work.session.flush()
    if makes_task and not exists_open(work.session, borrower_id, ANSWER):
        facts = {"conversation_id": conversation.id, "channel": word.channel}
        task = NewTask(f"conversation/{conversation.id}/{word_id}", borrower_id, ANSWER, QUEUE, due_at=now, facts=facts)
        add_task(work, task, now=now)
    return AddedWord(conversation.id, word_id, created=True)


def list_conversations(
    reads: Connection, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return a borrower's conversations, the one with the newest word first."""
    return queries.page_conversations(reads, borrower_id, before=before, limit=limit)


def list_words(
    reads: Connection, borrower_id: str, conversation_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[WordShown]:
    """Return the words of a borrower's own conversation, newest first. Raises NotFoundError."""
    if queries.get_conversation(reads, borrower_id, conversation_id) is None:
        raise NotFoundError("There is no such conversation.")
    ring = vault()
    rows = queries.page_words(reads, borrower_id, conversation_id, before=before, limit=limit)
    return [WordShown(row.id, row.direction, row.channel, _text(ring, row), row.created_at, row.in_reply_to) for row in rows]


def _join(work: Work, borrower_id: str, word: Word, now: datetime) -> ConversationRow:
    """Return the conversation a word belongs to; it waits for an answer."""
    found = queries.find_last(work.session, borrower_id)
    if found is None:
        found = ConversationRow(
            id=new_id(), borrower_id=borrower_id, status="open", channel=word.channel, opened_at=now, waiting_since=now,
            last_at=now, version=1,
        )  # fmt: skip
        work.session.add(found)
        work.session.flush()
        return found
    found.status, found.channel, found.last_at = "open", word.channel, now
    found.waiting_since = found.waiting_since or now
    found.version += 1
    return found


def _text(ring: Any, row: Any) -> str:
    return ring.open(row.text_sealed, place=_place(row.id)) or ""


def _place(word_id: str) -> str:
    return f"conversation_messages.text:{word_id}"
