"""What it takes to pay a loan off on a day, and what paying more than is due would change."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.borrower.loans import door
from app.api.borrower.money import SplitSchema, example_money, example_split, split_money
from app.domain.allocation import Surplus
from app.domain.money import Money
from app.domain.quotes import PrepaymentChoice
from app.services import quotes
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import MOST_MINOR, DateField, IdField, MoneyField
from app.web.reads import reads
from app.web.request_context import now


class PayoffQuerySchema(Schema):
    """For which day."""

    on = DateField(metadata={"description": "Up to a year ahead; today in the loan's zone."})


class PayoffSchema(Schema):
    """What closes the loan when it is paid on `on`, as the ledger would book it."""

    loan_id = IdField(required=True)
    timezone = fields.String(required=True)
    on = DateField(required=True)
    total = MoneyField(required=True, metadata={"description": "Pay this on that day and nothing is owed."})
    owed = fields.Nested(SplitSchema, required=True)
    per_diem = fields.Nested(SplitSchema, required=True, metadata={"description": "What the next day adds."})
    expires_on = DateField(required=True, metadata={"description": "Last day on which this very amount is right."})
    saved_interest = MoneyField(required=True, metadata={"description": "Interest of the plan that is then not owed."})
    overpaid = MoneyField(required=True, metadata={"description": "Paid over before; not taken off the total."})


_EXAMPLE = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "timezone": "Asia/Shanghai",
    "on": "2026-11-23",
    "total": example_money(709345),
    "owed": example_split(707845, 1500),
    "per_diem": example_split(0, 150),
    "expires_on": "2026-11-23",
    "saved_interest": example_money(21600),
    "overpaid": example_money(0),
}


@door.get("/loans/<id:loan_id>/payoff-quote")
@door.asks(PayoffQuerySchema)
@answers(200, PayoffSchema, example=_EXAMPLE, problems=("conflict", "law-refused"))
def get_payoff_quote(query: dict[str, Any], loan_id: str) -> dict[str, Any]:
    """Show what it takes to pay a loan off on a day.

    Paying the total on that day closes the loan to zero. 409 where the plan does not say all that is owed.
    """
    found = quotes.own_payoff(reads(), borrower().borrower_id, loan_id, query.get("on"), now=now())
    quote, currency = found.quote, found.loan.currency
    return {
        "loan_id": loan_id,
        "timezone": found.loan.zone,
        "on": quote.on,
        "total": Money(quote.total_minor, currency),
        "owed": split_money(quote.owed, currency),
        "per_diem": split_money(quote.per_diem, currency),
        "expires_on": quote.expires_on,
        "saved_interest": Money(quote.saved_interest_minor, currency),
        "overpaid": Money(quote.overpaid_minor, currency),
    }


class PrepaymentQuerySchema(PayoffQuerySchema):
    """How much, and for which day."""

    amount_minor = fields.Integer(
        required=True, validate=validate.Range(1, MOST_MINOR), metadata={"description": "In the loan's currency."}
    )


class PrepaymentChoiceSchema(Schema):
    """What is left of the loan when what is paid beyond what is due goes this way."""

    surplus = fields.String(
        required=True,
        metadata={
            "enum": list(Surplus),
            "description": "next: pays the next instalments; last: the term gets shorter; evenly: instalments get smaller.",
        },
    )
    instalments_left = fields.Integer(required=True)
    next_due_on = DateField(required=True, allow_none=True)
    next_due = MoneyField(required=True, allow_none=True)
    last_due_on = DateField(required=True, allow_none=True)
    interest_left = MoneyField(required=True)
    saved_interest = MoneyField(required=True)
    unapplied = MoneyField(required=True, metadata={"description": "More than the loan owes."})


class PrepaymentSchema(Schema):
    """The choices; the one taken is named as `surplus` with the payment."""

    loan_id = IdField(required=True)
    on = DateField(required=True)
    amount = MoneyField(required=True)
    choices = fields.List(fields.Nested(PrepaymentChoiceSchema), required=True)


_PREPAYMENT = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "on": "2026-11-23",
    "amount": example_money(300000),
    "choices": [
        {
            "surplus": "evenly",
            "instalments_left": 8,
            "next_due_on": "2026-12-20",
            "next_due": example_money(52100),
            "last_due_on": "2027-07-20",
            "interest_left": example_money(8200),
            "saved_interest": example_money(6400),
            "unapplied": example_money(0),
        }
    ],
}


@door.get("/loans/<id:loan_id>/prepayment-quote")
@door.asks(PrepaymentQuerySchema)
@answers(200, PrepaymentSchema, example=_PREPAYMENT, problems=("conflict",))
def get_prepayment_quote(query: dict[str, Any], loan_id: str) -> dict[str, Any]:
    """Show what paying more than is due would change: a shorter term, smaller instalments, or the next ones paid."""
    amount = query["amount_minor"]
    found = quotes.own_prepayment(reads(), borrower().borrower_id, loan_id, amount, query.get("on"), now=now())
    currency = found.loan.currency
    return {
        "loan_id": loan_id,
        "on": found.on,
        "amount": Money(amount, currency),
        "choices": [_choice(choice, currency) for choice in found.choices],
    }


def _choice(choice: PrepaymentChoice, currency: str) -> dict[str, Any]:
    return {
        "surplus": choice.surplus,
        "instalments_left": choice.instalments_left,
        "next_due_on": choice.next_due_on,
        "next_due": Money(choice.next_due_minor, currency) if choice.next_due_on else None,
        "last_due_on": choice.last_due_on,
        "interest_left": Money(choice.interest_left_minor, currency),
        "saved_interest": Money(choice.saved_interest_minor, currency),
        "unapplied": Money(choice.unapplied_minor, currency),
    }
