"""The letters that were sent to the borrower, to be read in the app: what was posted, to the byte."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.letter_forms import TOLD_EXAMPLE, LetterToldSchema
from app.services import delivery_proofs, letter_views
from app.web.answers import Answer, file_answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import PageQuerySchema
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now

PDF = "application/pdf"
_UNKEPT = {"Cache-Control": "no-store"}


class LettersToldSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(LetterToldSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


@door.get("/letters")
@door.asks(PageQuerySchema)
@answers(200, LettersToldSchema, example={"items": [TOLD_EXAMPLE], "next_cursor": None})
def list_own_letters(query: dict[str, Any]) -> Answer:
    """List the letters that left for you by post, newest first: what each is about, and how far it came."""
    found = letter_views.list_own(reads(), borrower().borrower_id, before=requested_key(query), limit=query["limit"] + 1)
    answer = page_answer(found, [Key(each.made_at, each.id) for each in found], query)
    return Answer(answer.value, headers={**answer.headers, **_UNKEPT})


@door.get("/letters/<id:letter_id>")
@answers(200, LetterToldSchema, example=TOLD_EXAMPLE)
def get_own_letter(letter_id: str) -> Answer:
    """Show one letter: its kind, loan, state and the SHA-256 of its document."""
    return Answer(letter_views.get_own(reads(), borrower().borrower_id, letter_id), headers=_UNKEPT)


@door.get("/letters/<id:letter_id>/document")
@answers(200, files=(PDF,))
def get_own_letter_document(letter_id: str) -> Response:
    """Show the letter as it was posted. Opening it is kept, once: from then on it has reached you."""
    at, borrower_id = now(), borrower().borrower_id
    end_reads()
    pdf = delivery_proofs.open_own(borrower_id, letter_id, now=at)
    response = file_answer(pdf, PDF, name=f"letter-{letter_id}.pdf")
    response.headers["Cache-Control"] = "no-store"
    return response
