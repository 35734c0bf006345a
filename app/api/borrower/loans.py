"""The borrower's loans with their positions today."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.money import example_money
from app.domain.money import Money
from app.domain.stops import SCOPES, Stop, stop_on, unpacked
from app.services import accounts
from app.services.accounts import Account
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import Door, answers
from app.web.fields import DateField, IdField, MoneyField, PageQuerySchema
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now
from app.wording.stop_words import stop_sentence

door = Door("loans", "What the borrower owes: positions, schedule, payments.", prefix="/v1/me")


class LoanStopSchema(Schema):
    """Days on which a loan bears no interest by law."""

    first = DateField(data_key="from", required=True, metadata={"description": "First day that bears none."})
    until = DateField(required=True, allow_none=True, metadata={"description": "First day that bears interest again."})
    scope = fields.String(required=True, metadata={"enum": list(SCOPES)})
    sentence = fields.String(required=True, metadata={"description": "That it is stopped, and why, in your language."})


class LoanSchema(Schema):
    """A loan and its position at the end of `as_of`, today in the loan's zone."""

    id = IdField(required=True)
    loan_no = fields.String(required=True)
    lender = fields.String(required=True)
    product = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, metadata={"enum": ["active", "closed", "written_off", "cancelled"]})
    currency = fields.String(required=True)
    timezone = fields.String(required=True, metadata={"description": "IANA zone whose calendar the due dates are in."})
    principal = MoneyField(required=True, allow_none=True, metadata={"description": "Amount lent, where it is known."})
    disbursed_on = DateField(required=True, allow_none=True)
    maturity_on = DateField(required=True, allow_none=True)
    as_of = DateField(required=True)
    outstanding = MoneyField(required=True)
    overdue = MoneyField(required=True)
    disputed = MoneyField(
        required=True,
        allow_none=True,
        metadata={"description": "How much of what is owed you dispute in cases that are open; null: nothing."},
    )
    days_past_due = fields.Integer(required=True)
    bucket = fields.String(required=True, metadata={"description": "Of days past due: current, 1-29, ..."})
    next_due_on = DateField(required=True, allow_none=True)
    next_due = MoneyField(required=True, allow_none=True)
    interest_stopped = fields.Nested(
        LoanStopSchema, required=True, allow_none=True, metadata={"description": "Null: it bears interest today."}
    )


class LoansSchema(Schema):
    """A page of loans, newest first."""

    items = fields.List(fields.Nested(LoanSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "loan_no": "CN-1001",
    "lender": "Harbour Credit",
    "product": "instalment",
    "status": "active",
    "currency": "CNY",
    "timezone": "Asia/Shanghai",
    "principal": example_money(1200000),
    "disbursed_on": "2026-05-20",
    "maturity_on": "2027-05-20",
    "as_of": "2026-11-23",
    "outstanding": example_money(712345),
    "overdue": example_money(104500),
    "disputed": None,
    "days_past_due": 3,
    "bucket": "1-29",
    "next_due_on": "2026-12-20",
    "next_due": example_money(104500),
    "interest_stopped": None,
}


def loan_view(account: Account) -> dict[str, Any]:
    """Return the values of `LoanSchema`."""
    loan, position = account.loan, account.position
    currency = loan.currency
    disputed = accounts.disputed_minor(loan, position.outstanding_minor)
    return {
        "id": loan.id,
        "loan_no": loan.loan_no,
        "lender": loan.lender_name,
        "product": loan.product,
        "status": loan.status,
        "currency": currency,
        "timezone": loan.zone,
        "principal": None if loan.principal_minor is None else Money(loan.principal_minor, currency),
        "disbursed_on": loan.disbursed_on,
        "maturity_on": loan.maturity_on,
        "as_of": position.as_of,
        "outstanding": Money(position.outstanding_minor, currency),
        "overdue": Money(position.overdue_minor, currency),
        "disputed": None if disputed is None else Money(disputed, currency),
        "days_past_due": position.days_past_due,
        "bucket": position.bucket,
        "next_due_on": position.next_due_on,
        "next_due": Money(position.next_due_minor, currency) if position.next_due_on else None,
        "interest_stopped": _stop(stop_on(unpacked(loan.stops), position.as_of)),
    }


def _stop(stop: Stop | None) -> dict[str, Any] | None:
    if stop is None:
        return None
    sentence = stop_sentence(stop, request_locale())
    return {"first": stop.from_on, "until": stop.until_on, "scope": stop.scope, "sentence": sentence}


@door.get("/loans")
@door.asks(PageQuerySchema)
@answers(200, LoansSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_loans(query: dict[str, Any]) -> Answer:
    """List your loans, newest first."""
    found = accounts.page_accounts(
        reads(), borrower().borrower_id, before=requested_key(query), limit=query["limit"] + 1, now=now()
    )
    keys = [Key(account.loan.imported_at, account.loan.id) for account in found]
    return page_answer([loan_view(account) for account in found], keys, query)


@door.get("/loans/<id:loan_id>")
@answers(200, LoanSchema, example=_EXAMPLE)
def get_loan(loan_id: str) -> dict[str, Any]:
    """Show one of your loans."""
    return loan_view(accounts.get_account(reads(), borrower().borrower_id, loan_id, now=now()))
