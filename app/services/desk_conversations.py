"""Conversations at a lender's desk: the queue, one thread as it is read, and everything staff do to one but answering it.

Whoever acts says which version they have seen: two who act at once do not undo each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.conversations import KINDS, PRIORITIES
from app.domain.errors import ConflictError, NotFoundError, StaleVersionError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.permissions import ROLES
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.conversations import ConversationNoteRow, ConversationRow
from app.persistence.queries import desk_conversations as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.conversations import count_after, exists_word, find_about, load_conversation
from app.persistence.queries.desk_conversations import QueueFilter
from app.persistence.queries.disputes import get_owner as get_dispute_owner
from app.persistence.queries.hardship import get_owner as get_request_owner
from app.persistence.queries.promises import get_promise
from app.persistence.unit_of_work import Work
from app.services import conversation_states
from app.services.assignments import assign_by_load, candidates_of
from app.services.conversations import text_of
from app.services.service_levels import levels_of

SLA_STATES = ("breached", "soon", "running", "none")
LONGEST_NOTE = 4000
MOST_COUNTED = 100
_MOST_READ = 200


@dataclass(frozen=True, slots=True)
class Actor:
    """A member of a lender's staff. `name`: staff:NAME."""

    name: str
    lender_id: str
    role: str


@dataclass(frozen=True, slots=True)
class ThreadShown:
    """A thread as staff see it: its columns, with the numbers of borrower and loan, and how its targets stand."""

    row: Any
    sla: str
    """breached, soon, running, none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One word or note of a thread. `is_note`: only staff see it."""

    id: str
    is_note: bool
    direction: str
    """inbound, outbound; of a note: note."""
    channel: str
    author: str
    text: str = field(repr=False)
    created_at: datetime
    quotes_id: str | None = None
    attachments: Sequence[str] = ()
    copy: Mapping[str, Any] | None = None
    """What became of the copy on another channel; None: there is none."""


def page_queue(
    reads: Connection, lender_id: str, wanted: QueueFilter, *, sla: str | None, after: tuple[datetime, str] | None,
    limit: int, soon: timedelta, now: datetime,
) -> list[ThreadShown]:  # fmt: skip
    """Return threads of a lender, the most urgent first."""
    found = queries.page_queue(reads, lender_id, _by_sla(wanted, sla, soon, now), after=after, limit=limit)
    return [ThreadShown(row, sla_of(row, soon, now)) for row in found]


def count_queues(reads: Connection, who: Actor, *, soon: timedelta, now: datetime) -> dict[str, int]:
    """Return how many open threads are one's own, nobody's, anybody's, and late; each counted up to MOST_COUNTED."""
    is_open = QueueFilter(statuses=("open",))
    wanted = {
        "mine": replace(is_open, assignee=who.name),
        "unassigned": replace(is_open, assignee="none"),
        "open": is_open,
        "breached": _by_sla(is_open, "breached", soon, now),
    }
    return {name: queries.count_queue(reads, who.lender_id, each, most=MOST_COUNTED) for name, each in wanted.items()}


def soon_of(session: Session, lender_id: str) -> timedelta:
    """Return how long before a target a thread of this lender is put forward."""
    return timedelta(minutes=levels_of(session, lender_id).soon_minutes)


def read_thread(
    reads: Connection | Session, lender_id: str, conversation_id: str, *, soon: timedelta, now: datetime,
    before: tuple[datetime, str] | None = None, limit: int = _MOST_READ,
) -> tuple[ThreadShown, list[Entry]]:  # fmt: skip
    """Return a thread with its newest words and, on the first page, its notes; newest first. Raises NotFoundError."""
    row = queries.get_thread(reads, lender_id, conversation_id)
    ring = vault()
    entries = [
        Entry(
            each.id, False, each.direction, each.channel, each.author, text_of(ring, each), each.created_at,
            each.quotes_id, each.attachments, _copy(each),
        )
        for each in queries.page_thread_words(reads, conversation_id, before=before, limit=limit)
    ]  # fmt: skip
    if before is None:
        entries += [
            Entry(
                each.id, True, "note", "desk", each.author, ring.open(each.text_sealed, place=_note_place(each.id)) or "",
                each.created_at,
            )
            for each in queries.find_notes(reads, lender_id, conversation_id)
        ]  # fmt: skip
        entries.sort(key=lambda entry: (entry.created_at, entry.id), reverse=True)
    return ThreadShown(row, sla_of(row, soon, now)), entries


def note_reading(work: Work, who: Actor, conversation_id: str, *, now: datetime) -> None:
    """Write down that somebody opened a thread. Raises NotFoundError."""
    row = queries.get_thread(work.session, who.lender_id, conversation_id)
    _audit(work, row, "conversation.read", who, now)


def mark_read(work: Work, who: Actor, conversation_id: str, word_id: str) -> int:
    """Say that the desk has read up to a word; return how many are unread. It never goes back. Raises NotFoundError."""
    row = load_for_desk(work, who, conversation_id)
    if not exists_word(work.session, row.id, word_id):
        raise NotFoundError("There is no such message in this conversation.")
    if row.staff_read_to is None or word_id > row.staff_read_to:
        row.staff_read_to = word_id
        row.unread = count_after(work.session, row.id, word_id, direction="inbound")
        work.session.flush()
    return row.unread


def add_note(work: Work, who: Actor, conversation_id: str, *, message_id: str, text: str, now: datetime) -> tuple[str, bool]:
    """Keep a note about a thread among staff; return its id and whether it is new. It changes nothing else.

    Raises NotFoundError, ConflictError when another text came under that message id.
    """
    row = load_for_desk(work, who, conversation_id)
    key, text = source_key(who, "note", message_id), without_card_numbers(text)
    known = queries.find_note(work.session, key)
    if known is not None:
        if known.conversation_id != row.id or work.vault.open(known.text_sealed, place=_note_place(known.id)) != text:
            raise ConflictError("Another text came under that message id; give each text an id of its own.")
        return known.id, False
    note_id = new_id()
    work.session.add(
        ConversationNoteRow(
            id=note_id, conversation_id=row.id, lender_id=who.lender_id, source_key=key, author=who.name,
            text_sealed=work.vault.seal(text, place=_note_place(note_id)), created_at=now,
        )
    )  # fmt: skip
    work.session.flush()
    _audit(work, row, "conversation.noted", who, now, note_id=note_id)
    return note_id, True


def assign(
    work: Work, who: Actor, conversation_id: str, assignee: str | None, *, version: int, now: datetime
) -> ConversationRow:
    """Give a thread to somebody: `me`, `auto` (by load and language), staff:NAME, or None: back to the queue.

    Raises NotFoundError, StaleVersionError, ValidationError.
    """
    row = load_for_desk(work, who, conversation_id, version=version)
    before, row.had_by = row.assignee, row.assignee or row.had_by
    if assignee == "auto":
        assign_by_load(work, row, conversation_states.levels(work, row), now=now)
    else:
        row.assignee = who.name if assignee == "me" else assignee
        if row.assignee not in (None, who.name) and row.assignee not in staff_names(work.session, who.lender_id):
            raise refused_at("/assignee", "Nobody of that name works here.")
        row.had_by = row.assignee or row.had_by
    return _changed(work, row, "conversation.assigned", who, now, assignee=row.assignee, before=before)


def set_status(
    work: Work, who: Actor, conversation_id: str, status: str, *, until: datetime | None, version: int, now: datetime
) -> ConversationRow:
    """Move a thread: open, pending, snoozed until an instant, resolved. The same again changes nothing.

    Raises NotFoundError, StaleVersionError, ConflictError, ValidationError.
    """
    row = load_for_desk(work, who, conversation_id, version=version)
    if until is not None and status != "snoozed":
        raise refused_at("/until", "Only what is snoozed is so until an instant.")
    before = row.status
    if not conversation_states.move(work, row, status, until=until, by=who.name, now=now):
        return row
    return _changed(work, row, "conversation.moved", who, now, status=status, before=before)


def change(
    work: Work, who: Actor, conversation_id: str, changes: Mapping[str, str | None], *, version: int, now: datetime
) -> ConversationRow:
    """Change what a thread is: kind, priority, team, language, subject_id. Targets follow.

    `subject_id`: a dispute, request for help or promise of the same borrower, by the kind. Raises NotFoundError,
    StaleVersionError, ConflictError, ValidationError.
    """
    row = load_for_desk(work, who, conversation_id, version=version)
    said = {name: value for name, value in changes.items() if value != getattr(row, name)}
    if not said:
        return row
    for name, known in (("kind", KINDS), ("priority", PRIORITIES)):
        if name in said and said[name] not in known:
            raise refused_at(f"/{name}", f"{name} is not one of {', '.join(known)}.")
    if "kind" in said and row.subject_id is not None and "subject_id" not in said:
        raise ConflictError("The conversation is about something recorded; say what it is about instead, or null.")
    for name, value in said.items():
        setattr(row, name, value)
    if row.subject_id is not None and {"kind", "subject_id"} & said.keys():
        _check_subject(work, row, who)
    conversation_states.reset(work, row, now=now)
    facts = {name: value for name, value in said.items() if name != "team"}
    return _changed(work, row, "conversation.changed", who, now, **facts)


# -- what the other services of the desk share -------------------------------------------------------------------------


def load_for_desk(work: Work, who: Actor, conversation_id: str, *, version: int | None = None) -> ConversationRow:
    """Return a thread to act on, under its borrower's agenda row; one of nobody's desk is this desk's from now on.

    Raises NotFoundError, StaleVersionError when it has changed since `version`.
    """
    seen = queries.get_thread(work.session, who.lender_id, conversation_id)
    lock_agenda(work.session, [seen.borrower_id])
    row = load_conversation(work.session, conversation_id)
    if row.lender_id not in (None, who.lender_id):
        raise NotFoundError("There is no such conversation.")
    if version is not None and row.version != version:
        raise StaleVersionError("The conversation has changed since you read it; look at it again.")
    return row


def take(work: Work, row: ConversationRow, who: Actor, *, now: datetime) -> None:
    """Make a thread of which nobody knew whose it is this desk's, whose targets count from its beginning."""
    if row.lender_id is None:
        row.lender_id = who.lender_id
        conversation_states.reset(work, row, now=now)


def source_key(who: Actor, what: str, message_id: str) -> str:
    """Return what tells a text of staff from every other: the desk, who wrote it, and their own id of it."""
    return f"desk/{who.lender_id}/{what}/{who.name}/{message_id}"


def staff_names(session: Session, lender_id: str) -> set[str]:
    """Return staff:NAME of everyone who works at a lender."""
    return {f"staff:{each.name}" for each in queries.find_staff(session, lender_id, ROLES)}


def colleagues(session: Session, lender_id: str) -> list[tuple[str, int]]:
    """Return whom threads are given to, with how many open ones they have."""
    return [(each.name, each.load) for each in candidates_of(session, lender_id)]


def sla_of(row: Any, soon: timedelta, now: datetime) -> str:
    """Return how the targets of a thread stand."""
    if row.due_at is None:
        return "none"
    if row.due_at <= now:
        return "breached"
    return "soon" if row.due_at <= now + soon else "running"


def _by_sla(wanted: QueueFilter, sla: str | None, soon: timedelta, now: datetime) -> QueueFilter:
    if sla == "breached":
        return replace(wanted, due_until=now)
    if sla == "soon":
        return replace(wanted, due_after=now, due_until=now + soon)
    if sla == "running":
        return replace(wanted, due_after=now + soon)
    return replace(wanted, is_due=False) if sla == "none" else wanted


def _changed(
    work: Work, row: ConversationRow, action: str, who: Actor, now: datetime, **facts: Any
) -> ConversationRow:  # fmt: skip
    take(work, row, who, now=now)
    row.version += 1
    work.session.flush()
    _audit(work, row, action, who, now, **facts)
    return row


def _audit(work: Work, row: Any, action: str, who: Actor, now: datetime, **facts: Any) -> None:
    said = {"conversation_id": row.id, "lender_id": who.lender_id, **facts}
    add_audit(work.session, at=now, actor=who.name, action=action, borrower_id=row.borrower_id, facts=said)


def _check_subject(work: Work, row: ConversationRow, who: Actor) -> None:
    """Refuse a subject that is not the borrower's and this lender's, or that has a conversation already."""
    subject_id = str(row.subject_id)
    try:
        if row.kind == "dispute":
            owner = get_dispute_owner(work.session, who.lender_id, subject_id)
        elif row.kind == "hardship":
            owner = get_request_owner(work.session, who.lender_id, subject_id)
        elif row.kind == "promise":
            owner = get_promise(work.session, row.borrower_id, subject_id, lender_id=who.lender_id).borrower_id
        else:
            raise refused_at("/kind", f"A conversation of kind {row.kind} is about nothing that is recorded.")
    except NotFoundError:
        owner = None
    if owner != row.borrower_id:
        raise refused_at("/subject_id", f"There is no such {row.kind} of this borrower.")
    with work.session.no_autoflush:
        other = find_about(work.session, row.borrower_id, subject_id)
    if other is not None and other.id != row.id:
        raise ConflictError("Another conversation is about that already.", {"conversation_id": other.id})


def _copy(row: Any) -> Mapping[str, Any] | None:
    if row.copy_state is None:
        return None
    reason = row.message_reason if row.copy_state == "queued" and row.message_reason else row.copy_reason
    return {
        "channel": row.copy_channel,
        "state": row.message_state if row.copy_state == "queued" and row.message_state else row.copy_state,
        "reason": reason or None,
        "rule": row.copy_rule,
        "until": row.copy_until,
    }


def _note_place(note_id: str) -> str:
    return f"conversation_notes.text:{note_id}"
