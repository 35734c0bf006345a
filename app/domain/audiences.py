"""Audience conditions of policies: a closed vocabulary of typed facts, no code.

A condition is a tree: `{all: [...]}`, `{any: [...]}`, `{none: [...]}`, or `{FACT: VALUE}` with VALUE a value, a list of
values, or bounds `{gt|gte|lt|lte: X}` for numbers and money. Money is written as a decimal in the loan's currency, or as an
object by currency; in a currency that is not named such a condition does not hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from app.domain.errors import ValidationError
from app.domain.money import currency_exponent

FACTS: Mapping[str, tuple[str, str]] = {
    "amount": ("money", "what is unpaid of the instalment, or of the promise"),
    "overdue": ("money", "all that is past due on the loan"),
    "outstanding": ("money", "principal left and what is due to date on the loan"),
    "days_past_due": ("integer", "days since the oldest unpaid due date of the loan; 0: nothing past due"),
    "missed_payments": ("integer", "instalments of the loan past due and not fully paid"),
    "row_no": ("integer", "number of the instalment in the plan, from 1"),
    "open_loans": ("integer", "loans of the borrower with something open"),
    "promises_broken": ("integer", "promises of the borrower not kept, or only in part, within 180 days"),
    "autopay": ("boolean", "a payment is expected to be drawn by itself"),
    "officer_known": ("boolean", "the borrower has a loan officer by name"),
    "product_kind": ("text", "instalment, revolving, hcstc, single_payment, secured_vehicle"),
    "licence_kind": ("text", "licence of the lender"),
    "lender": ("text", "code of the lender"),
    "country": ("text", "ISO 3166 country of the borrower"),
    "locale": ("text", "language of the borrower, BCP 47"),
    "currency": ("text", "ISO 4217 currency of the loan"),
    "stage": ("text", "stage of the policy the step lies in"),
    "push": ("reach", "reachable or unreachable"),
    "sms": ("reach", "reachable or unreachable"),
    "voice": ("reach", "reachable or unreachable"),
    "wechat": ("reach", "reachable or unreachable"),
    "email": ("reach", "reachable or unreachable"),
    "letter": ("reach", "reachable or unreachable"),
}
"""Name -> (type, meaning)."""
_BOUNDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
Facts = Callable[[str], Any]
"""Looks a fact up by name; None: unknown. Money comes as (minor units, currency)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition: what must hold, and how it was written."""

    kind: str
    """all, any, none, or `fact`."""
    parts: tuple["Condition", ...] = ()
    fact: str = ""
    wanted: Any = None
    text: str = ""

    def failure(self, facts: Facts) -> str | None:
        """Return the part that does not hold, as it was written, or None when all holds. What is unknown does not hold."""
        if self.kind == "fact":
            return None if _holds(facts(self.fact), self.wanted) else self.text
        if self.kind == "all":
            return next((failed for part in self.parts if (failed := part.failure(facts)) is not None), None)
        held = [part for part in self.parts if part.failure(facts) is None]
        if self.kind == "any":
            return None if held else self.text
        return held[0].text if held else None

    def facts(self) -> frozenset[str]:
        """Return every fact it looks at."""
        return frozenset({self.fact}) if self.kind == "fact" else frozenset().union(*(p.facts() for p in self.parts))


ALWAYS = Condition("all")


def read_condition(written: Any, pointer: str, problems: list[tuple[str, str]]) -> Condition:
    """Compile a condition as written in a policy. Adds (pointer, what is wrong) for everything that cannot be."""
    if not isinstance(written, Mapping) or len(written) != 1:
        problems.append((pointer, "A condition is an object with one key: all, any, none, or the name of a fact."))
        return ALWAYS
    ((key, value),) = written.items()
    if key in ("all", "any", "none"):
        if not isinstance(value, list) or not value:
            problems.append((f"{pointer}/{key}", f"`{key}` needs a list of conditions."))
            return ALWAYS
        parts = tuple(read_condition(each, f"{pointer}/{key}/{index}", problems) for index, each in enumerate(value))
        return Condition(key, parts, text=_written(written))
    if key not in FACTS:
        close = get_close_matches(str(key), (*FACTS, "all", "any", "none"), 1)
        near = f"; did you mean {close[0]!r}?" if close else "."
        problems.append((f"{pointer}/{key}", f"{key!r} is no fact that a condition can ask for{near}"))
        return ALWAYS
    wanted = _wanted(FACTS[key][0], value, f"{pointer}/{key}", problems)
    return Condition("fact", fact=key, wanted=wanted, text=_written(written))


def _wanted(kind: str, value: Any, pointer: str, problems: list[tuple[str, str]]) -> Any:
    if kind in ("money", "integer") and isinstance(value, Mapping):
        unknown = set(value) - set(_BOUNDS)
        if unknown or not value:
            problems.append(
                (pointer, f"Bounds are gt, gte, lt, lte; not {', '.join(sorted(map(str, unknown))) or 'empty'}.")
            )
            return ()
        return tuple((name, _number(kind, bound, f"{pointer}/{name}", problems)) for name, bound in sorted(value.items()))
    if kind in ("money", "integer"):
        return (("equal", _number(kind, value, pointer, problems)),)
    values = value if isinstance(value, list) else [value]
    for each in values:
        if kind == "boolean" and not isinstance(each, bool):
            problems.append((pointer, "This fact is true or false."))
        elif kind == "reach" and each not in ("reachable", "unreachable"):
            problems.append((pointer, "This fact is reachable or unreachable."))
        elif kind == "text" and not isinstance(each, str):
            problems.append((pointer, "This fact is a text."))
    return frozenset(each for each in values if isinstance(each, str | bool))


def _number(kind: str, value: Any, pointer: str, problems: list[tuple[str, str]]) -> Any:
    if kind == "integer":
        if isinstance(value, bool) or not isinstance(value, int):
            problems.append((pointer, "This fact is a whole number."))
            return 0
        return value
    by_currency = value if isinstance(value, Mapping) else {"": value}
    amounts: dict[str, Decimal] = {}
    for currency, amount in by_currency.items():
        try:
            if not isinstance(amount, str):
                raise ValueError
            if currency:
                currency_exponent(currency)
            amounts[currency] = Decimal(amount)
            if not amounts[currency].is_finite():
                raise ValueError
        except (ValueError, ArithmeticError, ValidationError):
            problems.append((pointer, 'Money is a decimal in quotes, like "10.00", or an object {CNY: "10.00"}.'))
            return {}
    return amounts


def _holds(value: Any, wanted: Any) -> bool:
    if value is None:
        return False
    if isinstance(wanted, frozenset):
        return value in wanted
    return all(_within(value, name, bound) for name, bound in wanted)


def _within(value: Any, name: str, bound: Any) -> bool:
    if isinstance(value, tuple):  # money
        minor, currency = value
        amount = bound.get(currency, bound.get(""))
        if amount is None:
            return False
        value, bound = Decimal(minor), amount.scaleb(currency_exponent(currency))
    return bool(value == bound) if name == "equal" else _BOUNDS[name](value, bound)


def _written(condition: Mapping[str, Any]) -> str:
    """The condition on one line, for a reason's details."""
    ((key, value),) = condition.items()
    if key in ("all", "any", "none"):
        return f"{key}({', '.join(_written(each) for each in value if isinstance(each, Mapping) and len(each) == 1)})"
    if isinstance(value, Mapping):
        return " and ".join(f"{key} {name} {_written_bound(value[name])}" for name in sorted(value, key=str))
    return f"{key} is {' or '.join(map(str, value)) if isinstance(value, list) else value}"


def _written_bound(bound: Any) -> str:
    """A bound on one line. In the order of the currencies: a database may keep the keys of an object in any."""
    if isinstance(bound, Mapping):
        return " or ".join(f"{bound[currency]} {currency}" for currency in sorted(bound, key=str))
    return str(bound)
