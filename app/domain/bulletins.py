"""Bulletins: figures of a period with the definition of each; frozen, chained by hashes, published by a second person."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from app.domain.actors import same_person
from app.domain.errors import ConflictError, ForbiddenError, refused_at
from app.domain.times import business_date, local_instant, rfc3339, zone_named

LONGEST_DAYS = 366
EARLIEST = date(1970, 1, 1)
COUNT, PEOPLE, AMOUNT = "count", "people", "amount"
UNITS = (COUNT, PEOPLE, AMOUNT)
"""count: rows; people: borrowers, each once; amount: minor units of one currency."""
ALL = "*"
"""In a cell: all values of a dimension together."""
LOCALES = ("en", "zh-CN")
FORMAT = 1


class BulletinState(StrEnum):
    """Where a bulletin stands."""

    DRAFT = "draft"
    """A period somebody looks at; its figures are counted anew each time."""
    FROZEN = "frozen"
    PUBLISHED = "published"
    DISCARDED = "discarded"
    """It was never published, and will not be. One that was frozen keeps its place in the chain."""


_S = BulletinState
MOVES: Mapping[BulletinState, frozenset[BulletinState]] = {
    _S.DRAFT: frozenset({_S.FROZEN, _S.DISCARDED}),
    _S.FROZEN: frozenset({_S.PUBLISHED, _S.DISCARDED}),
    _S.PUBLISHED: frozenset(),
    _S.DISCARDED: frozenset(),
}


def check_move(state: str, to: BulletinState) -> None:
    """Refuse what a bulletin cannot become. Raises ConflictError."""
    if to not in MOVES[BulletinState(state)]:
        raise ConflictError(f"The bulletin is {state}; it cannot become {to}.")


def check_second_person(by: str, *others: str | None) -> None:
    """Refuse whoever made or froze a bulletin as the one who approves it. Raises ForbiddenError."""
    if any(same_person(by, each) for each in others):
        raise ForbiddenError("A bulletin is approved and published by another person than made or froze it.")


@dataclass(frozen=True, slots=True)
class Period:
    """Days of a zone, both inclusive."""

    first_on: date
    last_on: date
    zone: str

    @property
    def start_at(self) -> datetime:
        """The first instant of it."""
        return local_instant(self.first_on, datetime.min.time(), self.zone)

    @property
    def end_at(self) -> datetime:
        """The first instant after it."""
        return local_instant(self.last_on + timedelta(days=1), datetime.min.time(), self.zone)

    @property
    def days(self) -> Sequence[date]:
        """Every day of it."""
        return [self.first_on + timedelta(days=each) for each in range((self.last_on - self.first_on).days + 1)]


@dataclass(frozen=True, slots=True)
class AsKnown:
    """A period as it was known at an instant: what was recorded afterwards is not seen."""

    period: Period
    known_at: datetime

    @property
    def first_on(self) -> date:
        """First day, inclusive."""
        return self.period.first_on

    @property
    def last_on(self) -> date:
        """Last day, inclusive."""
        return self.period.last_on

    @property
    def start_at(self) -> datetime:
        """First instant, inclusive."""
        return self.period.start_at

    @property
    def end_at(self) -> datetime:
        """First instant after it, or after what was known: nothing that happened later is seen."""
        return min(self.period.end_at, self.known_at + timedelta(microseconds=1))


def check_period(period: Period, now: datetime) -> None:
    """Refuse a period that is none, longer than a year, has not begun or is before any book. Raises ValidationError."""
    zone_named(period.zone)
    if period.first_on < EARLIEST:
        raise refused_at("/first_on", f"The first day must be {EARLIEST.isoformat()} or later.")
    today = business_date(now, period.zone)
    if period.first_on > today:
        raise refused_at("/first_on", f"The first day must be today ({today.isoformat()}) or earlier.")
    if not 0 <= (period.last_on - period.first_on).days < LONGEST_DAYS:
        raise refused_at("/last_on", f"The last day must be the first or one of the {LONGEST_DAYS - 1} days after it.")


def touching(period: Period, others: Sequence[Period]) -> list[int]:
    """Return the places of those that overlap a period or follow one another from it without a day between them."""
    found: list[int] = []
    reached, left = [period], list(enumerate(others))
    while reached:
        one = reached.pop()
        near = [each for each in left if _touch(one, each[1])]
        left = [each for each in left if each not in near]
        reached += [other for _, other in near]
        found += [place for place, _ in near]
    return sorted(found)


def overlap(one: Period, other: Period) -> bool:
    """Return whether two periods have a day in common."""
    return one.first_on <= other.last_on and other.first_on <= one.last_on


def _touch(one: Period, other: Period) -> bool:
    day = timedelta(days=1)
    return one.first_on <= other.last_on + day and other.first_on <= one.last_on + day


def check_over(period: Period, now: datetime) -> None:
    """Refuse to freeze a period that goes on. Raises ConflictError."""
    if now < period.end_at:
        raise ConflictError(f"The period goes on until {rfc3339(period.end_at)}: it can be frozen when it is over.")


@dataclass(frozen=True, slots=True)
class Definition:
    """What one figure counts, in words; a query of the same key gives its rows (persistence/queries/bulletin_rows)."""

    key: str
    section: str
    unit: str
    dimensions: tuple[str, ...]
    names: Mapping[str, str]
    definitions: Mapping[str, str]
    source: str
    """Where its rows come from, for whoever examines it."""
    drill: str
    """What its rows are: message, letter, call, dispute, ..."""

    @property
    def is_amount(self) -> bool:
        """Whether it is money, and so a number for each currency."""
        return self.unit == AMOUNT

    @property
    def cells_of_total(self) -> str:
        """The name of the cell that is everything."""
        return cell_name([ALL] * len(self.dimensions))


@dataclass(frozen=True, slots=True)
class Definitions:
    """All figures of a bulletin, in their order. `smallest_cell`: the house's own; a law may ask for more.

    `dominance_percent`: of an amount, how exactly the second largest contributor may work out the largest; 0: not asked.
    """

    smallest_cell: int
    sections: Mapping[str, Mapping[str, str]]
    figures: Mapping[str, Definition]
    dominance_percent: int = 0


def read_definitions(document: Mapping[str, Any]) -> Definitions:
    """Return the definitions of a document. Raises ValueError where it lacks words or names an unknown unit."""
    figures: dict[str, Definition] = {}
    sections: Mapping[str, Mapping[str, str]] = document["sections"]
    for entry in document["figures"]:
        made = Definition(
            entry["key"], entry["section"], entry["unit"], tuple(entry.get("dimensions", ())), entry["name"],
            entry["definition"], entry["source"], entry["drill"],
        )  # fmt: skip
        if made.unit not in UNITS or made.section not in sections or made.key in figures:
            raise ValueError(f"{made.key}: its unit or section is unknown, or it is there twice.")
        if made.is_amount and made.dimensions:
            raise ValueError(f"{made.key}: an amount has no parts; which of them one person makes is not asked.")
        if any(set(words) != set(LOCALES) for words in (made.names, made.definitions, sections[made.section])):
            raise ValueError(f"{made.key}: name and definition are needed in {', '.join(LOCALES)}.")
        figures[made.key] = made
    return Definitions(int(document["smallest_cell"]), sections, figures, int(document.get("dominance_percent", 0)))


# -- cells -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FigureCell:
    """One number: of a figure, a cell and, of amounts, a currency. `hidden`: why it is not shown; None: it is."""

    key: str
    cell: str
    currency: str
    value: int
    people: int
    hidden: str | None = None


def cell_name(values: Iterable[str | None]) -> str:
    """Return a cell as it is stored: values joined by `|`; one that is not stated is `-`."""
    return "|".join("-" if value is None else value.replace("|", "/") for value in values)


def cell_values(cell: str) -> tuple[str, ...]:
    """Return the values of a stored cell."""
    return tuple(cell.split("|")) if cell else ()


def cells_with(cell: str) -> Sequence[str]:
    """Return every cell that a finest one is part of: itself, its margins, the total."""
    found: list[tuple[str, ...]] = [()]
    for value in cell_values(cell):
        found = [(*begun, each) for begun in found for each in (value, ALL)]
    return ["|".join(each) for each in found]


# -- what is published -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frozen:
    """All that the published document of a bulletin is made of."""

    bulletin_id: str
    period: Period
    lender: Mapping[str, str] | None
    """Code and name; None: every lender of the installation."""
    frozen_at: datetime
    chain_no: int
    previous_sha256: str | None
    corrects: Mapping[str, str] | None
    smallest_cell: int
    definitions: Definitions
    cells: Sequence[FigureCell]


def document_of(frozen: Frozen) -> dict[str, Any]:
    """Return what is published: every definition with its numbers. What is hidden is left out as what is nothing is.

    A figure's total is always there: a number, 0, or null where it is hidden. A cell that is not there is nothing or hidden,
    and nobody can tell which: said to be hidden, it would be known not to be nothing.
    """
    period = frozen.period
    return {
        "format": FORMAT,
        "id": frozen.bulletin_id,
        "first_on": period.first_on.isoformat(),
        "last_on": period.last_on.isoformat(),
        "zone": period.zone,
        "lender": None if frozen.lender is None else dict(frozen.lender),
        "frozen_at": rfc3339(frozen.frozen_at),
        "chain_no": frozen.chain_no,
        "previous_sha256": frozen.previous_sha256,
        "corrects": None if frozen.corrects is None else dict(frozen.corrects),
        "smallest_cell": frozen.smallest_cell,
        "sections": {key: dict(words) for key, words in frozen.definitions.sections.items()},
        "figures": [_figure(each, frozen.cells) for each in frozen.definitions.figures.values()],
    }


def _figure(definition: Definition, cells: Sequence[FigureCell]) -> dict[str, Any]:
    own = [each for each in cells if each.key == definition.key]
    totals = [each for each in own if each.cell == definition.cells_of_total]
    return {
        "key": definition.key,
        "section": definition.section,
        "unit": definition.unit,
        "dimensions": list(definition.dimensions),
        "name": dict(definition.names),
        "definition": dict(definition.definitions),
        "source": definition.source,
        "totals": [
            {"currency": each.currency or None, "value": None if each.hidden else each.value}
            for each in sorted(totals, key=lambda each: each.currency)
        ]
        or ([] if definition.is_amount else [{"currency": None, "value": 0}]),
        "cells": [
            {"of": list(cell_values(each.cell)), "currency": each.currency or None, "value": each.value}
            for each in sorted(own, key=lambda each: (each.cell, each.currency))
            if each.cell != definition.cells_of_total and not each.hidden
        ],
    }


def canonical_json(document: Mapping[str, Any]) -> str:
    """Return JSON that is the same for the same document: sorted keys, no blanks, whole numbers and text alone.

    For such documents it is what RFC 8785 writes.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(text: str) -> str:
    """Return SHA-256 in hex of text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
