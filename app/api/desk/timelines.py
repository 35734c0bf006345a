"""Staff read everything that happened to a borrower in one order."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.api.value_forms import form_of, plain
from app.persistence.queries.timelines import READINGS
from app.services.notes import Writer
from app.services.timeline_entries import KINDS, TimelineEntry
from app.services.timelines import page_timeline
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import PageQuerySchema, TextField
from app.web.languages import request_locale
from app.web.pagination import Key, next_page, requested_key
from app.web.reads import end_reads
from app.web.request_context import now

_JOINED = ":"
"""Between the stream of an entry and its row, in a cursor."""


class TimelineQuerySchema(PageQuerySchema):
    """Which kinds."""

    kinds = TextField(
        400,
        load_default=None,
        metadata={
            "description": f"Only these, with commas between: {', '.join(KINDS)}; or {READINGS}, who read what, for those "
            "who may read the audit trail. Left out: all but that one.",
        },
    )


class TimelinePageSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(form_of(TimelineEntry)), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_EXAMPLE: dict[str, Any] = {
    "kind": "decision",
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "at": "2026-12-17T14:00:00Z",
    "code": "SUPPRESSED",
    "by": "engine",
    "loan_no": "CN-1001",
    "channel": None,
    "amount": None,
    "on": "2026-12-17",
    "reason": "CAP_PERSON",
    "sentence": "Not sent: one contact a day was used already",
    "title": None,
    "text": None,
    "splits": [],
    "facts": {"step": "d-3"},
    "link": None,
}


@door.get("/borrowers/<number:borrower_no>/timeline")
@permits("borrowers.open")
@door.asks(TimelineQuerySchema)
@answers(200, TimelinePageSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_timeline(query: dict[str, Any], borrower_no: str) -> Answer:
    """List payments, decisions with their reason, messages and what became of them, calls, words, notes, holds and the rest.

    Texts are opened for this reading, and that they were read is written down. What is of another lender is not there.
    """
    who, at, locale, begin = desk(), now(), request_locale(), requested_key(query)
    kinds = [each.strip() for each in query["kinds"].split(",")] if query["kinds"] else []
    end_reads()
    reader = Writer(who.name, who.role, who.lender_id)
    found = page_timeline(
        borrower_no, reader=reader, kinds=kinds, before=_place(begin), limit=query["limit"], now=at, locale=locale
    )
    items = [plain(entry) for entry in found.entries]
    if found.resume is None:
        return Answer({"items": items, "next_cursor": None}, 200, dumped=True)
    last_at, stream, row_id = found.resume
    cursor, headers = next_page(Key(last_at, f"{stream}{_JOINED}{row_id}"), query)
    return Answer({"items": items, "next_cursor": cursor}, 200, headers, dumped=True)


def _place(begin: Key | None) -> tuple[datetime, str, str] | None:
    if begin is None:
        return None
    stream, _, row_id = begin.row_id.partition(_JOINED)
    return begin.at, stream, row_id
