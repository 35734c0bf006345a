"""What was paid on a loan and how it was spread: receipts, as posted, as now known, and what replaced what was posted."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import SplitSchema, example_money, example_split, split_money
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.domain.receipts import Change, Standing
from app.services import receipts
from app.services.receipts import Payment
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


class SpreadSchema(Schema):
    """How an entry is spread."""

    split = fields.Nested(
        SplitSchema, required=True, metadata={"description": "What it paid, over all rows; of a charge what it asks for."}
    )
    allocations = fields.List(fields.Nested(AllocationSchema), required=True)
    unapplied = MoneyField(required=True, metadata={"description": "Paid beyond all rows of the plan."})


class CauseSchema(Schema):
    """What spread an entry anew: another entry (`id`), such as a reversal, or a version of the plan (`plan_version`)."""

    kind = fields.String(required=True, metadata={"enum": ["entry", "plan"]})
    id = IdField(required=True, allow_none=True)
    plan_version = fields.Integer(required=True, allow_none=True)


class StandingSchema(SpreadSchema):
    """How an entry was spread, as known from an instant on until another."""

    from_at = InstantField(data_key="from", required=True)
    until_at = InstantField(data_key="until", required=True, allow_none=True, metadata={"description": "Null: it stands."})
    because = fields.Nested(
        CauseSchema, required=True, allow_none=True, metadata={"description": "What began it; at first the entry itself."}
    )


class PaymentSchema(SpreadSchema):
    """One entry of the ledger. `split`, `allocations` and `unapplied` are as now known, `as_posted` as first known."""

    id = IdField(required=True)
    kind = fields.String(required=True, metadata={"enum": [kind.value for kind in EntryKind]})
    amount = MoneyField(required=True)
    effective_on = DateField(required=True, metadata={"description": "The value date."})
    recorded_at = InstantField(required=True, metadata={"description": "When the lender knew of it."})
    due_on = DateField(required=True, allow_none=True, metadata={"description": "When a charge falls due; else null."})
    reference = fields.String(required=True)
    channel = fields.String(required=True, allow_none=True)
    reversed = fields.Boolean(required=True, metadata={"description": "Taken back by a later reversal."})
    reverses_id = IdField(required=True, allow_none=True)
    as_posted = fields.Nested(SpreadSchema, required=True)
    replaced_at = InstantField(
        required=True, allow_none=True, metadata={"description": "Until when it stood as posted; null: it still does."}
    )
    replaced_by = fields.Nested(CauseSchema, required=True, allow_none=True)


class ReceiptSchema(PaymentSchema):
    """One entry with every way in which it was ever spread, oldest first."""

    standings = fields.List(fields.Nested(StandingSchema), required=True)


class PaymentsSchema(Schema):
    """A page of entries, newest first."""

    items = fields.List(fields.Nested(PaymentSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def _example_spread(row_no: int, principal: int, interest: int) -> dict[str, Any]:
    split = example_split(principal, interest)
    return {"split": split, "allocations": [{"row_no": row_no, "split": split}], "unapplied": example_money(0)}


_EXAMPLE_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_EXAMPLE_CAUSE = {"kind": "entry", "id": "01981e6a-9f40-7000-8000-5d7e1c3a2b44", "plan_version": None}
_EXAMPLE = {
    "id": _EXAMPLE_ID,
    "kind": "repayment",
    "amount": example_money(104500),
    "effective_on": "2026-10-20",
    "recorded_at": "2026-10-20T03:12:00Z",
    "due_on": None,
    "reference": "CN-1001-5",
    "channel": "bank",
    "reversed": False,
    "reverses_id": None,
    **_example_spread(6, 100000, 4500),
    "as_posted": _example_spread(5, 100000, 4500),
    "replaced_at": "2026-10-22T01:00:00Z",
    "replaced_by": _EXAMPLE_CAUSE,
}
_EXAMPLE_RECEIPT = {
    **_EXAMPLE,
    "standings": [
        {
            **_example_spread(5, 100000, 4500),
            "from": "2026-10-20T03:12:00Z",
            "until": "2026-10-22T01:00:00Z",
            "because": {"kind": "entry", "id": _EXAMPLE_ID, "plan_version": None},
        },
        {**_example_spread(6, 100000, 4500), "from": "2026-10-22T01:00:00Z", "until": None, "because": _EXAMPLE_CAUSE},
    ],
}


@door.get("/loans/<id:loan_id>/payments")
@door.asks(PageQuerySchema)
@answers(200, PaymentsSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_payments(query: dict[str, Any], loan_id: str) -> Answer:
    """List what was posted on a loan, newest first: each entry as posted, as now known, and what replaced it."""
    found = receipts.page_payments(
        reads(), borrower().borrower_id, loan_id, before=requested_key(query), limit=query["limit"] + 1
    )
    keys = [Key(payment.entry.recorded_at, payment.entry.id) for payment in found]
    return page_answer([_view(payment) for payment in found], keys, query)


@door.get("/loans/<id:loan_id>/payments/<id:entry_id>")
@answers(200, ReceiptSchema, example=_EXAMPLE_RECEIPT)
def get_payment(loan_id: str, entry_id: str) -> dict[str, Any]:
    """Show the receipt of one entry, with every way in which it was ever spread."""
    payment = receipts.get_payment(reads(), borrower().borrower_id, loan_id, entry_id)
    return _view(payment) | {"standings": [_standing(each, payment) for each in payment.receipt.standings]}


def _view(payment: Payment) -> dict[str, Any]:
    entry, receipt = payment.entry, payment.receipt
    return {
        **entry._mapping,
        "amount": Money(entry.amount_minor, entry.currency),
        "due_on": payment.due_on,
        "reversed": receipt.reversed,
        **_spread(receipt.now, entry.currency),
        "as_posted": _spread(receipt.as_posted, entry.currency),
        "replaced_at": receipt.as_posted.until_at,
        "replaced_by": _cause(receipt.replaced_by),
    }


def _standing(standing: Standing, payment: Payment) -> dict[str, Any]:
    return {
        "from_at": standing.from_at,
        "until_at": standing.until_at,
        "because": _cause(standing.because),
        **_spread(standing, payment.entry.currency),
    }


def _spread(standing: Standing, currency: str) -> dict[str, Any]:
    return {
        "split": split_money(standing.split, currency),
        "allocations": [{"row_no": row_no, "split": split_money(split, currency)} for row_no, split in standing.rows],
        "unapplied": Money(standing.unapplied_minor, currency),
    }


def _cause(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    kind = "plan" if change.entry_id is None else "entry"
    return {"kind": kind, "id": change.entry_id, "plan_version": change.plan_version}
