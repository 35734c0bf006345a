"""The rows of a loan's current plan."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import SplitSchema, example_split, source_field, source_of, split_money
from app.services import accounts
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField
from app.web.reads import reads
from app.web.request_context import now


class InstalmentSchema(Schema):
    """One instalment."""

    row_no = fields.Integer(required=True)
    due_on = DateField(required=True)
    state = fields.String(required=True, metadata={"enum": ["paid", "overdue", "due_today", "upcoming"]})
    due = fields.Nested(SplitSchema, required=True, metadata={"description": "As agreed."})
    open = fields.Nested(SplitSchema, required=True, metadata={"description": "Still unpaid."})
    paid_on = DateField(required=True, allow_none=True, metadata={"description": "When the last of it was paid."})
    days_past_due = fields.Integer(required=True, metadata={"description": "Of this instalment; 0 once it is paid."})
    bucket = fields.String(required=True, metadata={"description": "Of its days in arrears, by the loan's rule."})


class ScheduleSchema(Schema):
    """The plan that holds today."""

    loan_id = IdField(required=True)
    timezone = fields.String(required=True)
    as_of = DateField(required=True)
    plan_version = fields.Integer(required=True, metadata={"description": "Counts from 1; 0 while there is no plan."})
    source = source_field()
    items = fields.List(fields.Nested(InstalmentSchema), required=True)


_EXAMPLE = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "timezone": "Asia/Shanghai",
    "as_of": "2026-11-23",
    "plan_version": 1,
    "source": "ledger",
    "items": [
        {
            "row_no": 6,
            "due_on": "2026-11-20",
            "state": "overdue",
            "due": example_split(100000, 4500),
            "open": example_split(100000, 4500),
            "paid_on": None,
            "days_past_due": 3,
            "bucket": "1-29",
        }
    ],
}


@door.get("/loans/<id:loan_id>/schedule")
@answers(200, ScheduleSchema, example=_EXAMPLE)
def get_schedule(loan_id: str) -> dict[str, Any]:
    """Show the instalments of a loan, by due date.

    Those due before today add up to what the balance shows as overdue, also where that is what the lender's core says.
    """
    schedule = accounts.schedule(reads(), borrower().borrower_id, loan_id, now=now())
    currency = schedule.loan.currency
    return {
        "loan_id": loan_id,
        "timezone": schedule.loan.zone,
        "as_of": schedule.as_of,
        "plan_version": schedule.plan_version,
        "source": source_of(schedule.is_of_core),
        "items": [
            {
                "row_no": row.row_no,
                "due_on": row.due_on,
                "state": row.state,
                "due": split_money(row.due, currency),
                "open": split_money(row.open, currency),
                "paid_on": row.paid_on,
                "days_past_due": row.days_past_due,
                "bucket": row.bucket,
            }
            for row in schedule.rows
        ],
    }
