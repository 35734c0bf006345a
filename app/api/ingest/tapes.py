"""A row of a tape: what the core says of one loan on the day of its batch."""

from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.domain.money import Money
from app.domain.tapes import TapeValues
from app.web.fields import NUMBER_PATTERN, DateField, MapField, MoneyField, PatternField, TextField

_MOST_DAYS = 100_000


def _days(**metadata: str) -> fields.Integer:
    return fields.Integer(strict=True, allow_none=True, validate=validate.Range(0, _MOST_DAYS), metadata=metadata)


class TapeRowSchema(Schema):
    """The core's own figures of a loan, kept beside ours and never mixed with them; what is left out is not said."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    status = TextField(80, allow_none=True)
    principal_balance = MoneyField(allow_none=True)
    interest_due = MoneyField(allow_none=True)
    fees_due = MoneyField(allow_none=True)
    penalties_due = MoneyField(allow_none=True)
    total_due = MoneyField(
        allow_none=True, metadata={"description": "Principal balance with all interest, fees and penalties due and unpaid."}
    )
    amount_past_due = MoneyField(allow_none=True)
    days_past_due = _days()
    days_past_due_from = _days(description="Where the core gives a band instead.")
    days_past_due_to = _days(description="The other end of the band; left out: it has none.")
    first_unpaid_due_on = DateField(allow_none=True)
    next_due_on = DateField(allow_none=True)
    next_due_amount = MoneyField(allow_none=True)
    last_payment_on = DateField(allow_none=True)
    last_payment_amount = MoneyField(allow_none=True)
    restructure_flag = TextField(80, allow_none=True)
    forbearance_until = DateField(allow_none=True)
    extra = MapField(
        keys=PatternField("[a-z][a-z0-9_]{0,39}"),
        values=TextField(200),
        validate=validate.Length(max=50),
        metadata={"description": "Whatever else the core says, by name."},
    )

    @validates_schema
    def _one_currency(self, data: dict[str, Any], **_kwargs: Any) -> None:
        amounts = {name: value for name, value in data.items() if isinstance(value, Money)}
        currencies = [value.currency for value in amounts.values()]
        wrong = {name: ["Not in the currency of the others."] for name, v in amounts.items() if v.currency != currencies[0]}
        if wrong:
            raise ValidationError(wrong)

    @validates_schema
    def _a_band(self, data: dict[str, Any], **_kwargs: Any) -> None:
        least, most = data.get("days_past_due_from"), data.get("days_past_due_to")
        if most is not None and (least is None or most < least):
            raise ValidationError({"days_past_due_to": ["Needs days_past_due_from, and is not less."]})


def tape_values(body: dict[str, Any]) -> TapeValues:
    """Return the tape row of a `TapeRowSchema`."""
    loan_no, extra = body.pop("loan_no"), body.pop("extra", {})
    facts: dict[str, Any] = {f"extra.{name}": value for name, value in extra.items()}
    currency = None
    for name, value in body.items():
        if isinstance(value, Money):
            currency = value.currency
            facts[name] = value.minor
        elif value is not None:
            facts[name] = value.isoformat() if isinstance(value, date) else value
    return TapeValues(loan_no, facts, currency)
