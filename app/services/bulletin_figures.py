"""The figures of a period: counted from the rows of each, with those that would tell of too few people hidden."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml
from sqlalchemy import Connection

from app.domain.bulletins import (
    ALL,
    PEOPLE,
    AsKnown,
    Definition,
    Definitions,
    FigureCell,
    cell_values,
    cells_with,
    read_definitions,
)
from app.domain.small_cells import Atom, hidden_cells
from app.persistence.queries.bulletin_rows import count_rows, each_row

_FILE = Path(__file__).resolve().parents[1] / "content" / "bulletins" / "definitions.yaml"
_NEW = "new"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A bulletin frozen before, about some of the same: as it was known, of whom, and what it shows."""

    bulletin_id: str
    known: AsKnown
    lender_id: str | None
    shown: frozenset[tuple[str, str, str]]
    """(key, cell, currency)."""


@dataclass(slots=True)
class _Sum:
    """What a cell comes to."""

    rows: int = 0
    amount: int = 0
    people: set[str] = field(default_factory=set)


@lru_cache(maxsize=1)
def definitions() -> Definitions:
    """Return every figure with its definition, as the product has them."""
    return read_definitions(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def count_figures(
    reads: Connection,
    known: AsKnown,
    *,
    lender_id: str | None,
    smallest: int,
    earlier: Sequence[Earlier] = (),
    only: Iterable[str] | None = None,
) -> list[FigureCell]:
    """Return every number of every figure, those that would give away too few people marked as hidden.

    `earlier`: what was published before about some of the same. `only`: of these figures alone.
    """
    wanted = definitions().figures if only is None else {key: definitions().figures[key] for key in only}
    cells: list[FigureCell] = []
    for definition in wanted.values():
        cells += _count_one(reads, definition, known, lender_id, smallest, earlier)
    return cells


def _count_one(
    reads: Connection,
    definition: Definition,
    known: AsKnown,
    lender_id: str | None,
    smallest: int,
    earlier: Sequence[Earlier],
) -> list[FigureCell]:
    finest: dict[tuple[str, str], _Sum] = defaultdict(_Sum)
    for counted in count_rows(reads, definition, known, lender_id=lender_id):
        cell = finest[counted.cell, counted.currency]
        cell.rows += counted.rows
        cell.amount += counted.amount
        cell.people.add(counted.person_id)
    sums: dict[tuple[str, str], _Sum] = defaultdict(_Sum)
    for (name, currency), cell in finest.items():
        for wider in cells_with(name):
            total = sums[wider, currency]
            total.rows += cell.rows
            total.amount += cell.amount
            total.people |= cell.people
    hidden = _hidden(reads, definition, known, lender_id, smallest, earlier, finest, sums)
    return [
        FigureCell(definition.key, name, currency, _value(definition, cell), len(cell.people), hidden.get((name, currency)))
        for (name, currency), cell in sorted(sums.items())
    ]


def _value(definition: Definition, cell: _Sum) -> int:
    if definition.unit == PEOPLE:
        return len(cell.people)
    return cell.amount if definition.is_amount else cell.rows


# -- what is hidden ----------------------------------------------------------------------------------------------------


def _hidden(
    reads: Connection,
    definition: Definition,
    known: AsKnown,
    lender_id: str | None,
    smallest: int,
    earlier: Sequence[Earlier],
    finest: Mapping[tuple[str, str], _Sum],
    sums: Mapping[tuple[str, str], _Sum],
) -> dict[tuple[str, str], str]:
    before = [each for each in earlier if any(key == definition.key for key, _, _ in each.shown)]
    found: dict[tuple[str, str], str] = {}
    for currency in sorted({currency for _, currency in sums}):
        if before:
            atoms = _atoms_with(reads, definition, known, lender_id, smallest, before, currency)
        else:
            own = {name: cell.people for (name, of), cell in finest.items() if of == currency}
            atoms = _atoms_of_people(own, smallest) if definition.unit == PEOPLE else _atoms(own, smallest)
        order = sorted(
            (name for name, of in sums if of == currency),
            key=lambda name: (-cell_values(name).count(ALL), -len(sums[name, currency].people), name),
        )
        shown = [
            f"{each.bulletin_id}/{cell}"
            for each in before
            for key, cell, of in sorted(each.shown)
            if key == definition.key and of == currency
        ]
        reasons = hidden_cells(atoms, [f"{_NEW}/{name}" for name in order], smallest=smallest, known=shown)
        found |= {(name.partition("/")[2], currency): reason for name, reason in reasons.items()}
    return found


def _atoms(finest: Mapping[str, set[str]], smallest: int) -> list[Atom]:
    return [
        Atom(frozenset(f"{_NEW}/{each}" for each in cells_with(name)), _few(people, smallest))
        for name, people in finest.items()
    ]


def _atoms_of_people(finest: Mapping[str, set[str]], smallest: int) -> list[Atom]:
    """Return atoms of a figure that counts people: those who are in just the same cells."""
    cells: dict[str, set[str]] = defaultdict(set)
    for name, people in finest.items():
        within = [f"{_NEW}/{each}" for each in cells_with(name)]
        for person in people:
            cells[person].update(within)
    return _grouped(((frozenset(within), person) for person, within in cells.items()), smallest)


def _atoms_with(
    reads: Connection,
    definition: Definition,
    known: AsKnown,
    lender_id: str | None,
    smallest: int,
    before: Sequence[Earlier],
    currency: str,
) -> list[Atom]:
    """Return atoms of this bulletin and those before it together: row by row, since each is in some of them."""
    cells: dict[str, set[str]] = defaultdict(set)
    whose: dict[str, str] = {}
    scopes = [(_NEW, known, lender_id, None), *((e.bulletin_id, e.known, e.lender_id, e.shown) for e in before)]
    for name, seen, of_lender, shown in scopes:
        for row_id, cell, of, person in each_row(reads, definition, seen, lender_id=of_lender):
            if of == currency:
                key = person if definition.unit == PEOPLE else row_id
                whose[key] = person
                cells[key].update(
                    f"{name}/{each}" for each in cells_with(cell) if shown is None or (definition.key, each, of) in shown
                )
    return _grouped(((frozenset(within), whose[key]) for key, within in cells.items()), smallest)


def _grouped(members: Iterable[tuple[frozenset[str], str]], smallest: int) -> list[Atom]:
    groups: dict[frozenset[str], set[str]] = defaultdict(set)
    for within, person in members:
        groups[within].add(person)
    return [Atom(within, _few(people, smallest)) for within, people in groups.items()]


def _few(people: set[str], smallest: int) -> frozenset[str] | None:
    return None if len(people) >= smallest else frozenset(people)
