"""Notes about a borrower, for colleagues: written, corrected by a new version, put on top."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields
from werkzeug.wrappers import Response as BaseResponse

from app.console.asked import asked, older, place
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.persistence.unit_of_work import Work
from app.services.notes import LONGEST_NOTE, Writer, add_note, correct_note, list_notes, pin_note
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.reads import end_reads
from app.web.request_context import now

_ROWS = 25


class NotesQuerySchema(Schema):
    """A page of notes."""

    cursor = TextField(512)


class NoteSchema(Schema):
    """A note as it is written. A form's lines end as HTML says they do; ours end as they do everywhere else."""

    text = fields.String(required=True)
    pinned = fields.Boolean(load_default=False)


class PinSchema(Schema):
    """Whether it goes on top."""

    pinned = fields.Boolean(required=True)


@pages.get("/borrowers/<number:borrower_no>/notes")
@permits("borrowers.open")
@opened
def borrower_notes(borrower: Opened) -> BaseResponse:
    """Show the notes, newest first."""
    return _shown(borrower, Form())


@pages.post("/borrowers/<number:borrower_no>/notes")
@permits("borrowers.acts")
@opened
def write_borrower_note(borrower: Opened) -> BaseResponse:
    """Write a note."""

    def act(work: Work, values: dict[str, Any]) -> str:
        add_note(work, borrower.no, _plain(values["text"]), writer=_writer(), now=now(), pinned=values["pinned"])
        return f"{borrower.path}/notes"

    return submit(NoteSchema, act, lambda form: _shown(borrower, form, status=422))


@pages.post("/borrowers/<number:borrower_no>/notes/<id:note_id>")
@permits("borrowers.acts")
@opened
def correct_borrower_note(borrower: Opened, note_id: str) -> BaseResponse:
    """Put another version in a note's place."""

    def act(work: Work, values: dict[str, Any]) -> str:
        correct_note(work, borrower.no, note_id, _plain(values["text"]), writer=_writer(), now=now())
        return f"{borrower.path}/notes"

    return submit(NoteSchema, act, lambda form: _shown(borrower, form, status=422))


@pages.post("/borrowers/<number:borrower_no>/notes/<id:note_id>/pin")
@permits("borrowers.acts")
@opened
def pin_borrower_note(borrower: Opened, note_id: str) -> BaseResponse:
    """Put a note on top, or back."""

    def act(work: Work, values: dict[str, Any]) -> str:
        pin_note(work, borrower.no, note_id, values["pinned"], writer=_writer(), now=now())
        return f"{borrower.path}/notes"

    return submit(PinSchema, act, lambda form: _shown(borrower, form, status=422))


def _shown(borrower: Opened, form: Form, *, status: int = 200) -> BaseResponse:
    query = asked(NotesQuerySchema)
    end_reads()
    found = list_notes(borrower.no, writer=_writer(), before=place(query), limit=_ROWS + 1, now=now())
    notes = found[:_ROWS]
    resume: tuple[datetime, str] | None = (notes[-1].written_at, notes[-1].id) if len(found) > _ROWS else None
    return borrower_page(
        "notes.html", borrower, status=status, notes=notes, form=form, new_form=Form, longest=LONGEST_NOTE,
        older=older(resume, query), is_first="cursor" not in query,
    )  # fmt: skip


def _writer() -> Writer:
    who = desk()
    return Writer(who.name, who.role, who.lender_id)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")
