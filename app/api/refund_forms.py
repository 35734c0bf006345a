"""What the doors say of refunds."""

from typing import Any

from marshmallow import Schema, fields

from app.domain.money import Money
from app.domain.refunds import METHODS, RefundState
from app.web.fields import IdField, InstantField, MoneyField


class RefundSchema(Schema):
    """One refund."""

    id = IdField(required=True)
    amount = MoneyField(required=True)
    state = fields.String(required=True, metadata={"enum": [state.value for state in RefundState]})
    method = fields.String(
        required=True,
        metadata={"enum": list(METHODS), "description": "provider: the way it came. bank, core: by the lender."},
    )
    requested_at = InstantField(required=True)
    approved_at = InstantField(required=True, allow_none=True)
    sent_at = InstantField(required=True, allow_none=True)
    closed_at = InstantField(required=True, allow_none=True, metadata={"description": "When it was done, or cancelled."})


REFUND_EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "amount": {"amount_minor": 4500, "currency": "CNY"},
    "state": "approved",
    "method": "provider",
    "requested_at": "2026-11-23T09:00:00Z",
    "approved_at": "2026-11-23T09:00:00Z",
    "sent_at": None,
    "closed_at": None,
}


def refund_view(row: Any) -> dict[str, Any]:
    """Return the values of `RefundSchema`."""
    return {
        "id": row.id,
        "amount": Money(row.amount_minor, row.currency),
        "state": row.state,
        "method": row.method,
        "requested_at": row.requested_at,
        "approved_at": row.approved_at,
        "sent_at": row.sent_at,
        "closed_at": row.closed_at,
    }
