"""Conversations in the browser: the queue with what is due, and one thread with all that can be done to it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta
from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse

from app.console.conversation_forms import (
    AssignFormSchema,
    ChangeFormSchema,
    NoteFormSchema,
    ReplyFormSchema,
    StatusFormSchema,
)
from app.console.forms import REFUSED_ELSEWHERE, Form, refused, submit
from app.console.frame import PREFIX, fragment, page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.domain.conversations import KINDS, PRIORITIES, STATUSES
from app.domain.errors import DomainError
from app.domain.times import local_instant
from app.persistence.ids import new_id
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.desk_conversations import QueueFilter
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work, in_unit_of_work, reading
from app.services import assignments, borrower_openings, canned_replies, conversation_files, desk_conversations, desk_replies
from app.services.canned_replies import WrittenReply
from app.services.desk_conversations import SLA_STATES, Actor, Entry, ThreadShown
from app.services.desk_replies import LONGEST_REPLY, NewReply
from app.web.auth import desk, permits
from app.web.fields import ID_PATTERN
from app.web.file_bodies import takes_files, uploads
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now
from app.wording.reason_words import reason_words

_PATH = "/conversations"
_ONE = f"{_PATH}/<id:conversation_id>"
_READ, _ACT = "conversations.read", "conversations.act"
VIEWS = ("mine", "unassigned", "open", "breached")
"""Ready-made lists, with how many are in each."""
_OPENING = "reply"
_KEPT = ("", "pending", "resolved")


# -- the queue ---------------------------------------------------------------------------------------------------------


@pages.get(_PATH)
@permits(_READ)
def conversations() -> Response:
    """Show the queue."""
    values, who = _queue(), desk()
    end_reads()
    with reading() as session:
        away = assignments.is_away(session, who.lender_id, who.staff_id)
    return page("conversations/index.html", away=away, **values)


@pages.get(f"{_PATH}/now")
@permits(_READ)
def conversations_now() -> Response:
    """Show the same list as it is by now."""
    return fragment("conversations/_queue.html", **_queue())


def _queue() -> dict[str, Any]:
    who, at = _actor(), now()
    asked: dict[str, Any] = {
        "view": one_of("view", VIEWS, "open"), "kind": one_of("kind", KINDS), "sla": one_of("sla", SLA_STATES),
        "status": one_of("status", STATUSES),
    }  # fmt: skip
    view, sla = asked["view"], asked["sla"]
    assignee = {"mine": who.name, "unassigned": "none"}.get(str(view))
    wanted = QueueFilter((asked["status"] or "open",), assignee, None, asked["kind"])
    end_reads()
    with reading() as session:
        soon, zone = desk_conversations.soon_of(session, who.lender_id), get_lender(session, who.lender_id).zone
    found = desk_conversations.page_queue(
        reads(), who.lender_id, wanted, sla="breached" if view == "breached" else sla, after=after(**asked),
        limit=SIZE + 1, soon=soon, now=at,
    )  # fmt: skip
    counts = desk_conversations.count_queues(reads(), who, soon=soon, now=at)
    return {
        "found": listed(found, [Key(each.row.urgent_at, each.row.id) for each in found], **asked),
        "counts": counts, "views": VIEWS, "asked": asked, "zone": zone, "ago": _ago, "most": desk_conversations.MOST_COUNTED,
        "kinds": KINDS, "statuses": STATUSES, "sla_states": SLA_STATES,
        "query": request.query_string.decode("ascii", "ignore"),
    }  # fmt: skip


# -- one thread --------------------------------------------------------------------------------------------------------


@pages.get(_ONE)
@permits(_READ)
def conversation(conversation_id: str) -> Response:
    """Show a thread; that somebody opened it is written down, and what came until then counts as read."""
    return _shown(conversation_id)


@pages.get(f"{_ONE}/now")
@permits(_READ)
def conversation_now(conversation_id: str) -> Response:
    """Show the words of a thread as they are by now."""
    end_reads()
    with reading() as session:
        soon = desk_conversations.soon_of(session, desk().lender_id)
        found, entries = desk_conversations.read_thread(session, desk().lender_id, conversation_id, soon=soon, now=now())
        files = conversation_files.files_of(session, _actor(), found.row.borrower_id, entries)
    return fragment(
        "conversations/_words.html", thread=found, entries=_told(found, entries), zone=_zone(found), ago=_ago, files=files
    )


@pages.post(f"{_ONE}/reply")
@permits(_ACT)
@takes_files
def reply_to_conversation(conversation_id: str) -> BaseResponse:
    """Answer the borrower, perhaps with files; those that came are kept with the form if it is refused."""
    at, who, files = now(), _actor(), uploads("content")
    before = [each for each in request.form.get("attached", "").split(",") if _is_id(each)]
    end_reads()
    try:
        named = [(each.name, each.content) for each in files]
        attached = conversation_files.hand_in(who, conversation_id, named, beside=before, now=at)
    except REFUSED_ELSEWHERE:
        raise
    except DomainError as error:
        return _shown(conversation_id, status=422, attached=before, reply=refused(error))

    def act(work: Work, values: dict[str, Any]) -> str:
        new = NewReply(
            _once(), values["text"], attachments=tuple(attached), version=values["version"], status=values["status"]
        )
        desk_replies.reply(work, who, conversation_id, new, now=at)
        return _address(conversation_id)

    return submit(
        ReplyFormSchema, act, lambda form: _shown(conversation_id, status=422, attached=attached, reply=form),
        files=[hashlib.sha256(each.content).hexdigest() for each in files],
    )  # fmt: skip


@pages.post(f"{_ONE}/note")
@permits(_ACT)
def note_on_conversation(conversation_id: str) -> BaseResponse:
    """Keep a note among staff."""
    at, who = now(), _actor()

    def act(work: Work, values: dict[str, Any]) -> str:
        desk_conversations.add_note(work, who, conversation_id, message_id=_once(), text=values["note"], now=at)
        return _address(conversation_id)

    return submit(NoteFormSchema, act, lambda form: _shown(conversation_id, status=422, note=form))


@pages.post(f"{_ONE}/assign")
@permits(_ACT)
def assign_conversation(conversation_id: str) -> BaseResponse:
    """Give it to somebody."""
    at, who = now(), _actor()

    def act(work: Work, values: dict[str, Any]) -> str:
        desk_conversations.assign(
            work, who, conversation_id, values["assignee"], version=values["version"], now=at
        )  # fmt: skip
        return _address(conversation_id)

    return submit(AssignFormSchema, act, lambda form: _shown(conversation_id, status=422, assign=form))


@pages.post(f"{_ONE}/status")
@permits(_ACT)
def move_conversation(conversation_id: str) -> BaseResponse:
    """Move it."""
    at, who = now(), _actor()

    def act(work: Work, values: dict[str, Any]) -> str:
        until: datetime | None = values["until"]
        if until is not None and values["status"] == "snoozed":
            until = local_instant(until.date(), until.time(), get_lender(work.session, who.lender_id).zone)
        desk_conversations.set_status(
            work, who, conversation_id, values["status"], until=until if values["status"] == "snoozed" else None,
            version=values["version"], now=at,
        )  # fmt: skip
        return _address(conversation_id)

    return submit(StatusFormSchema, act, lambda form: _shown(conversation_id, status=422, status_form=form))


@pages.post(f"{_ONE}/change")
@permits(_ACT)
def change_conversation(conversation_id: str) -> BaseResponse:
    """Say what it is."""
    at, who = now(), _actor()

    def act(work: Work, values: dict[str, Any]) -> str:
        version = values.pop("version")
        desk_conversations.change(work, who, conversation_id, values, version=version, now=at)
        return _address(conversation_id)

    return submit(ChangeFormSchema, act, lambda form: _shown(conversation_id, status=422, change=form))


def _shown(conversation_id: str, *, status: int = 200, attached: Sequence[str] = (), **forms: Form) -> Response:
    at, who = now(), _actor()
    canned_id = request.args.get("canned", "")
    end_reads()

    def act(work: Work) -> dict[str, Any]:
        desk_conversations.note_reading(work, who, conversation_id, now=at)
        soon = desk_conversations.soon_of(work.session, who.lender_id)
        found, entries = desk_conversations.read_thread(work.session, who.lender_id, conversation_id, soon=soon, now=at)
        heard = [each.id for each in entries if each.direction == "inbound"]
        if heard:
            desk_conversations.mark_read(work, who, conversation_id, max(heard))
        _open_borrower(work, found, at)
        return {
            "thread": found,
            "entries": _told(found, entries),
            "files": conversation_files.files_of(work.session, who, found.row.borrower_id, entries, beside=attached),
            "borrower": get_borrower(work.session, found.row.borrower_id),
            "canned": canned_replies.list_replies(work.session, who.lender_id, state="approved", kind=found.row.kind),
            "written": _written(work, canned_id, found, at),
            "colleagues": desk_conversations.colleagues(work.session, who.lender_id),
        }

    values = in_unit_of_work(act)
    found = values["thread"]
    written: WrittenReply | None = values["written"]
    kept: Mapping[str, Form] = {
        name: forms.get(name, Form()) for name in ("reply", "note", "assign", "status_form", "change")
    }
    return page(
        "conversations/thread.html", status=status, **values, forms=kept, zone=_zone(found), ago=_ago, canned_id=canned_id,
        written_text="" if written is None else written.text, missing=() if written is None else written.missing,
        kinds=KINDS, priorities=PRIORITIES, longest=LONGEST_REPLY, kept_statuses=_KEPT, attached=attached,
        tomorrow=_tomorrow(found, at), me=who.name,
    )  # fmt: skip


def _open_borrower(work: Work, found: ThreadShown, at: datetime) -> None:
    """Who answers a borrower has a reason to look at them: their page does not ask for another."""
    who = desk()
    seat = who.session_id or who.key_id
    opening = borrower_openings.find_opening(
        work.session, found.row.borrower_id, lender_id=who.lender_id, actor=who.name, seat=seat, now=at
    )
    if opening is None:
        borrower_openings.add_opening(work, found.row.borrower_id, _OPENING, actor=who.name, seat=seat, now=at)


def _written(work: Work, canned_id: str, found: ThreadShown, at: datetime) -> WrittenReply | None:
    """Return the canned reply that was asked for, filled in; what is not known stays as {{ name }} for the agent to see."""
    if not _is_id(canned_id):
        return None
    return canned_replies.written_reply(work.session, desk().lender_id, canned_id, found.row, now=at)


def _told(found: ThreadShown, entries: list[Entry]) -> list[tuple[Entry, str]]:
    """Return the entries, oldest first, with what became of each copy in words."""
    locale = request_locale()
    return [(each, _copy_words(each, locale, _zone(found))) for each in reversed(entries)]


def _copy_words(entry: Entry, locale: str, zone: str) -> str:
    copy = entry.copy
    if copy is None or not copy["reason"]:
        return ""
    facts = {} if copy["until"] is None else {"until": copy["until"]}
    try:
        return reason_words(copy["reason"], facts, locale, zone=zone)
    except KeyError:
        return str(copy["reason"])


def _ago(at: datetime | None) -> str:
    """Return how long ago something was, or how long it is until then, in the largest unit that fits."""
    if at is None:
        return ""
    locale = request_locale().replace("-", "_")
    return format_timedelta(at - now(), granularity="minute", threshold=1.2, add_direction=True, locale=locale)


def _zone(found: ThreadShown) -> str:
    return found.row.zone or "UTC"


def _tomorrow(found: ThreadShown, at: datetime) -> str:
    """Return the next morning on the wall where the lender is, as the browser's field for a date and time takes it."""
    with reading() as session:
        zone = ZoneInfo(get_lender(session, desk().lender_id).zone)
    return f"{(at.astimezone(zone) + timedelta(days=1)).date().isoformat()}T09:00"


def _actor() -> Actor:
    who = desk()
    return Actor(who.name, who.lender_id, who.role)


def _once() -> str:
    """Return the form's own word, by which the same answer is given once."""
    once = request.form.get("once", "")
    return once if _is_id(once) else new_id()


def _is_id(text: str) -> bool:
    return re.fullmatch(ID_PATTERN, text) is not None


def _address(conversation_id: str) -> str:
    return f"{PREFIX}{_PATH}/{conversation_id}"
