"""Staff keep private notes about a borrower."""

from typing import Any

from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.api.value_forms import form_of, plain
from app.persistence.unit_of_work import Work
from app.services import notes
from app.services.notes import LONGEST_NOTE, NoteShown, VersionShown, Writer
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads
from app.web.request_context import now


class NewNoteSchema(Schema):
    """A note to be written."""

    text = TextField(LONGEST_NOTE, required=True)
    pinned = fields.Boolean(load_default=False, metadata={"description": "On top of the others."})


class CorrectionSchema(Schema):
    """What a note is to say from now on."""

    text = TextField(LONGEST_NOTE, required=True)


class PinSchema(Schema):
    """Whether a note stands on top."""

    pinned = fields.Boolean(required=True)


class NotesSchema(Schema):
    """A page of notes, newest first."""

    items = fields.List(fields.Nested(form_of(NoteShown)), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class VersionsSchema(Schema):
    """Every version of a note, the first one first."""

    items = fields.List(fields.Nested(form_of(VersionShown)), required=True)


_EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "text": "Prefers to be called after six; her brother translates.",
    "by": "staff:Wang Fang",
    "pinned": True,
    "version_no": 1,
    "written_at": "2026-11-23T09:00:00Z",
    "corrected_by": None,
    "corrected_at": None,
}
_VERSION = {
    "version_no": 1,
    "text": _EXAMPLE["text"],
    "by": _EXAMPLE["by"],
    "at": _EXAMPLE["written_at"],
}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


@door.get("/borrowers/<number:borrower_no>/notes")
@permits("borrowers.acts")
@door.asks(PageQuerySchema)
@answers(200, NotesSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_notes(query: dict[str, Any], borrower_no: str) -> Answer:
    """List notes of this lender's staff, newest first. That they were read is written down."""
    at, begin, writer = now(), requested_key(query), _writer()
    end_reads()
    before = (begin.at, begin.row_id) if begin else None
    found = notes.list_notes(borrower_no, writer=writer, before=before, limit=query["limit"] + 1, now=at)
    return page_answer(found, [Key(note.written_at, note.id) for note in found], query)


@door.post("/borrowers/<number:borrower_no>/notes")
@permits("borrowers.acts")
@door.takes(NewNoteSchema, example={"text": _EXAMPLE["text"], "pinned": True})
@answers(201, form_of(NoteShown), example=_EXAMPLE, problems=_ONCE)
def add_note(body: dict[str, Any], borrower_no: str) -> Answer:
    """Write a note. Card numbers are taken out of it. The borrower does not see it here; they may ask for what is kept."""
    at, writer = now(), _writer()

    def act(work: Work) -> Answer:
        made = notes.add_note(work, borrower_no, body["text"], pinned=body["pinned"], writer=writer, now=at)
        return Answer(plain(made), 201, dumped=True)

    return answer_once(act)


@door.get("/borrowers/<number:borrower_no>/notes/<id:note_id>/versions")
@permits("borrowers.acts")
@answers(200, VersionsSchema, example={"items": [_VERSION]})
def list_note_versions(borrower_no: str, note_id: str) -> dict[str, Any]:
    """List every version of a note as it was written. That they were read is written down."""
    at, writer = now(), _writer()
    end_reads()
    return {"items": notes.list_versions(borrower_no, note_id, writer=writer, now=at)}


@door.post("/borrowers/<number:borrower_no>/notes/<id:note_id>/correct")
@permits("borrowers.acts")
@door.takes(CorrectionSchema, example={"text": "Prefers to be called after seven; her brother translates."})
@answers(200, form_of(NoteShown), example={**_EXAMPLE, "version_no": 2}, problems=_ONCE)
def correct_note(body: dict[str, Any], borrower_no: str, note_id: str) -> Answer:
    """Put a new version in a note's place; the old ones stay. Who wrote it may, and a supervisor, compliance or admin."""
    at, writer = now(), _writer()

    def act(work: Work) -> Answer:
        changed = notes.correct_note(work, borrower_no, note_id, body["text"], writer=writer, now=at)
        return Answer(plain(changed), 200, dumped=True)

    return answer_once(act)


@door.post("/borrowers/<number:borrower_no>/notes/<id:note_id>/pin")
@permits("borrowers.acts")
@door.takes(PinSchema, example={"pinned": False})
@answers(200, form_of(NoteShown), example={**_EXAMPLE, "pinned": False}, problems=_ONCE)
def pin_note(body: dict[str, Any], borrower_no: str, note_id: str) -> Answer:
    """Put a note on top of the others, or back among them."""
    at, writer = now(), _writer()

    def act(work: Work) -> Answer:
        changed = notes.pin_note(work, borrower_no, note_id, body["pinned"], writer=writer, now=at)
        return Answer(plain(changed), 200, dumped=True)

    return answer_once(act)


def _writer() -> Writer:
    who = desk()
    return Writer(who.name, who.role, who.lender_id)
