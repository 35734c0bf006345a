"""A promise to pay as every door writes and takes it."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.promises import CHANNELS, STATES
from app.web.fields import DateField, IdField, InstantField, MoneyField

_MOST_PARTS = 24


class PartSchema(Schema):
    """One amount by the end of one day."""

    amount = MoneyField(required=True, metadata={"description": "In the loan's currency."})
    promised_on = DateField(required=True, metadata={"description": "The last day for it, where the borrower lives."})


class PartsSchema(Schema):
    """One promise, or several made together: half on Friday, half the Friday after."""

    parts = fields.List(fields.Nested(PartSchema), required=True, validate=validate.Length(min=1, max=_MOST_PARTS))
    replaces = fields.List(
        IdField(),
        load_default=list,
        validate=validate.Length(max=_MOST_PARTS),
        metadata={"description": "Open promises of the loan in whose place these stand."},
    )


class ChangeSchema(Schema):
    """One change."""

    at = InstantField(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    paid = MoneyField(required=True)
    by = fields.String(
        required=True, metadata={"description": "borrower, staff:NAME, core:CODE; ledger: money; calendar: its day ended."}
    )


class PromiseSchema(Schema):
    """One promise."""

    id = IdField(required=True)
    group_id = IdField(required=True, metadata={"description": "The same for promises made together."})
    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    amount = MoneyField(required=True)
    paid = MoneyField(required=True, metadata={"description": "Money that keeps it, as the ledger has it now."})
    promised_on = DateField(required=True)
    timezone = fields.String(required=True, metadata={"description": "Where its day ends."})
    ends_at = InstantField(required=True, metadata={"description": "The first instant after that day."})
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    made_at = InstantField(required=True)
    channel = fields.String(required=True, metadata={"enum": list(CHANNELS)})
    replaced_by = IdField(required=True, allow_none=True, metadata={"description": "The `group_id` in its place."})
    settled_at = InstantField(required=True, allow_none=True, metadata={"description": "Since when it is not open."})
    version = fields.Integer(required=True)


PROMISE_EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "group_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11",
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d12",
    "loan_no": "CN-1001",
    "amount": {"amount_minor": 50000, "currency": "CNY"},
    "paid": {"amount_minor": 0, "currency": "CNY"},
    "promised_on": "2026-11-27",
    "timezone": "Asia/Shanghai",
    "ends_at": "2026-11-27T16:00:00Z",
    "state": "open",
    "made_at": "2026-11-23T09:00:00Z",
    "channel": "in_app",
    "replaced_by": None,
    "settled_at": None,
    "version": 1,
}
PARTS_EXAMPLE: dict[str, Any] = {
    "parts": [
        {"amount": {"amount_minor": 50000, "currency": "CNY"}, "promised_on": "2026-11-27"},
        {"amount": {"amount_minor": 50000, "currency": "CNY"}, "promised_on": "2026-12-04"},
    ]
}
