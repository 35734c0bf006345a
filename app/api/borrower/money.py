"""Amounts by component, as several answers show them."""

from marshmallow import Schema, fields

from app.domain.money import Money
from app.domain.splits import Split
from app.web.fields import MoneyField


class SplitSchema(Schema):
    """An amount by component."""

    principal = MoneyField(required=True)
    interest = MoneyField(required=True)
    fees = MoneyField(required=True)
    penalties = MoneyField(required=True)
    total = MoneyField(required=True)


def source_field() -> fields.String:
    """Return the field that says whose figures are shown."""
    about = {"enum": ["ledger", "core"], "description": "Whose figures these are: ours, or the core's."}
    return fields.String(required=True, metadata=about)


def source_of(is_of_core: bool) -> str:
    """Return whose figures are shown, for `source_field`."""
    return "core" if is_of_core else "ledger"


def split_money(split: Split, currency: str) -> dict[str, Money]:
    """Return the components as money, for `SplitSchema`."""
    amounts = {name: Money(minor, currency) for name, minor in zip(Split._fields, split, strict=True)}
    return {**amounts, "total": Money(split.total, currency)}


def example_split(principal: int, interest: int, currency: str = "CNY") -> dict[str, dict[str, object]]:
    """Return a split as JSON, for examples."""
    amounts = {"principal": principal, "interest": interest, "fees": 0, "penalties": 0, "total": principal + interest}
    return {name: example_money(minor, currency) for name, minor in amounts.items()}


def example_money(minor: int, currency: str = "CNY") -> dict[str, object]:
    """Return an amount as JSON, for examples."""
    return {"amount_minor": minor, "currency": currency}
