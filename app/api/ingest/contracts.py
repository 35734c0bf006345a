"""The form of a loan's contract: every term of the kernel by its name, amounts as money, days as dates.

Only the form is checked here. Whether terms can be true together is the kernel's to say (`domain/contract_forms.py`).
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from app.domain.allocation import STRATEGIES, Surplus
from app.domain.calendars import BusinessDayRule
from app.domain.charges import FeeBasis, FeeDue
from app.domain.contracts import Method, Prepayment, Remainder
from app.domain.day_counts import DayCount
from app.domain.delinquency import RULES, Boundary, Cure
from app.domain.late_charges import LateBase
from app.domain.money import Money
from app.domain.periods import DayOfMonth, Unit
from app.domain.rounding import Rounding
from app.domain.terms import EarlySettlement
from app.web.fields import DateField, MoneyField, PatternField, TextField

CURRENCIES = "x_currencies"
"""Under this name a loaded contract has the currency of each amount in it, for whoever knows the loan's to take out."""
_MOST_ROWS = 1200
_DECIMAL = "[0-9]{1,3}([.][0-9]{1,12})?"


def _named(kind: type[StrEnum], about: str = "") -> fields.String:
    return fields.String(validate=validate.OneOf(list(kind)), metadata={"description": about} if about else {})


def _rate(about: str) -> PatternField:
    return PatternField(_DECIMAL, metadata={"description": about})


def _count(most: int, about: str = "", least: int = 0) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(least, most), metadata={"description": about} if about else {}
    )


class _TermsSchema(Schema):
    """Terms as they are stored: an amount as whole minor units under its name with _minor, a day as text."""

    @post_load
    def _as_stored(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        stored: dict[str, Any] = {}
        currencies: dict[str, str] = {}
        for name, value in data.items():
            if isinstance(value, Money):
                currencies[name] = value.currency
                stored[f"{name}_minor"] = value.minor
            else:
                currencies.update((name, currency) for currency in _currencies(value))
                stored[name] = _as_text(value)
        return stored | ({CURRENCIES: currencies} if currencies else {})


def _as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _currencies(value: Any) -> Iterable[str]:
    """Take the currencies out of nested terms."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield from each.pop(CURRENCIES, {}).values()


class DisbursementSchema(_TermsSchema):
    """A part of the principal paid out after the start."""

    on = DateField(required=True)
    amount = MoneyField(required=True)


class RateChangeSchema(_TermsSchema):
    """Another rate from a day on, inclusive."""

    on = DateField(required=True)
    annual_rate = PatternField(_DECIMAL, required=True)


class FeeSchema(_TermsSchema):
    """A fee of the contract; `amount` for a flat one, `share` for the others."""

    name = TextField(80, required=True)
    basis = _named(FeeBasis)
    due = _named(FeeDue)
    amount = MoneyField()
    share = _rate('A fraction of one: "0.015" is 1.5 %.')
    penalty = fields.Boolean(truthy={True}, falsy={False})


class LateSchema(_TermsSchema):
    """What lateness costs. Nothing within `grace_days`; a late fee is levied once a row, after `fee_after_days`."""

    annual_rate = _rate("Overdue interest a year, as a fraction.")
    base = _named(LateBase)
    grace_days = _count(3660)
    from_due = fields.Boolean(
        truthy={True}, falsy={False}, metadata={"description": "After the grace, days count from the due date."}
    )
    year_days = _count(366, least=360)
    fee = MoneyField()
    fee_share = _rate("Late fee as a fraction of what is open.")
    fee_base = _named(LateBase)
    fee_after_days = _count(3660)


class DelinquencySchema(_TermsSchema):
    """How arrears are counted."""

    tolerance_days = _count(3660)
    tolerance = MoneyField()
    tolerance_share = _rate("Of the principal: as long as no more is overdue, it is no arrears.")
    from_due = fields.Boolean(truthy={True}, falsy={False})
    boundary = _named(Boundary)
    cure = _named(Cure)
    cure_from_days = _count(3660)


class PauseSchema(_TermsSchema):
    """A stretch in which arrears do not grow: from `start` up to, not including, `end`."""

    start = DateField(required=True)
    end = DateField(required=True, allow_none=True)


class AllocationOrderSchema(_TermsSchema):
    """An order of one's own: past_due, due and in_advance, each with penalty, fee, principal and interest."""

    order = fields.List(fields.String(validate=validate.Length(1, 40)), required=True, validate=validate.Length(12, 12))
    vertical = fields.Boolean(truthy={True}, falsy={False})


class ContractSchema(_TermsSchema):
    """The loan's own terms. With method, instalments, principal and disbursed_on, and no plan, the plan is made of them."""

    method = _named(Method)
    annual_rate = _rate('A fraction of one a year: "0.1540" is 15.40 %.')
    rate = PatternField("-?[0-9]{1,6}([.][0-9]{1,12})?", metadata={"description": "As the core calls it; only kept."})
    instalments = _count(_MOST_ROWS, least=1)
    every = _count(366, "So many units apart.", least=1)
    unit = _named(Unit)
    first_due_on = DateField()
    due_dates = fields.List(DateField(), validate=validate.Length(1, _MOST_ROWS))
    day_of_month = _named(DayOfMonth)
    business_day_rule = _named(BusinessDayRule, "Moves due dates by the lender's calendar; interest stays as it is.")
    day_count = _named(DayCount)
    rounding = _named(Rounding)
    instalment_rounding = _named(Rounding)
    instalment_multiple = MoneyField(metadata={"description": "The instalment is a multiple of this."})
    instalment = MoneyField(metadata={"description": "What falls due each time, where it is fixed."})
    level_by_nominal_days = fields.Boolean(truthy={True}, falsy={False})
    remainder = _named(Remainder)
    even_out = fields.Boolean(truthy={True}, falsy={False})
    principal_grace = _count(_MOST_ROWS, "Rows at the start without principal.")
    interest_grace = _count(_MOST_ROWS, "Rows whose interest falls due in the first row after them.")
    interest_free = _count(_MOST_ROWS, "Rows that bear no interest.")
    down_payment = _rate("Share of each disbursement that falls due on its day.")
    disbursements = fields.List(fields.Nested(DisbursementSchema), validate=validate.Length(0, 100))
    rate_changes = fields.List(fields.Nested(RateChangeSchema), validate=validate.Length(0, 100))
    fees = fields.List(fields.Nested(FeeSchema), validate=validate.Length(0, 50))
    fees_upfront = MoneyField(metadata={"description": "Kept back from what is paid out."})
    on_actual_balance = fields.Boolean(truthy={True}, falsy={False})
    whole_periods = fields.Boolean(truthy={True}, falsy={False})
    prepayment = _named(Prepayment)
    allocation = fields.String(validate=validate.OneOf(list(STRATEGIES)))
    allocation_order = fields.Nested(AllocationOrderSchema, metadata={"description": "Instead of a named allocation."})
    surplus = _named(Surplus)
    early_settlement = _named(EarlySettlement)
    late = fields.Nested(LateSchema)
    delinquency = fields.String(validate=validate.OneOf(list(RULES)), metadata={"description": "A named rule."})
    delinquency_terms = fields.Nested(DelinquencySchema, metadata={"description": "Instead of a named rule."})
    delinquency_edges = fields.List(_count(10_000, least=1), validate=validate.Length(1, 20))
    pauses = fields.List(fields.Nested(PauseSchema), validate=validate.Length(0, 100))
    signed_on = DateField(metadata={"description": "Day of signing; a cap of law is that of this day."})

    @validates_schema
    def _one_of_two(self, data: dict[str, Any], **_kwargs: Any) -> None:
        for name, other in (("allocation", "allocation_order"), ("delinquency", "delinquency_terms")):
            if name in data and other in data:
                raise ValidationError({other: [f"Give either {name} or {other}."]})

    @validates_schema
    def _ascend(self, data: dict[str, Any], **_kwargs: Any) -> None:
        edges = data.get("delinquency_edges", [])
        if sorted(set(edges)) != edges:
            raise ValidationError({"delinquency_edges": ["Must ascend."]})

    @post_load
    def _one_name(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        for name, stored in (("allocation_order", "allocation"), ("delinquency_terms", "delinquency")):
            if name in data:
                data[stored] = data.pop(name)
        return data
