"""Types of facts and how their JSON is read: what the vocabulary calls bool, int, decimal, date, time, instant, text, enum.

Read values are Python's own: instants are aware datetimes in UTC, dates `date`, times `time`, decimals `Decimal`, lists
tuples, objects dicts. A float is refused everywhere: it has no exact value.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from app.domain.law.faults import Faults, under

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldType:
    """The type of a fact, of a field of an object, or of an expected result."""

    kind: str
    """bool, int, decimal, date, time, instant, text, enum, object or list."""
    values: frozenset[str] | None = None
    """Of an enum; of a text: the only words allowed, where there are such."""
    fields: Mapping[str, "FieldType"] | None = None
    """Of an object."""
    name: str | None = None
    """Of the enum or the object, as the vocabulary calls it."""
    item: "FieldType | None" = None
    """Of a list."""
    required: bool = False


def read_value(value: Any, of: FieldType, pointer: str, faults: Faults) -> Any:
    """Return the typed value; what does not fit is recorded in `faults` and None returned."""
    if of.kind == "list":
        return _read_list(value, of, pointer, faults)
    if of.kind == "object":
        return _read_object(value, of, pointer, faults)
    try:
        return _SCALARS[of.kind](value, of)
    except (ValueError, TypeError, OverflowError) as refusal:
        faults.add(pointer, str(refusal) or f"not a {of.kind}")
        return None


def unknown_name(name: str, known: Mapping[str, Any] | frozenset[str], what: str) -> str:
    """Return the sentence that refuses a name, with the nearest known one."""
    near = get_close_matches(name, list(known), 1)
    return f"{name!r} is no known {what}" + "".join(f"; did you mean {each!r}?" for each in near)


def _read_list(value: Any, of: FieldType, pointer: str, faults: Faults) -> Any:
    if not isinstance(value, list | tuple) or of.item is None:
        faults.add(pointer, "not a list")
        return None
    return tuple(read_value(each, of.item, under(pointer, no), faults) for no, each in enumerate(value))


def _read_object(value: Any, of: FieldType, pointer: str, faults: Faults) -> Any:
    if not isinstance(value, Mapping) or of.fields is None:
        faults.add(pointer, f"not an object of {of.name}")
        return None
    return read_fields(value, of.fields, pointer, faults, f"field of {of.name}")


def read_fields(
    value: Mapping[str, Any], fields: Mapping[str, FieldType], pointer: str, faults: Faults, what: str
) -> dict[str, Any]:
    """Return the typed fields of an object; unknown names, missing required ones and wrong values are recorded."""
    read: dict[str, Any] = {}
    for name, each in value.items():
        field = fields.get(name)
        if field is None:
            faults.add(under(pointer, name), unknown_name(name, fields, what), "unknown")
        elif each is None:
            if field.required:
                faults.add(under(pointer, name), "null is not allowed here")
            read[name] = None
        else:
            read[name] = read_value(each, field, under(pointer, name), faults)
    for name, field in fields.items():
        if field.required and name not in value:
            faults.add(under(pointer, name), "missing", "missing")
    return read


def _bool(value: Any, _: FieldType) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not true or false")
    return value


def _int(value: Any, _: FieldType) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not an integer")
    return value


def _text(value: Any, of: FieldType) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    if of.values is not None and value not in of.values:
        raise ValueError(unknown_name(value, of.values, of.name or "word"))
    return value


def _decimal(value: Any, _: FieldType) -> Decimal:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError('not a decimal in a string, like "12.40"')
    return Decimal(value)


def _date(value: Any, _: FieldType) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("not a date, like 2026-11-23")
    return date.fromisoformat(value)


def _time(value: Any, _: FieldType) -> time:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("not a time of day, like 08:00")
    return time.fromisoformat(value)


def _instant(value: Any, _: FieldType) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("not an instant, like 2026-11-23T09:00:00Z")
    return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)


_SCALARS: dict[str, Callable[[Any, FieldType], Any]] = {
    "bool": _bool,
    "int": _int,
    "text": _text,
    "enum": _text,
    "decimal": _decimal,
    "date": _date,
    "time": _time,
    "instant": _instant,
}
SCALAR_KINDS = frozenset(_SCALARS)
