"""The form of a loan's contract: every term of the kernel by its name, amounts as money, days as dates.

Only the form is checked here. Whether terms can be true together is the kernel's to say (`domain/contract_forms.py`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from app.domain.allocation import STRATEGIES, Surplus
from app.domain.calendars import BusinessDayRule
from app.domain.charges import FeeBasis, FeeDue
from app.domain.contracts import Method, Prepayment, Remainder
from app.domain.day_counts import DayCount
from app.domain.delinquency import RULES, Boundary, Cure
from app.domain.errors import DomainError, FieldError
from app.domain.late_charges import LateBase
from app.domain.money import Money
from app.domain.periods import DayOfMonth, Unit
from app.domain.rounding import Rounding
from app.domain.terms import EarlySettlement
from app.web.fields import DateField, MoneyField, PatternField, TextField

CURRENCIES = "x_currencies"
"""Under this name a loaded contract has the currency of each amount in it, as a tree of names and places; whoever knows the
loan's takes it out."""
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

    stored_as: ClassVar[Mapping[str, str]] = {}
    """Fields that are stored under another name than their own, and that name."""

    @post_load
    def _as_stored(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        stored: dict[str, Any] = {}
        currencies: dict[str, Any] = {}
        for name, value in data.items():
            if found := _currencies(value):
                currencies[name] = found
            stored[self._stored_name(name)] = _plain(value)
        return stored | ({CURRENCIES: currencies} if currencies else {})

    def _stored_name(self, name: str) -> str:
        if isinstance(self.fields[name], MoneyField):
            return f"{name}_minor"
        return self.stored_as.get(name, name)

    def as_sent(self, steps: Sequence[str], stored: Any) -> list[str]:
        """Return the way to a stored term, from these terms on, in the names under which it was sent.

        Of two fields that are stored under one name it is the one whose form the stored value has.
        """
        if not steps or not isinstance(stored, Mapping):
            return [*steps]
        name, *rest = steps
        value: Any = stored.get(name)
        fitting = sorted(
            (each for each in self.fields if self._stored_name(each) == name),
            key=lambda each: isinstance(self.fields[each], fields.Nested) != isinstance(value, Mapping),
        )
        way = [fitting[0] if fitting else name]
        form: Any = self.fields.get(way[0])
        if isinstance(form, fields.List) and rest:
            form, value = form.inner, value[int(rest[0])]
            way.append(rest.pop(0))
        below = _terms_below(form)
        return [*way, *(rest if below is None else below.as_sent(rest, value))]

    def renamed(self) -> Iterator[tuple[str, str]]:
        """Yield (stored name, name as sent) where the two differ, of these terms and all below them."""
        for name, field in self.fields.items():
            if isinstance(field, MoneyField):
                yield self._stored_name(name), name
            below = _terms_below(field.inner if isinstance(field, fields.List) else field)
            if below is not None:
                yield from below.renamed()


def _terms_below(form: Any) -> _TermsSchema | None:
    schema = form.schema if isinstance(form, fields.Nested) else None
    return schema if isinstance(schema, _TermsSchema) else None


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Money):
        return value.minor
    return value.isoformat() if isinstance(value, date) else value


def _currencies(value: Any) -> Any:
    """Return the currency of an amount; of nested terms those taken out of them, by name or place."""
    if isinstance(value, list):
        return {index: found for index, each in enumerate(value) if (found := _currencies(each))}
    if isinstance(value, dict):
        return value.pop(CURRENCIES, None)
    return value.currency if isinstance(value, Money) else None


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

    stored_as: ClassVar[Mapping[str, str]] = {"allocation_order": "allocation", "delinquency_terms": "delinquency"}

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


_FORM = ContractSchema()
_SENT_WORDS = dict(_FORM.renamed())
_WORD = re.compile("[a-z_]+_minor")


def named_as_sent(error: DomainError, contract: Mapping[str, Any]) -> DomainError:
    """Return a refusal of a stored contract with each term named as it was sent: in its pointers and in its words."""

    def words(text: str) -> str:
        return _WORD.sub(lambda found: _SENT_WORDS.get(found[0], found[0]), text)

    detail = error.detail
    listed: list[FieldError] = []
    for each in error.errors:
        pointer = each.pointer
        if f"{pointer}/".startswith("/contract/"):
            pointer = "/".join(("/contract", *_FORM.as_sent(pointer.split("/")[2:], contract)))
        detail = detail.replace(_dotted(each.pointer), _dotted(pointer))
        listed.append(FieldError(pointer, each.code, words(each.detail)))
    return replace(error, detail=words(detail), errors=listed)


def _dotted(pointer: str) -> str:
    """Return a pointer as it stands in the words of a refusal."""
    return pointer[1:].replace("/", ".")
