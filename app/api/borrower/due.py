"""Everything that is overdue or falls due soon, over all loans."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import SplitSchema, example_money, example_split, source_field, source_of, split_money
from app.services import accounts
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, MoneyField
from app.web.reads import reads
from app.web.request_context import now


class DueItemSchema(Schema):
    """One instalment with something unpaid."""

    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    lender = fields.String(required=True)
    row_no = fields.Integer(
        required=True,
        allow_none=True,
        metadata={
            "description": "Null, as `due_on`: the lender's core has it overdue and the plan has no instalment for it."
        },
    )
    due_on = DateField(required=True, allow_none=True)
    timezone = fields.String(required=True)
    as_of = DateField(required=True, metadata={"description": "Today in the loan's zone."})
    state = fields.String(required=True, metadata={"enum": ["overdue", "due_today", "upcoming"]})
    days_past_due = fields.Integer(required=True)
    open = fields.Nested(SplitSchema, required=True)
    source = source_field()


class DueTotalSchema(Schema):
    """Sums of one currency."""

    currency = fields.String(required=True)
    overdue = MoneyField(required=True)
    upcoming = MoneyField(required=True, metadata={"description": "Due today or within 30 days."})


class DueSchema(Schema):
    """All of it, oldest first."""

    items = fields.List(fields.Nested(DueItemSchema), required=True)
    totals = fields.List(fields.Nested(DueTotalSchema), required=True)


_EXAMPLE = {
    "items": [
        {
            "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
            "loan_no": "CN-1001",
            "lender": "Harbour Credit",
            "row_no": 6,
            "due_on": "2026-11-20",
            "timezone": "Asia/Shanghai",
            "as_of": "2026-11-23",
            "state": "overdue",
            "days_past_due": 3,
            "open": example_split(100000, 4500),
            "source": "ledger",
        }
    ],
    "totals": [{"currency": "CNY", "overdue": example_money(104500), "upcoming": example_money(104500)}],
}


@door.get("/due")
@answers(200, DueSchema, example=_EXAMPLE)
def list_due() -> dict[str, Any]:
    """Show what is overdue and what falls due within 30 days, over all your loans.

    What is overdue of a loan adds up to what its balance shows, also where that is what the lender's core says.
    """
    rows, totals = accounts.everything_due(reads(), borrower().borrower_id, now=now())
    return {
        "items": [
            {
                "loan_id": row.loan.id,
                "loan_no": row.loan.loan_no,
                "lender": row.loan.lender_name,
                "row_no": row.row_no,
                "due_on": row.due_on,
                "timezone": row.loan.zone,
                "as_of": row.as_of,
                "state": row.state,
                "days_past_due": row.days_past_due,
                "open": split_money(row.open, row.loan.currency),
                "source": source_of(row.is_of_core),
            }
            for row in rows
        ],
        "totals": [
            {"currency": currency, "overdue": total.overdue, "upcoming": total.upcoming}
            for currency, total in totals.items()
        ],
    }
