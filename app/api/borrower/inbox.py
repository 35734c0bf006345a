"""The borrower's inbox: its pages, what has changed since a state, and the counts."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, current_app, request
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from app.api.borrower.inbox_items import (
    COUNTS_EXAMPLE,
    EXAMPLE_ID,
    ITEM_EXAMPLE,
    STATE,
    InboxCountsSchema,
    InboxItemSchema,
    counts_form,
    item_forms,
)
from app.domain.inbox import CATEGORIES
from app.domain.times import from_micros, to_micros
from app.services import inbox, inbox_marks
from app.services.inbox_waits import InboxWaits, asking
from app.web.answers import Answer, cacheable, dump_json
from app.web.auth import authenticate_again, borrower
from app.web.doors import Door, answers
from app.web.etag import is_unchanged, strong_etag
from app.web.fields import CountField, IdField, PageQuerySchema, StateField, StateParameterField
from app.web.languages import request_locale
from app.web.pagination import Key, next_page, requested_key
from app.web.reads import end_reads, reading_engine, reads
from app.web.request_context import now
from app.wording.inbox_words import REVISION

door = Door("inbox", "What the borrower was told.", prefix="/v1/me")
_T = TypeVar("_T")
_LONGEST_WAIT = 25
_RETRY_SECONDS = 5


class InboxQuerySchema(PageQuerySchema):
    """Which messages."""

    archived = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "The archived ones instead."}
    )
    snoozed = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Those set aside instead."}
    )
    unread = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Only unread ones."}
    )
    settled = fields.Boolean(
        load_default=None, truthy={"true"}, falsy={"false"}, metadata={"description": "Only settled, or only open ones."}
    )
    category = fields.String(validate=validate.OneOf(CATEGORIES), metadata={"description": "Only of this category."})


class InboxSchema(Schema):
    """A page of messages, newest first."""

    items = fields.List(fields.Nested(InboxItemSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    has_more = fields.Boolean(required=True)
    state = StateField(required=True, metadata=STATE)
    counts = fields.Nested(InboxCountsSchema, required=True)


class ChangesQuerySchema(Schema):
    """Since when, and how long to wait for something new."""

    since = StateParameterField(required=True, metadata={"description": "The `state` up to which you have everything."})
    cursor = fields.String(validate=validate.Length(1, 512), metadata={"description": "`next_cursor` of the page before."})
    limit = CountField(
        load_default=50, validate=validate.Range(1, 100), metadata={"description": "How many at most, 1 to 100."}
    )
    wait = CountField(
        load_default=0,
        validate=validate.Range(0, _LONGEST_WAIT),
        metadata={"description": "Where there is nothing new: for how many seconds to wait for it, 0 to 25."},
    )


class ChangesSchema(Schema):
    """What is new, oldest change first. When `has_more` is false, you have everything up to `state`."""

    created = fields.List(
        fields.Nested(InboxItemSchema), required=True, metadata={"description": "Came, or came back, since then."}
    )
    updated = fields.List(fields.Nested(InboxItemSchema), required=True)
    destroyed = fields.List(
        IdField(), required=True, metadata={"description": "Taken back; ids you do not have can be among them."}
    )
    next_cursor = fields.String(required=True, allow_none=True)
    has_more = fields.Boolean(required=True)
    state = StateField(required=True, metadata=STATE)
    counts = fields.Nested(InboxCountsSchema, required=True)
    wait_refused = fields.Boolean(
        required=True, metadata={"description": "Too many wait already: ask again after Retry-After seconds."}
    )


class CountedSchema(Schema):
    """The counts and the state they are of."""

    state = StateField(required=True, metadata=STATE)
    counts = fields.Nested(InboxCountsSchema, required=True)


_STAMP = {"state": 41, "counts": COUNTS_EXAMPLE}
_PAGE_EXAMPLE = {"items": [ITEM_EXAMPLE], "next_cursor": None, "has_more": False, **_STAMP}
_CHANGES_EXAMPLE = {
    "created": [ITEM_EXAMPLE],
    "updated": [],
    "destroyed": [EXAMPLE_ID],
    "next_cursor": None,
    "has_more": False,
    **_STAMP,
    "wait_refused": False,
}


@door.get("/inbox")
@door.asks(InboxQuerySchema)
@answers(200, InboxSchema, example=_PAGE_EXAMPLE)
def list_inbox(query: dict[str, Any]) -> Response:
    """List your messages, newest first."""
    borrower_id, key, limit = borrower().borrower_id, requested_key(query), query["limit"]
    found = _up_to_date(
        lambda source: inbox.page_inbox(
            source,
            borrower_id,
            archived=query["archived"],
            snoozed=query["snoozed"],
            unread=query["unread"],
            settled=query["settled"],
            category=query.get("category"),
            before=key,
            limit=limit + 1,
            now=now(),
        )
    )
    locale = request_locale()
    etag = strong_etag(locale, REVISION, borrower_id, found.state, request.full_path)
    if is_unchanged(etag):  # everything shown changes with the state alone: no text need be opened
        return cacheable(b"", etag)
    rows, more = found.rows[:limit], len(found.rows) > limit
    cursor, headers = next_page(Key(rows[-1].created_at, rows[-1].id), query) if more else (None, {})
    answer = {
        "items": item_forms(inbox.open_items(reads(), borrower_id, rows), locale),
        "next_cursor": cursor,
        "has_more": more,
        "state": found.state,
        "counts": counts_form(found.counts),
    }
    response = cacheable(dump_json(answer), etag)
    response.headers.extend(headers)
    return response


@door.get("/inbox/changes")
@door.asks(ChangesQuerySchema)
@answers(200, ChangesSchema, example=_CHANGES_EXAMPLE, problems=("state-too-old",))
def list_inbox_changes(query: dict[str, Any]) -> Answer:
    """Tell what has changed since a state you have.

    Where nothing has, `wait` holds the answer until something does. 409 `state-too-old`: load the inbox anew.
    """
    scope = {"since": query["since"], "cursor": query.get("cursor")}
    key = requested_key(scope)
    after = None if key is None else (to_micros(key.at), key.row_id)
    found = _changes(query, after)
    refused = False
    if query["wait"] and found.last is None and found.state == query["since"]:
        refused = not _wait(found, query["wait"])
        if not refused:
            found = _changes(query, after)
    borrower_id, locale = borrower().borrower_id, request_locale()
    items = item_forms(inbox.open_items(reads(), borrower_id, [*found.created, *found.updated]), locale)
    cursor: str | None = None
    headers: dict[str, str] = {}
    if found.has_more and found.last is not None:
        cursor, headers = next_page(Key(from_micros(found.last[0]), found.last[1]), scope)  # a number, as an instant
    if refused:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    came = len(found.created)
    answer = {
        "created": items[:came],
        "updated": items[came:],
        "destroyed": found.destroyed,
        "next_cursor": cursor,
        "has_more": found.has_more,
        "state": found.state,
        "counts": counts_form(found.counts),
        "wait_refused": refused,
    }
    return Answer(answer, headers=headers, dumped=True)


@door.get("/inbox/counts")
@answers(200, CountedSchema, example=_STAMP)
def count_inbox() -> Answer:
    """Count your messages."""
    found = _up_to_date(lambda source: inbox.inbox_counts(source, borrower().borrower_id, now=now()))
    return Answer({"state": found.state, "counts": counts_form(found.counts)}, dumped=True)


def _changes(query: dict[str, Any], after: tuple[int, str] | None) -> inbox.InboxChanges:
    borrower_id = borrower().borrower_id
    return _up_to_date(
        lambda source: inbox.inbox_changes(
            source, borrower_id, since=query["since"], after=after, limit=query["limit"], now=now()
        )
    )


def _up_to_date(read: Callable[[Connection], _T]) -> _T:
    """Read; where the clock has brought something that nobody wrote down, write it down and read again."""
    try:
        return read(reads())
    except inbox.InboxBehindError:
        end_reads()
        inbox_marks.catch_up(borrower().borrower_id, now=now())
        return read(reads())


def _wait(found: inbox.InboxChanges, seconds: float) -> bool:
    """Wait for a change without a connection; return False where too many do. Who waited proves the session again."""
    if found.next_at is not None:
        seconds = max(0.0, min(seconds, (found.next_at - now()).total_seconds()))
    waits: InboxWaits = current_app.extensions["duecourse.inbox_waits"]
    end_reads()
    if not waits.wait(borrower().session_id, found.state, seconds=seconds, ask=asking(reading_engine())):
        return False
    authenticate_again(current_app)
    return True
