"""How payments, waivers and changes of contact data are told at the desk."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.contact_changes import KINDS, PROOFS, ChangeState
from app.domain.desk_payments import METHODS, DeskPaymentState
from app.domain.money import Money
from app.domain.waivers import REASONS, WaiverState
from app.persistence.vault import Vault
from app.services import desk_payments, waivers
from app.services.contact_changes import ShownChange
from app.web.fields import DateField, IdField, InstantField, MoneyField

_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_NUMBERS = {"borrower_no": "B-1001", "loan_no": "CN-1001"}


class _ActSchema(Schema):
    """What payments and waivers have in common."""

    id = IdField(required=True)
    borrower_no = fields.String(required=True)
    loan_no = fields.String(required=True)
    reference = fields.String(required=True, metadata={"description": "Of its ledger entry; your core may name it."})
    note = fields.String(required=True, allow_none=True)
    requested_by = fields.String(required=True)
    requested_at = InstantField(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = InstantField(required=True, allow_none=True)
    told_by_core_at = InstantField(
        required=True, allow_none=True, metadata={"description": "When your core told of it; null: its figures lack it."}
    )
    told_as = fields.String(required=True, allow_none=True, metadata={"description": "Under which reference it did."})


class DeskPaymentSchema(_ActSchema):
    """A payment that the desk took in."""

    state = fields.String(required=True, metadata={"enum": [state.value for state in DeskPaymentState]})
    amount = MoneyField(required=True)
    effective_on = DateField(required=True)
    method = fields.String(required=True, metadata={"enum": list(METHODS)})
    receipt = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it was declined or reversed."})
    reversed_by = fields.String(required=True, allow_none=True)
    reversed_at = InstantField(required=True, allow_none=True)


class DeskPaymentsSchema(Schema):
    """A borrower's payments at this desk, newest first, at most 100."""

    items = fields.List(fields.Nested(DeskPaymentSchema), required=True)


class WaivedPartsSchema(Schema):
    """An amount by component."""

    interest = MoneyField(required=True)
    fees = MoneyField(required=True)
    penalties = MoneyField(required=True)


class WaiverSchema(_ActSchema):
    """A claim given up, or asked to be."""

    state = fields.String(required=True, metadata={"enum": [state.value for state in WaiverState]})
    amount = MoneyField(required=True)
    parts = fields.Nested(WaivedPartsSchema, required=True)
    reason = fields.String(required=True, metadata={"enum": list(REASONS)})
    effective_on = DateField(required=True, allow_none=True)
    declined_reason = fields.String(required=True, allow_none=True)


class WaiversSchema(Schema):
    """A borrower's waivers, newest first, at most 100."""

    items = fields.List(fields.Nested(WaiverSchema), required=True)


class ContactChangeSchema(Schema):
    """A change of contact data on its way."""

    id = IdField(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    state = fields.String(required=True, metadata={"enum": [state.value for state in ChangeState]})
    value = fields.String(required=True, metadata={"description": "Masked; whole for who may see it."})
    proof = fields.String(required=True, allow_none=True, validate=validate.OneOf(PROOFS))
    proposed_at = InstantField(required=True)
    prove_until = InstantField(required=True)
    proved_at = InstantField(required=True, allow_none=True)
    effective_at = InstantField(required=True, allow_none=True, metadata={"description": "When its cool-off is over."})
    took_effect_at = InstantField(required=True, allow_none=True)
    ended_at = InstantField(required=True, allow_none=True)
    ended_reason = fields.String(required=True, allow_none=True)


class DeskContactChangeSchema(ContactChangeSchema):
    """A change as staff see it."""

    proposed_by = fields.String(required=True)
    proved_by = fields.String(required=True, allow_none=True)
    ended_by = fields.String(required=True, allow_none=True)
    grounds = fields.String(required=True, allow_none=True, metadata={"description": "Of a supervisor's confirmation."})
    codes_sent = fields.Integer(required=True)


def payment_view(ring: Vault, row: Any) -> dict[str, Any]:
    """Return the values of `DeskPaymentSchema`."""
    return {
        **row._mapping,
        "amount": Money(row.amount_minor, row.currency),
        "note": desk_payments.note_of(ring, row),
        "told_by_core_at": row.told_at,
    }


def waiver_view(ring: Vault, row: Any) -> dict[str, Any]:
    """Return the values of `WaiverSchema`."""
    parts = waivers.parts_of(row)
    named = {name: Money(getattr(parts, name), row.currency) for name in ("interest", "fees", "penalties")}
    return {
        **row._mapping,
        "amount": Money(parts.total, row.currency),
        "parts": named,
        "note": waivers.note_of(ring, row),
        "told_by_core_at": row.told_at,
    }


def change_view(shown: ShownChange) -> dict[str, Any]:
    """Return the values of `DeskContactChangeSchema`."""
    row = shown.row
    columns = (
        row._mapping if hasattr(row, "_mapping") else {column.key: getattr(row, column.key) for column in row.__table__.c}
    )
    told = {**columns, "value": shown.value, "grounds": shown.grounds}
    return told if shown.is_ours else {**told, "proposed_by": "another lender", **dict.fromkeys(_OF_A_DESK)}


_OF_A_DESK = ("proved_by", "ended_by", "ended_reason")


_ACT = {
    "id": _ID,
    **_NUMBERS,
    "note": None,
    "requested_by": "staff:Wang Fang",
    "requested_at": "2026-11-23T09:00:00Z",
    "decided_by": "staff:Wang Fang",
    "decided_at": "2026-11-23T09:00:00Z",
    "told_by_core_at": None,
    "told_as": None,
}
PAYMENT_EXAMPLE: dict[str, Any] = {
    **_ACT,
    "reference": f"desk:payment:{_ID}",
    "state": "booked",
    "amount": {"amount_minor": 50000, "currency": "CNY"},
    "effective_on": "2026-11-23",
    "method": "cash",
    "receipt": "R-2026-0117",
    "reason": None,
    "reversed_by": None,
    "reversed_at": None,
}
WAIVER_EXAMPLE: dict[str, Any] = {
    **_ACT,
    "reference": f"desk:waiver:{_ID}",
    "state": "granted",
    "amount": {"amount_minor": 2500, "currency": "CNY"},
    "parts": {
        "interest": {"amount_minor": 0, "currency": "CNY"},
        "fees": {"amount_minor": 2500, "currency": "CNY"},
        "penalties": {"amount_minor": 0, "currency": "CNY"},
    },
    "reason": "goodwill",
    "effective_on": "2026-11-23",
    "declined_reason": None,
}
CHANGE_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "kind": "phone",
    "state": "cooling_off",
    "value": "•••• 0002",
    "proof": "code",
    "proposed_at": "2026-11-23T09:00:00Z",
    "prove_until": "2026-11-30T09:00:00Z",
    "proved_at": "2026-11-23T09:03:00Z",
    "effective_at": "2026-11-26T09:03:00Z",
    "took_effect_at": None,
    "ended_at": None,
    "ended_reason": None,
}
DESK_CHANGE_EXAMPLE: dict[str, Any] = {
    **CHANGE_EXAMPLE,
    "proposed_by": "staff:Wang Fang",
    "proved_by": "staff:Wang Fang",
    "ended_by": None,
    "grounds": None,
    "codes_sent": 1,
}
