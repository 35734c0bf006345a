"""What a promise to pay may be: how far ahead, how many, how small, and when only staff may take another.

The figures are data (content/promises/terms.yaml), a layer for each jurisdiction over the common one. A refusal points at
the field and says what is allowed instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from typing import Any

from app.domain.errors import ConflictError, FieldError, ForbiddenError, ValidationError
from app.domain.money import Money, minor_from_text


@dataclass(frozen=True, slots=True)
class PromiseTerms:
    """The terms of one jurisdiction."""

    farthest_days: int
    """A promised day is today or at most so many days later."""
    most_open: int
    """Promises of one loan that are open at once."""
    most_parts: int
    """Promises made together."""
    most_failed: int
    """So many promises that were not kept within `failed_days`, and only staff may take another."""
    failed_days: int
    most_lapsed: int
    """So many promises that were not kept, taken back or moved by the borrower within `lapsed_days`: likewise."""
    lapsed_days: int
    least: Mapping[str, int] = field(default_factory=dict)
    """Currency -> least amount in minor units; what is owed may always be promised whole. One not named: any amount."""


@dataclass(frozen=True, slots=True)
class Part:
    """One promise of several that are made together."""

    amount_minor: int
    promised_on: date


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands when promises are made for a loan."""

    today: date
    """Where the borrower lives."""
    currency: str
    owed_minor: int
    """All that may be paid on the loan now, in minor units."""
    open: Sequence[Part] = ()
    """Open promises of the loan with what they still lack; without those to be replaced."""
    failed: int = 0
    """Promises of the borrower that were not kept within `failed_days`."""
    lapsed: int = 0
    """Those not kept, taken back or moved by the borrower within `lapsed_days`; promises made together are one."""


def read_terms(document: Mapping[str, Any], jurisdiction: str) -> PromiseTerms:
    """Return the terms of a jurisdiction from a checked document."""
    known = {each.name for each in fields(PromiseTerms)}
    layer = document.get("jurisdictions", {}).get(jurisdiction, {})
    merged = {key: value for key, value in {**document["common"], **layer}.items() if key in known}
    least = {**document["common"].get("least", {}), **layer.get("least", {})}
    return PromiseTerms(**{**merged, "least": {name: minor_from_text(text, name) for name, text in least.items()}})


def by_staff_only(asked: Asked, terms: PromiseTerms) -> bool:
    """Return whether only staff may take the next promise."""
    return asked.failed >= terms.most_failed or asked.lapsed >= terms.most_lapsed


def check_parts(parts: Sequence[Part], asked: Asked, terms: PromiseTerms, *, by_staff: bool) -> None:
    """Refuse promises that the terms do not allow.

    Raises ValidationError (every wrong field with what is allowed), ConflictError, ForbiddenError (only staff may take one).
    """
    if asked.owed_minor <= 0:
        raise ConflictError("Nothing is owed on this loan, so there is nothing to promise.")
    if by_staff_only(asked, terms) and not by_staff:
        if asked.failed < terms.most_failed:
            raise ForbiddenError(
                f"{asked.lapsed} promises were taken back, moved or not kept within {terms.lapsed_days} days; write to us "
                "or call, and a person will find a way with you."
            )
        raise ForbiddenError(
            f"{asked.failed} promises were not kept within {terms.failed_days} days; write to us or call, and a person will "
            "find a way with you."
        )
    found = [*_counts(parts, asked, terms), *_days(parts, asked, terms), *_amounts(parts, asked, terms)]
    if found:
        raise ValidationError(found[0].detail, errors=tuple(found))


def _counts(parts: Sequence[Part], asked: Asked, terms: PromiseTerms) -> list[FieldError]:
    if not parts:
        return [_wrong("/parts", "Say at least one amount and day.")]
    if len(parts) > terms.most_parts:
        return [_wrong("/parts", f"At most {terms.most_parts} parts can be promised together.")]
    if len(parts) + len(asked.open) > terms.most_open:
        left = max(terms.most_open - len(asked.open), 0)
        detail = f"At most {terms.most_open} promises of a loan are open at once, so {left} more can be made now"
        return [_wrong("/parts", f"{detail}; cancel one that is open, or name it in `replaces`.")]
    return []


def _days(parts: Sequence[Part], asked: Asked, terms: PromiseTerms) -> list[FieldError]:
    last = asked.today + timedelta(days=terms.farthest_days)
    taken = {each.promised_on for each in asked.open}
    found: list[FieldError] = []
    for index, part in enumerate(parts):
        at = f"/parts/{index}/promised_on"
        if part.promised_on < asked.today:
            found.append(_wrong(at, f"{part.promised_on} is past; promise a day from {asked.today} to {last}."))
        elif part.promised_on > last:
            found.append(_wrong(at, f"{part.promised_on} is too far ahead; promise a day from {asked.today} to {last}."))
        elif part.promised_on in taken:
            found.append(
                _wrong(at, f"There is a promise for {part.promised_on} already; replace it, or choose another day.")
            )
        taken.add(part.promised_on)
    return found


def _amounts(parts: Sequence[Part], asked: Asked, terms: PromiseTerms) -> list[FieldError]:
    left = asked.owed_minor - sum(each.amount_minor for each in asked.open)
    least = min(terms.least.get(asked.currency, 1), max(left, 1))
    found: list[FieldError] = []
    for index, part in enumerate(parts):
        at = f"/parts/{index}/amount"
        if part.amount_minor < least:
            found.append(_wrong(at, f"The amount is too small; promise at least {_told(least, asked.currency)}."))
        elif part.amount_minor > left:
            rest = f"at most {_told(left, asked.currency)}" if left > 0 else "nothing more: all of it is promised"
            found.append(_wrong(at, f"That is more than is owed and not promised yet; promise {rest}."))
        left -= part.amount_minor
    return found


def _told(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).to_decimal()} {currency}"


def _wrong(pointer: str, detail: str) -> FieldError:
    return FieldError(pointer, "invalid", detail)
