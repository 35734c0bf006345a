"""Variables of message texts: each has a type, and a type says how it is written and how long it may be.

Declared in content/templates.yaml. Whoever makes a message brings plain values (an amount in minor units, a date); how they
are written is the locale's (CLDR). Names are taken as they are: a lender may well be called after a street or a court, so no
list of words is held against them; they are cut to their length and to one line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from app.wording.amounts import written_date, written_sum
from app.wording.template_texts import templates_document

Value = Mapping[str, int] | date | int | str
"""Of money: currency -> minor units, several currencies side by side; else a date, a count, a text."""


class VariableType(StrEnum):
    """How a value is written."""

    MONEY = "money"
    DATE = "date"
    COUNT = "count"
    """A whole number, kept a number: texts choose their grammar by it."""
    TEXT = "text"
    """A reference such as a loan's number."""
    NAME = "name"
    """Of a lender, of an officer."""
    CODE = "code"
    URL = "url"
    """An address of ours, whole: one that is too long is no value, since a part of it opens nothing."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as it is declared. `longest`: characters; of texts and names."""

    name: str
    type: VariableType
    longest: int = 80
    is_revealing: bool = False
    """Tells what a message is about: never on a lock screen."""


class VariableError(ValueError):
    """A value is missing or is not of its variable's type. The text names the variable and holds no value."""


@lru_cache(maxsize=1)
def declared() -> Mapping[str, Variable]:
    """Return every variable there is, by name. Raises ValueError for a declaration that cannot be."""
    return {
        name: Variable(name, VariableType(each["type"]), int(each.get("longest", 80)), bool(each.get("revealing", False)))
        for name, each in templates_document()["variables"].items()
    }


def write_variables(values: Mapping[str, Value], locale: str) -> dict[str, str | int]:
    """Return the values as a text says them; a blank text is left out, and a template that wants it cannot be rendered.

    Raises VariableError.
    """
    known = declared()
    found: dict[str, str | int] = {}
    for name, value in values.items():
        variable = known.get(name)
        if variable is None:
            raise VariableError(f"Nobody declared the variable {name}.")
        if value != "":
            found[name] = _written(variable, value, locale)
    return found


def _written(variable: Variable, value: Value, locale: str) -> str | int:
    kind = variable.type
    if kind is VariableType.MONEY and isinstance(value, Mapping):
        return written_sum(value, locale)
    if kind is VariableType.DATE and isinstance(value, date):
        return written_date(value, locale)
    if kind is VariableType.COUNT and type(value) is int and value >= 0:
        return value
    if kind is VariableType.URL and isinstance(value, str) and _ADDRESS.fullmatch(value) and len(value) <= variable.longest:
        return value
    if kind in (VariableType.TEXT, VariableType.NAME, VariableType.CODE) and isinstance(value, str) and value.strip():
        return _one_line(value, variable.longest)
    raise VariableError(f"The value of {variable.name} is no {kind}.")


@lru_cache(maxsize=4096)
def _one_line(text: str, longest: int) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


_ADDRESS = re.compile(r"https?://[\x21-\x7e]+")
_SAMPLE_URL = f"https://m.house.example/v1/o/{'Aa0-_' * 7}"
_SAMPLES: Mapping[VariableType, tuple[Value, Value]] = {
    VariableType.MONEY: ({"USD": 98_765}, {"CNY": 12_345_678, "USD": 98_765}),
    VariableType.DATE: (date(2026, 11, 3), date(2026, 12, 23)),
    VariableType.COUNT: (1, 12),
    VariableType.TEXT: ("SAMPLE-1001", "SAMPLE-1001"),
    VariableType.NAME: ("Harbour Lane", "Harbour Lane"),
    VariableType.CODE: ("123456", "123456"),
    VariableType.URL: (_SAMPLE_URL, _SAMPLE_URL),
}
"""The name has no word that a check of texts looks for: a lender may be called Credit, and its texts may say so."""


def samples(locale: str) -> tuple[dict[str, str | int], dict[str, str | int]]:
    """Return values for every variable, as a short and as a long message has them."""
    short, long = ({name: _SAMPLES[each.type][which] for name, each in declared().items()} for which in (0, 1))
    return write_variables(short, locale), write_variables(long, locale)


def sample_of_one_currency(locale: str, currency: str) -> dict[str, str | int]:
    """Return values for every variable, as a message to a borrower with loans in one currency has them."""
    values = {name: _SAMPLES[each.type][0] for name, each in declared().items()}
    money = {name: {currency: 98_765} for name, each in declared().items() if each.type is VariableType.MONEY}
    return write_variables({**values, **money}, locale)
