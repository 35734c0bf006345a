"""A letter as it is told: what desk and borrower both see of it."""

from typing import Any

from marshmallow import Schema, fields

from app.domain.letter_stages import STAGES
from app.domain.served_notices import PROOFS
from app.web.fields import IdField, InstantField


class LetterToldSchema(Schema):
    """A letter, from its approval on. Who it is to, its loan, how far it came and what proves it."""

    id = IdField(required=True)
    kind = fields.String(required=True, metadata={"description": "Of the notice it is, of letters, or `letter`."})
    title = fields.String(required=True)
    loan_id = IdField(required=True, allow_none=True)
    loan_no = fields.String(required=True, allow_none=True)
    stage = fields.String(required=True, metadata={"enum": list(STAGES)})
    locale = fields.String(required=True)
    pages = fields.Integer(required=True)
    sha256 = fields.String(required=True, metadata={"description": "Of the PDF, in hex."})
    made_at = InstantField(required=True)
    sent_at = InstantField(
        required=True, allow_none=True, metadata={"description": "When its printer took it, or the post."}
    )
    delivered_at = InstantField(
        required=True, allow_none=True, metadata={"description": "Since when something proves that it arrived."}
    )
    returned_at = InstantField(required=True, allow_none=True)
    opened_at = InstantField(required=True, allow_none=True, metadata={"description": "When it was opened in the app."})
    proof = fields.String(required=True, allow_none=True, metadata={"enum": [*PROOFS, None]})


TOLD_EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d12",
    "kind": "repayment_letter",
    "title": "Repayment of loan CN-1001",
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "loan_no": "CN-1001",
    "stage": "delivered",
    "locale": "en",
    "pages": 3,
    "sha256": "9dd78ac42b46d0b384995e046f4f733e9dd78ac42b46d0b384995e046f4f733e",
    "made_at": "2026-11-20T03:00:00Z",
    "sent_at": "2026-11-20T06:00:00Z",
    "delivered_at": "2026-11-23T02:00:00Z",
    "returned_at": None,
    "opened_at": None,
    "proof": "receipt",
}
