"""How a borrower pays a loan by bank transfer: to which account, under which reference, how much."""

from dataclasses import fields as fields_of
from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import example_money
from app.persistence.unit_of_work import in_unit_of_work
from app.services import accounts
from app.services import transfer_references as references
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, MoneyField
from app.web.reads import end_reads, reads
from app.web.request_context import now


class TransferDetailsSchema(Schema):
    """What to write on a transfer."""

    loan_id = IdField(required=True)
    reference = fields.String(
        required=True, metadata={"description": "Ten digits with a check of their own; write it exactly so."}
    )
    rf_reference = fields.String(required=True, metadata={"description": "The same as an ISO 11649 creditor reference."})
    rf_printed = fields.String(required=True, metadata={"description": "In groups of four, as it is printed."})
    account = fields.String(required=True, allow_none=True, metadata={"description": "Null: ask the lender."})
    bic = fields.String(required=True, allow_none=True)
    holder = fields.String(required=True, metadata={"description": "Whose account it is."})
    amount = MoneyField(required=True, metadata={"description": "Due by today; where nothing is, what is due next."})
    qr_payload = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Text for a QR code that banking apps read (EPC069-12): for euro and an IBAN."},
    )


_EXAMPLE = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "reference": "4390493638",
    "rf_reference": "RF744390493638",
    "rf_printed": "RF74 4390 4936 38",
    "account": "DE89370400440532013000",
    "bic": None,
    "holder": "Harbour Credit",
    "amount": example_money(104500),
    "qr_payload": None,
}


@door.get("/loans/<id:loan_id>/transfer-details")
@answers(200, TransferDetailsSchema, example=_EXAMPLE)
def get_transfer_details(loan_id: str) -> dict[str, Any]:
    """Show how to pay this loan by bank transfer.

    The reference is the loan's own and never changes. Written on the transfer it says for which loan the money is; with a
    typing error it is noticed, and a person looks.
    """
    borrower_id, at = borrower().borrower_id, now()
    accounts.get_position_account(reads(), borrower_id, loan_id)
    reference = references.find_reference(reads(), loan_id)
    if reference is None:  # asked for first: the number is given out now, and is the loan's from then on
        end_reads()
        reference = in_unit_of_work(lambda work: references.make_reference(work, borrower_id, loan_id, now=at))
    found = references.transfer_details(reads(), borrower_id, loan_id, reference, now=at)
    return {
        "loan_id": loan_id,
        "rf_reference": found.rf,
        **{each.name: getattr(found, each.name) for each in fields_of(found)},
    }
