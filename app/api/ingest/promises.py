"""The core system puts promises to pay that were given to it."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.ingest.borrowers import PUT_EXAMPLE, PutSchema, door
from app.domain.book import PutResult
from app.domain.promises import CHANNELS
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.services import promises
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, MoneyField, PatternField
from app.web.request_context import now


class CorePromiseSchema(Schema):
    """A promise as the core knows it."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    amount = MoneyField(required=True)
    promised_on = DateField(required=True, metadata={"description": "The last day for it, where the borrower lives."})
    channel = fields.String(load_default="core", validate=validate.OneOf(CHANNELS))
    cancelled = fields.Boolean(
        load_default=False, truthy={True}, falsy={False}, metadata={"description": "It was taken back."}
    )


@door.put("/borrowers/<number:borrower_no>/promises/<number:reference>")
@door.takes(
    CorePromiseSchema,
    example={
        "loan_no": "CN-1001",
        "amount": {"amount_minor": 50000, "currency": "CNY"},
        "promised_on": "2026-11-27",
        "channel": "voice",
    },
)
@answers(200, PutSchema, example=PUT_EXAMPLE, also=(201,), problems=("conflict", "currency-mismatch"))
def put_promise(body: dict[str, Any], borrower_no: str, reference: str) -> Answer:
    """Put a promise, or say that it was taken back. The same again changes nothing; what becomes of it the ledger says.

    The terms are the core's: only what cannot be true is refused.
    """
    lender_id, at = ingest().lender_id, now()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, lender_id, borrower_no)
        loan_id = get_own_loan_id(work.session, lender_id, borrower_id, body["loan_no"])
        before, row = promises.put_promise(
            work, borrower_id, loan_id, reference, body["amount"], body["promised_on"],
            lender_code=get_lender(work.session, lender_id).code, channel=body["channel"], is_over=body["cancelled"], now=at,
        )  # fmt: skip
        created = before is None
        return Answer(PutResult(row.id, created, created or row.version != before), 201 if created else 200)

    return in_unit_of_work(act)
