"""Letters at the desk: the list, one with what proves that it arrived, its document, and the batches they were made in."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.api.letter_forms import TOLD_EXAMPLE, LetterToldSchema
from app.domain.letter_stages import STAGES
from app.domain.served_notices import BY_STAFF, KEPT
from app.services import delivery_proofs, letter_views
from app.services.delivery_proofs import LONGEST_REFERENCE, NewProof
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import Answer, file_answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now

PDF = "application/pdf"
LISTED = tuple(stage for stage in STAGES if stage != "draft")
"""Stages of letters that have a document; drafts are listed with their borrower."""


class LettersQuerySchema(PageQuerySchema):
    """Which letters."""

    stage = fields.String(load_default=None, validate=validate.OneOf(LISTED))


class DeliveryProofSchema(Schema):
    """What proves that a letter arrived, beside the word of the post."""

    kind = fields.String(required=True, metadata={"enum": list(KEPT)})
    delivered_at = InstantField(required=True)
    reference = fields.String(required=True, allow_none=True)
    attachment_id = IdField(required=True, allow_none=True)
    by = fields.String(required=True)
    recorded_at = InstantField(required=True)


class DeskLetterSchema(LetterToldSchema):
    """A letter as the desk sees it."""

    message_id = IdField(required=True)
    borrower_no = fields.String(required=True)
    template = fields.String(required=True)
    jurisdiction = fields.String(required=True)
    batch_id = IdField(required=True, allow_none=True)
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it failed or was withdrawn (docs/reasons.md)."}
    )
    printed_at = InstantField(required=True, allow_none=True)
    proofs = fields.List(fields.Nested(DeliveryProofSchema), required=True)


class DeskLettersSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(DeskLetterSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewDeliveryProofSchema(Schema):
    """A proof of delivery. A number of the post for registered_post and courier; else who signed or handed it over."""

    kind = fields.String(required=True, validate=validate.OneOf(BY_STAFF))
    delivered_on = DateField(required=True, metadata={"description": "The day it proves, where the lender is."})
    reference = TextField(LONGEST_REFERENCE, load_default=None, allow_none=True)


class LetterBatchSchema(Schema):
    """A batch, with this lender's letters in it by stage."""

    id = IdField(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["making", "ready", "handed_over", "stopped"]})
    by = fields.String(required=True)
    created_at = InstantField(required=True)
    stages = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class LetterBatchesSchema(Schema):
    """The newest batches with letters of this lender."""

    items = fields.List(fields.Nested(LetterBatchSchema), required=True)


_PROOF = {"kind": "registered_post", "delivered_on": "2026-11-23", "reference": "XA123456789CN"}
_RECORDED = {
    "kind": "registered_post",
    "delivered_at": "2026-11-23T00:00:00Z",
    "reference": "XA123456789CN",
    "attachment_id": None,
    "by": "staff:Wang Fang",
    "recorded_at": "2026-11-24T03:00:00Z",
}
_EXAMPLE: dict[str, Any] = {
    **TOLD_EXAMPLE,
    "message_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11",
    "borrower_no": "B-1001",
    "template": "letter_repayment",
    "jurisdiction": "CN",
    "batch_id": None,
    "reason": None,
    "printed_at": None,
    "proof": "registered_post",
    "proofs": [_RECORDED],
}
_BATCH = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d13",
    "name": "March",
    "state": "ready",
    "by": "operator:Ann",
    "created_at": "2026-11-20T03:00:00Z",
    "stages": {"printed": 20, "delivered": 11874},
}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = DeskLetterSchema()


@door.get("/letters")
@permits("letters.read")
@door.asks(LettersQuerySchema)
@answers(200, DeskLettersSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_posted_letters(query: dict[str, Any]) -> Answer:
    """List the lender's letters that have a document, newest first; of one stage."""
    found = letter_views.list_letters(
        reads(), desk().lender_id, stage=query["stage"], before=requested_key(query), limit=query["limit"] + 1
    )
    return page_answer(found, [Key(each.made_at, each.id) for each in found], query)


@door.get("/letters/<id:letter_id>")
@permits("letters.read")
@answers(200, DeskLetterSchema, example=_EXAMPLE)
def get_posted_letter(letter_id: str) -> Any:
    """Show one letter: how far it came, its hash, and what proves that it arrived."""
    return letter_views.get_letter(reads(), desk().lender_id, letter_id)


@door.get("/letters/<id:letter_id>/document")
@permits("letters.read")
@answers(200, files=(PDF,), problems=("step-up-required",))
def export_letter(letter_id: str) -> Response:
    """Give out the letter as it was posted. It asks for a fresh second factor, and who took it is noted."""
    require_fresh_proof(desk())
    at, who = now(), desk()
    end_reads()
    pdf = delivery_proofs.look_at_letter(letter_id, by=who.name, lender_id=who.lender_id, now=at, is_export=True)
    response = file_answer(pdf, PDF, name=f"letter-{letter_id}.pdf")
    response.headers["Cache-Control"] = "no-store"
    return response


@door.post("/letters/<id:letter_id>/proofs")
@permits("letters.prove")
@door.takes(NewDeliveryProofSchema, example=_PROOF)
@answers(201, DeskLetterSchema, example=_EXAMPLE, problems=_ONCE)
def record_delivery_proof(body: dict[str, Any], letter_id: str) -> Answer:
    """Record what proves that a letter arrived; one of each kind, never changed. A scan is handed in at the console.

    From then on it counts as delivered, by the law's clocks too; a return that the post tells of takes the number of the
    post away as a proof, and no signature.
    """
    at, staff = now(), acting()

    def act(work: Any) -> Answer:
        delivery_proofs.record_proof_in(work, letter_id, NewProof(**body), staff=staff, now=at)
        shown = letter_views.get_letter(work.session, staff.lender_id, letter_id)
        return Answer(_DUMP.dump(shown), 201, dumped=True)

    return answer_once(act)


@door.get("/letter-batches")
@permits("letters.read")
@answers(200, LetterBatchesSchema, example={"items": [_BATCH]})
def list_letter_batches() -> dict[str, Any]:
    """List the newest batches in which there are letters of this lender, with where those are."""
    return {"items": letter_views.list_batches(reads(), desk().lender_id)}
