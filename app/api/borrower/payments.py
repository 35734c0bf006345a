"""What was paid on a loan, and how it was spread."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import SplitSchema, example_money, example_split, split_money
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.services import accounts
from app.services.accounts import Payment
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, MoneyField, PageQuerySchema
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads


class AllocationSchema(Schema):
    """What went to one instalment; `row_no` null: to the principal balance outside the plan."""

    row_no = fields.Integer(required=True, allow_none=True)
    split = fields.Nested(SplitSchema, required=True)


class PaymentSchema(Schema):
    """One entry of the ledger, as posted."""

    id = IdField(required=True)
    kind = fields.String(required=True, metadata={"enum": [kind.value for kind in EntryKind]})
    amount = MoneyField(required=True)
    effective_on = DateField(required=True, metadata={"description": "The value date."})
    recorded_at = InstantField(required=True, metadata={"description": "When the lender knew of it."})
    reference = fields.String(required=True)
    channel = fields.String(required=True, allow_none=True)
    reversed = fields.Boolean(required=True, metadata={"description": "Taken back by a later reversal."})
    reverses_id = IdField(required=True, allow_none=True)
    split = fields.Nested(SplitSchema, required=True)
    allocations = fields.List(fields.Nested(AllocationSchema), required=True)
    unapplied = MoneyField(required=True)


class PaymentsSchema(Schema):
    """A page of entries, newest first."""

    items = fields.List(fields.Nested(PaymentSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "kind": "repayment",
    "amount": example_money(104500),
    "effective_on": "2026-10-20",
    "recorded_at": "2026-10-20T03:12:00Z",
    "reference": "CN-1001-5",
    "channel": "bank",
    "reversed": False,
    "reverses_id": None,
    "split": example_split(100000, 4500),
    "allocations": [{"row_no": 5, "split": example_split(100000, 4500)}],
    "unapplied": example_money(0),
}


@door.get("/loans/<id:loan_id>/payments")
@door.asks(PageQuerySchema)
@answers(200, PaymentsSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_payments(query: dict[str, Any], loan_id: str) -> Answer:
    """List what was paid on a loan, newest first."""
    found = accounts.page_payments(
        reads(), borrower().borrower_id, loan_id, before=requested_key(query), limit=query["limit"] + 1
    )
    keys = [Key(payment.entry.recorded_at, payment.entry.id) for payment in found]
    return page_answer([_view(payment) for payment in found], keys, query)


def _view(payment: Payment) -> dict[str, Any]:
    entry, currency = payment.entry, payment.entry.currency
    return {
        **entry._mapping,
        "amount": Money(entry.amount_minor, currency),
        "reversed": payment.reversed,
        "split": split_money(payment.split, currency),
        "allocations": [{"row_no": row_no, "split": split_money(split, currency)} for row_no, split in payment.allocations],
        "unapplied": Money(payment.unapplied_minor, currency),
    }
