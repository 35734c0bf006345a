"""The core system posts payments."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.borrower.money import SplitSchema, example_split, split_money
from app.api.ingest.borrowers import ORIGIN, door
from app.domain.allocation import Surplus
from app.domain.book import PaymentResult, PaymentValues
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.domain.splits import Split
from app.persistence.unit_of_work import Work
from app.services.payments import record_payment
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, IdField, InstantField, MoneyField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.request_context import now

_STATUS = {"recorded": 201, "duplicate": 200, "unmatched": 202}


class _SentKind(validate.OneOf):
    """A kind that a core may send: not what only the import of its tape can find."""

    def __call__(self, value: Any) -> Any:
        if value == EntryKind.SOURCE_ADJUSTMENT:
            raise ValidationError(
                "What the balances of a tape leave unexplained is found by importing it. Here, send money received as "
                "repayment or prepayment, a claim given up as waiver, more owed as charge, money taken back as reversal or "
                "refund."
            )
        return super().__call__(value)


class GivenSplitSchema(Schema):
    """The core's own division of the amount; it must add up."""

    principal = MoneyField(load_default=None)
    interest = MoneyField(load_default=None)
    fees = MoneyField(load_default=None)
    penalties = MoneyField(load_default=None)


class PaymentValuesSchema(Schema):
    """One payment, reversal, waiver, refund or charge."""

    reference = TextField(
        120,
        required=True,
        metadata={
            "description": "Unique per lender: the same one again is the same payment. Those that begin with pi: or stmt: "
            "are given here, to what a provider or a bank statement told; only such a payment may be told back under one."
        },
    )
    loan_no = PatternField(NUMBER_PATTERN, required=True)
    amount = MoneyField(required=True)
    effective_on = DateField(required=True, metadata={"description": "The value date; not in the future."})
    kind = fields.String(
        load_default=EntryKind.REPAYMENT.value,
        validate=_SentKind([kind.value for kind in EntryKind if kind is not EntryKind.SOURCE_ADJUSTMENT]),
    )
    recorded_at = InstantField(load_default=None, allow_none=True, metadata={"description": "When it became known; now."})
    row_no = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(1, 100_000),
        metadata={"description": "The instalment the payer meant."},
    )
    split = fields.Nested(GivenSplitSchema, load_default=None, allow_none=True)
    due_on = DateField(
        load_default=None,
        allow_none=True,
        metadata={"description": "Of a charge: the day it falls due; the day it is levied."},
    )
    surplus = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(list(Surplus)),
        metadata={
            "description": "What the payer chose for money that is more than what is due: next (pays the next instalments), "
            "last (the term gets shorter), evenly (each instalment gets smaller)."
        },
    )
    reverses_reference = TextField(120, load_default=None, allow_none=True)
    channel = TextField(40, load_default=None, allow_none=True)
    bank_reference = TextField(120, load_default=None, allow_none=True)
    note = TextField(500, load_default=None, allow_none=True)

    @validates_schema
    def _one_currency(self, data: dict[str, Any], **_kwargs: Any) -> None:
        amounts = (data["split"] or {}).items()
        wrong = {
            name: ["Not in the currency of the amount."]
            for name, amount in amounts
            if amount is not None and amount.currency != data["amount"].currency
        }
        if wrong:
            raise ValidationError({"split": wrong})


class PostedAllocationSchema(Schema):
    """What went to one instalment; `row_no` null: outside the plan."""

    row_no = fields.Integer(required=True, allow_none=True)
    split = fields.Nested(SplitSchema, required=True)
    unapplied = MoneyField(required=True)


class PostedPaymentSchema(Schema):
    """What became of it."""

    status = fields.String(required=True, metadata={"enum": list(_STATUS)})
    entry_id = IdField(required=True, allow_none=True)
    loan_id = IdField(required=True, allow_none=True)
    allocations = fields.List(fields.Nested(PostedAllocationSchema), required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_VALUES = {
    "reference": "CN-1001-5",
    "loan_no": "CN-1001",
    "amount": {"amount_minor": 104500, "currency": "CNY"},
    "effective_on": "2026-10-20",
    "channel": "bank",
}
_POSTED = {
    "status": "recorded",
    "entry_id": _ID,
    "loan_id": _ID,
    "allocations": [
        {"row_no": 5, "split": example_split(100000, 4500), "unapplied": {"amount_minor": 0, "currency": "CNY"}}
    ],
}


@door.post("/payments")
@door.takes(PaymentValuesSchema, example=_VALUES)
@answers(
    201,
    PostedPaymentSchema,
    example=_POSTED,
    also=(200, 202),
    problems=("conflict", "currency-mismatch", "idempotency-mismatch", "idempotency-in-flight"),
)
def post_payment(body: dict[str, Any]) -> Any:
    """Record a payment.

    201: recorded, and no reminder for what it paid leaves after this answer. 200: sent before, nothing changed. 202: kept
    and listed: no such loan yet (booked when it comes), a plan file told of the same money before (booked when the plan
    file takes that back), a refund of more than was received by its day, or a waiver where nothing is owed (booked when what
    it is of comes). `reference` makes it idempotent; an Idempotency-Key is honoured.
    """
    values, at = payment_values(body), now()

    def act(work: Work) -> Answer:
        result = record_payment(work, ingest().lender_id, values, now=at, origin=ORIGIN)
        body = PostedPaymentSchema().dump(_view(result, values.currency))
        return Answer(body, _STATUS[result.status], dumped=True)

    return answer_once(act)


def payment_values(body: dict[str, Any]) -> PaymentValues:
    """Return the payment of a `PaymentValuesSchema`."""
    amount: Money = body.pop("amount")
    split, kind = body.pop("split"), EntryKind(body.pop("kind"))
    parts = None
    if split is not None:
        parts = Split(*(0 if split[name] is None else split[name].minor for name in Split._fields))
    surplus = body.pop("surplus")
    return PaymentValues(
        amount_minor=amount.minor,
        currency=amount.currency,
        split=parts,
        kind=kind,
        surplus=Surplus(surplus) if surplus else None,
        **body,
    )


def _view(result: PaymentResult, currency: str) -> dict[str, Any]:
    return {
        "status": result.status,
        "entry_id": result.entry_id,
        "loan_id": result.loan_id,
        "allocations": [
            {
                "row_no": allocation.row_no,
                "split": split_money(allocation.split, currency),
                "unapplied": Money(allocation.unapplied_minor, currency),
            }
            for allocation in result.allocations
        ],
    }
