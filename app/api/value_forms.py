"""Forms of answers made from the values that services return: one field of JSON for each field of the value.

For values that were made to be shown, field by field; never for rows of the database. A whole number whose name ends in
`_minor` is written as money under the name without it, a `Split` as money by component: the currency is that of the nearest
value around it that names one. A test holds what is written against the form.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from datetime import date, datetime, time
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from marshmallow import Schema, fields

from app.api.borrower.money import SplitSchema
from app.domain.money import Money
from app.domain.splits import Split
from app.domain.times import rfc3339
from app.web.fields import DateField, InstantField, MoneyField

_MINOR = "_minor"
_CLOCK = "%H:%M"
_PLAIN: Mapping[Any, Callable[..., fields.Field[Any]]] = {
    str: fields.String,
    int: fields.Integer,
    bool: fields.Boolean,
    datetime: InstantField,
    date: DateField,
    time: fields.String,
    Money: MoneyField,
}


@lru_cache(maxsize=256)
def form_of(value_class: Any) -> type[Schema]:
    """Return the schema of a value's JSON, named after it so that it meets no form written by hand."""
    hints = get_type_hints(value_class)
    made: dict[str, Any] = {"__doc__": value_class.__doc__}
    for each in fields_of(value_class):
        name, field = _field(each.name, hints[each.name])
        made[name] = field
    return type(f"{value_class.__name__}ValueSchema", (Schema,), made)


def plain(value: Any, currency: str | None = None) -> Any:
    """Return a value as JSON has it, as `form_of` its class describes."""
    convert = _WRITERS.get(type(value))
    if convert is not None:
        return convert(value)
    if isinstance(value, Split):
        return _split(value, currency)
    if isinstance(value, list | tuple):
        return [plain(each, currency) for each in value]
    if is_dataclass(value):
        return _object(value, currency)
    return value


def _object(value: Any, currency: str | None) -> dict[str, Any]:
    amount = getattr(value, "amount", None)
    currency = getattr(value, "currency", None) or (amount.currency if amount is not None else None) or currency
    found = {}
    for name in value.__dataclass_fields__:
        inner = getattr(value, name)
        if name.endswith(_MINOR):
            found[name.removesuffix(_MINOR)] = None if inner is None else _money(inner, currency)
        else:
            found[name] = plain(inner, currency)
    return found


def _field(name: str, hint: Any) -> tuple[str, fields.Field[Any]]:
    about: dict[str, Any] = {"required": True}
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
        about["allow_none"] = True
    if name.endswith(_MINOR):
        return name.removesuffix(_MINOR), MoneyField(**about)
    if get_origin(hint) is list:
        _, inner = _field("", get_args(hint)[0])
        return name, fields.List(inner, **about)
    if get_origin(hint) is dict:
        return name, fields.Dict(**about)
    if hint is Split:
        return name, fields.Nested(SplitSchema, **about)
    if _is_shown(hint):
        return name, fields.Nested(form_of(hint), **about)
    return name, _PLAIN[hint](**about)


def _is_shown(hint: Any) -> bool:
    return is_dataclass(hint) and hint is not Money


def _money(minor: int, currency: str | None) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}


def _split(split: Split, currency: str | None) -> dict[str, Any]:
    parts = {name: _money(minor, currency) for name, minor in zip(Split._fields, split, strict=True)}
    return {**parts, "total": _money(split.total, currency)}


_WRITERS: Mapping[type, Callable[[Any], Any]] = {
    str: lambda text: text,
    int: lambda number: number,
    bool: lambda flag: flag,
    NoneType: lambda nothing: nothing,
    datetime: rfc3339,
    date: date.isoformat,
    time: lambda clock: clock.strftime(_CLOCK),
    Money: lambda money: _money(money.minor, money.currency),
    dict: dict,
}
