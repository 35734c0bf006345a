"""Letters of the lender in a browser: the list, batches, one letter with its document and what proves that it arrived."""

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from marshmallow import ValidationError as SchemaError
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, refused, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.domain.errors import ConflictError, ValidationError
from app.domain.letter_stages import LEFT, STAGES
from app.domain.served_notices import BY_STAFF
from app.persistence.unit_of_work import Work
from app.services import attachments, delivery_proofs, letter_views
from app.services.delivery_proofs import LONGEST_REFERENCE, NewProof
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import repr_digest
from app.web.auth import desk, permits
from app.web.fields import DateField, TextField
from app.web.file_bodies import takes_files, uploads
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now

_PDF = "application/pdf"
_STAGES = tuple(stage for stage in STAGES if stage != "draft")


class DeliveryProofFormSchema(Schema):
    """What proves that a letter arrived."""

    kind = fields.String(required=True, validate=validate.OneOf(BY_STAFF))
    delivered_on = DateField(required=True)
    reference = TextField(LONGEST_REFERENCE, load_default=None)


@pages.get("/letters")
@permits("letters.read")
def posted_letters() -> Response:
    """List letters by stage, newest first."""
    stage = one_of("stage", _STAGES)
    rows = letter_views.list_letters(reads(), desk().lender_id, stage=stage, before=after(stage=stage), limit=SIZE + 1)
    found = listed(rows, [Key(row.made_at, row.id) for row in rows], stage=stage)
    return page("letters/list.html", found=found, stage=stage, stages=_STAGES)


@pages.get("/letters/batches")
@permits("letters.read")
def letter_batches() -> Response:
    """List the batches in which letters were made."""
    return page("letters/batches.html", batches=letter_views.list_batches(reads(), desk().lender_id))


@pages.get("/letters/<id:letter_id>")
@permits("letters.read")
def posted_letter(letter_id: str) -> BaseResponse:
    """Show one letter."""
    return _shown(letter_id, Form())


@pages.get("/letters/<id:letter_id>/document")
@permits("letters.read")
def posted_letter_document(letter_id: str) -> BaseResponse:
    """Show the letter as it was posted; to keep a copy of it asks for a fresh code. Both are written down."""
    who, at, is_export = desk(), now(), request.args.get("keep") == "true"
    if is_export:
        require_fresh_proof(who)
    end_reads()
    pdf = delivery_proofs.look_at_letter(letter_id, by=who.name, lender_id=who.lender_id, now=at, is_export=is_export)
    response = Response(pdf, 200, content_type=_PDF)
    how = "attachment" if is_export else "inline"
    response.headers["Content-Disposition"] = f'{how}; filename="letter-{letter_id}.pdf"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["Repr-Digest"] = repr_digest(pdf)
    return response


@pages.post("/letters/<id:letter_id>/proofs")
@permits("letters.prove")
@takes_files
def prove_letter(letter_id: str) -> BaseResponse:
    """Record that it arrived, with the number of the post, or a scan of what was signed."""
    staff, at, files = acting(), now(), uploads("content")
    end_reads()

    def again(form: Form) -> BaseResponse:
        return _shown(letter_id, form, status=422)

    def act(work: Work, values: dict[str, Any]) -> str:
        delivery_proofs.record_proof_in(work, letter_id, NewProof(**values), staff=staff, now=at, attachment_id=receipt)
        return f"{PREFIX}/letters/{letter_id}"

    receipt = None
    try:
        for each in files[:1]:
            new = NewProof(**DeliveryProofFormSchema().load(_sent()))
            receipt = delivery_proofs.hand_in_receipt(letter_id, new, each.name, each.content, staff=staff, now=at)
    except (ConflictError, ValidationError) as error:
        return again(refused(error))
    except SchemaError:
        pass  # nothing was taken in; `submit` reads the form again and says what is wrong with it
    return submit(DeliveryProofFormSchema, act, again, files=[each.name for each in files])


def _sent() -> dict[str, str]:
    return {name: request.form[name] for name in ("kind", "delivered_on", "reference") if request.form.get(name, "").strip()}


def _shown(letter_id: str, form: Form, *, status: int = 200) -> Response:
    lender_id = desk().lender_id
    letter = letter_views.get_letter(reads(), lender_id, letter_id)
    receipts = attachments.shown_files(
        reads(), letter.borrower_id, lender_id, [each.attachment_id for each in letter.proofs if each.attachment_id]
    )
    return page(
        "letters/letter.html", status=status, letter=letter, form=form, files=receipts, kinds=BY_STAFF,
        may_be_proved=letter.stage in LEFT,
    )  # fmt: skip
