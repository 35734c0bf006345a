"""Staff draft letters, look at them, have them approved by somebody else, and take them back."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from app.api.contact_forms import ANSWER_EXAMPLE, ContactAnswerSchema
from app.api.desk.staff import door
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.unit_of_work import Work, reading
from app.services import letter_drafts
from app.services.contact_gates import LONGEST_REASON
from app.services.tasks import LONGEST_REASON as LONGEST_CLOSE
from app.web.answers import Answer, repr_digest
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, InstantField, PatternField, TextField
from app.web.idempotency import answer_once, required_key
from app.web.languages import request_locale
from app.web.reads import end_reads, reads
from app.web.request_context import now


class NewLetterSchema(Schema):
    """A letter to draft."""

    template = PatternField("[a-z][a-z0-9_]{0,59}", required=True)
    loan_no = PatternField(NUMBER_PATTERN, required=True)


class LetterDraftSchema(Schema):
    """A letter that waits for an approval, or did."""

    id = IdField(required=True)
    template = fields.String(required=True)
    loan_no = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["draft", "approved", "withdrawn"]})
    from_policy = fields.Boolean(required=True, metadata={"description": "A step of the policy asks for it."})
    drafted_by = fields.String(required=True, allow_none=True)
    created_at = InstantField(required=True)
    not_after = InstantField(required=True, allow_none=True)
    closed_by = fields.String(required=True, allow_none=True)
    closed_at = InstantField(required=True, allow_none=True)
    message_id = IdField(required=True, allow_none=True)


class LetterDraftsSchema(Schema):
    """The letters of a borrower, newest first."""

    items = fields.List(fields.Nested(LetterDraftSchema), required=True)


class ApproveLetterSchema(Schema):
    """An approval."""

    override_reason = TextField(LONGEST_REASON, load_default=None, allow_none=True)


class ApprovedLetterSchema(Schema):
    """A letter on its way."""

    message_id = IdField(required=True)
    letter_id = IdField(required=True)
    pages = fields.Integer(required=True)


class WithdrawLetterSchema(Schema):
    """Why a draft is taken back."""

    reason = TextField(LONGEST_CLOSE, required=True, metadata={"description": "In a few words."})


_TOLD = {"template": "letter_arrears", "loan_no": "CN-1001"}
_EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    **_TOLD,
    "state": "draft",
    "from_policy": False,
    "drafted_by": "staff:Wang Fang",
    "created_at": "2026-11-26T03:00:00Z",
    "not_after": "2026-12-10T03:00:00Z",
    "closed_by": None,
    "closed_at": None,
    "message_id": None,
}
_APPROVED = {
    "message_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11",
    "letter_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d12",
    "pages": 2,
}
PDF = "application/pdf"
_DUMP, _DUMP_APPROVED = LetterDraftSchema(), ApprovedLetterSchema()
_REFUSED = ("law-refused", "contact-refused", "quiet-hours", "contact-cap-reached", "consent-missing")
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


@door.get("/borrowers/<number:borrower_no>/letters")
@permits("letters.draft")
@answers(200, LetterDraftsSchema, example={"items": [_EXAMPLE]})
def list_letters(borrower_no: str) -> dict[str, Any]:
    """List the letters of a borrower that wait for an approval, or did: drafts, and those a step of the policy asks for."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    return {"items": letter_drafts.list_drafts(reads(), borrower_id, lender_id)}


@door.post("/borrowers/<number:borrower_no>/letters/check")
@permits("letters.draft")
@door.takes(NewLetterSchema, example=_TOLD)
@answers(200, ContactAnswerSchema, example=ANSWER_EXAMPLE)
def check_letter(body: dict[str, Any], borrower_no: str) -> Any:
    """Say what would stand in the way of a letter if it were approved now. Nothing changes."""
    at, who, locale = now(), desk(), request_locale()
    end_reads()
    with reading() as session:
        borrower_id = get_borrower_of_lender(session, who.lender_id, borrower_no)
        return letter_drafts.ask_draft(session, borrower_id, **body, lender_id=who.lender_id, now=at, locale=locale)


@door.post("/borrowers/<number:borrower_no>/letters")
@permits("letters.draft")
@door.takes(NewLetterSchema, example=_TOLD)
@answers(201, LetterDraftSchema, example=_EXAMPLE, problems=(*_REFUSED, *_ONCE))
def post_letter(body: dict[str, Any], borrower_no: str) -> Answer:
    """Draft a letter about a loan. Somebody else approves it, and only then is it posted. An Idempotency-Key is needed."""
    at, who, locale, key = now(), desk(), request_locale(), required_key()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, who.lender_id, borrower_no)
        made = letter_drafts.draft_letter(
            work, borrower_id, **body, by=who.name, lender_id=who.lender_id, now=at, locale=locale
        )
        return Answer(_DUMP.dump(made), 201, dumped=True)

    return answer_once(act, key=key)


@door.get("/letters/<id:letter_id>/preview")
@permits("letters.draft")
@answers(200, files=(PDF,), problems=("conflict", "letter-refused"))
def preview_letter(letter_id: str) -> Response:
    """Show a letter as it would be posted. Who looked is noted; nothing else is kept of it."""
    at, who = now(), desk()
    end_reads()
    pdf = letter_drafts.look_at(letter_id, by=who.name, lender_id=who.lender_id, now=at)
    response = Response(pdf, 200, content_type=PDF)
    response.headers["Content-Disposition"] = f'inline; filename="letter-{letter_id}.pdf"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["Repr-Digest"] = repr_digest(pdf)
    return response


@door.post("/letters/<id:letter_id>/approve")
@permits("letters.approve")
@door.takes(ApproveLetterSchema, example={})
@answers(200, ApprovedLetterSchema, example=_APPROVED, problems=("letter-refused", *_REFUSED, *_ONCE))
def approve_letter(body: dict[str, Any], letter_id: str) -> Answer:
    """Have a letter made and posted, asked about once more. Whoever drafted it does not approve it."""
    at, who, locale = now(), desk(), request_locale()

    def act(work: Work) -> Answer:
        made = letter_drafts.approve_draft(
            work, letter_id, by=who.name, role=who.role, lender_id=who.lender_id, now=at, locale=locale, **body
        )
        return Answer(_DUMP_APPROVED.dump(made), 200, dumped=True)

    return answer_once(act)


@door.post("/letters/<id:letter_id>/withdraw")
@permits("letters.draft")
@door.takes(WithdrawLetterSchema, example={"reason": "agreed by phone"})
@answers(200, LetterDraftSchema, example={**_EXAMPLE, "state": "withdrawn"}, problems=_ONCE)
def withdraw_letter(body: dict[str, Any], letter_id: str) -> Answer:
    """Take a draft back before it is approved. Twice changes nothing."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        taken = letter_drafts.withdraw_draft(work, letter_id, by=who.name, lender_id=who.lender_id, now=at, **body)
        return Answer(_DUMP.dump(taken), 200, dumped=True)

    return answer_once(act)
