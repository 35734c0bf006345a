"""Staff see whether a day's money at payment providers is the money in the ledger."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.money import example_money
from app.api.desk.staff import door
from app.domain.money import Money
from app.domain.payment_reconciliation import KINDS, Difference, Fault, Total
from app.services.payment_reconciliation import reconcile_day
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, MoneyField
from app.web.reads import reads


class ReconciliationQuerySchema(Schema):
    """Which day."""

    on = DateField(required=True, metadata={"description": "By the calendar of each loan."})


class ProviderTotalSchema(Schema):
    """Sums of one provider and currency: payments less refunds."""

    provider = fields.String(required=True)
    at_provider = MoneyField(required=True)
    in_ledger = MoneyField(required=True)
    at_provider_count = fields.Integer(required=True)
    in_ledger_count = fields.Integer(required=True)
    equal = fields.Boolean(required=True)


class PaymentDifferenceSchema(Schema):
    """One payment on which the two do not agree."""

    fault = fields.String(required=True, metadata={"enum": [fault.value for fault in Fault]})
    provider = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    reference = fields.String(required=True, metadata={"description": "Of the ledger entry, or as the provider names it."})
    at_provider = MoneyField(required=True, allow_none=True)
    in_ledger = MoneyField(required=True, allow_none=True)


class PaymentReconciliationSchema(Schema):
    """What the two say of each other."""

    on = DateField(required=True)
    equal = fields.Boolean(required=True, metadata={"description": "Payment by payment, to the smallest unit."})
    totals = fields.List(fields.Nested(ProviderTotalSchema), required=True)
    differences = fields.List(fields.Nested(PaymentDifferenceSchema), required=True)


_EXAMPLE: dict[str, Any] = {
    "on": "2026-11-23",
    "equal": False,
    "totals": [
        {
            "provider": "stripe",
            "at_provider": example_money(104500),
            "in_ledger": example_money(100000),
            "at_provider_count": 1,
            "in_ledger_count": 1,
            "equal": False,
        }
    ],
    "differences": [
        {
            "fault": "other_amount",
            "provider": "stripe",
            "kind": "payment",
            "reference": "pi:stripe:01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
            "at_provider": example_money(104500),
            "in_ledger": example_money(100000),
        }
    ],
}


@door.get("/payment-reconciliation")
@permits("payment_reconciliation.read")
@door.asks(ReconciliationQuerySchema)
@answers(200, PaymentReconciliationSchema, example=_EXAMPLE)
def get_payment_reconciliation(query: dict[str, Any]) -> dict[str, Any]:
    """Hold a day's money at payment providers against the ledger, payment by payment."""
    found = reconcile_day(reads(), query["on"], lender_id=desk().lender_id)
    return {
        "on": query["on"],
        "equal": found.is_equal,
        "totals": [_total(each) for each in found.totals],
        "differences": [_difference(each) for each in found.differences],
    }


def _total(total: Total) -> dict[str, Any]:
    return {
        "provider": total.provider,
        "at_provider": Money(total.theirs_minor, total.currency),
        "in_ledger": Money(total.ours_minor, total.currency),
        "at_provider_count": total.theirs_count,
        "in_ledger_count": total.ours_count,
        "equal": total.is_equal,
    }


def _difference(each: Difference) -> dict[str, Any]:
    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, each.currency)

    return {
        "fault": each.fault.value,
        "provider": each.provider,
        "kind": each.kind,
        "reference": each.reference,
        "at_provider": money(each.theirs_minor),
        "in_ledger": money(each.ours_minor),
    }
