"""Which numbers of a bulletin are hidden: about too few people, or nearly all one person's, and what gives those away.

Figures that count the same things coming and going (`TOGETHER`) are one system with the stocks of bulletins before and
after: what came, less what is left of it, is what went. All others are each a system with earlier bulletins of the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from app.domain.bulletins import ALL, PEOPLE, AsKnown, Definition, cell_values, cells_with
from app.domain.dominance import tells_of_one
from app.domain.small_cells import COMPLEMENT, SMALL, Atom, hidden_cells
from app.persistence.queries.bulletin_rows import Counted, count_rows, each_row

DOMINATED: Final = "dominated"
"""Why an amount is hidden: nearly all of it, or of what it adds to what is published, is one person's."""
HIDDEN: Final = (SMALL, COMPLEMENT, DOMINATED)
TOGETHER: Final = (("vehicles_taken", "vehicles_held", "vehicles_released", "vehicles_redeemed", "vehicles_sold"),)
"""Figures whose rows are of the same things: each time that a vehicle was in custody."""
_NEW = "new"

Place = tuple[str, str, str]
"""(key, cell, currency)."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A bulletin frozen before, about some of the same: as it was known, of whom, and what it shows."""

    bulletin_id: str
    known: AsKnown
    lender_id: str | None
    shown: frozenset[Place]


@dataclass(slots=True)
class CellSum:
    """What a cell comes to. `people`: person -> what is theirs of it."""

    rows: int = 0
    amount: int = 0
    people: dict[str, int] = field(default_factory=dict)

    def take(self, row: Counted) -> None:
        """Take in what one person's rows come to."""
        self.rows += row.rows
        self.amount += row.amount
        self.people[row.person_id] = self.people.get(row.person_id, 0) + row.amount

    def add(self, other: "CellSum") -> None:
        """Take in another cell."""
        self.rows += other.rows
        self.amount += other.amount
        if not self.people:
            self.people = dict(other.people)
            return
        for person, amount in other.people.items():
            self.people[person] = self.people.get(person, 0) + amount


@dataclass(frozen=True, slots=True)
class Scope:
    """What is being counted, and what it is held against. `percent`: of the rule of dominance."""

    reads: Connection
    known: AsKnown
    lender_id: str | None
    smallest: int
    percent: int
    earlier: Sequence[Earlier]
    """Of some of the same days."""
    touching: Sequence[Earlier]
    """Those, and of days before and after them without a gap."""


@dataclass(frozen=True, slots=True)
class CountedFigure:
    """A figure counted: its finest cells and all cells, by cell and currency."""

    definition: Definition
    finest: Mapping[tuple[str, str], CellSum]
    sums: Mapping[tuple[str, str], CellSum]


def hidden_numbers(scope: Scope, counted: Mapping[str, CountedFigure]) -> dict[Place, str]:
    """Return why each number is hidden, of those that are."""
    found: dict[Place, str] = {}
    groups = [[counted[key] for key in keys if key in counted] for keys in TOGETHER]
    together = {each.definition.key for group in groups for each in group}
    for group in groups:
        keys = {each.definition.key for each in group}
        if any(key in keys for each in scope.touching for key, _, _ in each.shown):
            found |= _hidden(scope, group, scope.touching)
        else:  # no stock before is known, so that nothing follows from what came and went
            found |= {place: why for each in group for place, why in _hidden(scope, [each], scope.earlier).items()}
    for key, each in counted.items():
        if key not in together:
            found |= _hidden(scope, [each], scope.earlier)
    return found


def _hidden(scope: Scope, group: Sequence[CountedFigure], earlier: Sequence[Earlier]) -> dict[Place, str]:
    keys = {each.definition.key for each in group}
    before = [each for each in earlier if any(key in keys for key, _, _ in each.shown)]
    found: dict[Place, str] = {}
    for currency in sorted({currency for each in group for _, currency in each.sums}):
        atoms = _atoms_with(scope, group, before, currency) if before else _atoms_of_one(group, currency, scope.smallest)
        candidates = [
            (each.definition.key, name, len(cell.people))
            for each in group
            for (name, of), cell in each.sums.items()
            if of == currency
        ]
        candidates.sort(key=lambda each: (-cell_values(each[1]).count(ALL), -each[2], each[0], each[1]))
        shown = [
            f"{each.bulletin_id}/{key}/{cell}"
            for each in before
            for key, cell, of in sorted(each.shown)
            if key in keys and of == currency
        ]
        reasons = hidden_cells(
            atoms, [f"{_NEW}/{key}/{name}" for key, name, _ in candidates], smallest=scope.smallest, known=shown
        )
        for name, reason in reasons.items():
            _, key, cell = name.split("/", 2)
            found[key, cell, currency] = reason
    return _dominated(scope, group, before) | found


def _dominated(scope: Scope, group: Sequence[CountedFigure], before: Sequence[Earlier]) -> dict[Place, str]:
    found: dict[Place, str] = {}
    for each in group:
        definition = each.definition
        if not definition.is_amount:
            continue
        published: dict[tuple[str, str], list[Mapping[str, int]]] = defaultdict(list)
        for bulletin in before:
            people: dict[tuple[str, str], CellSum] = defaultdict(CellSum)
            for row in count_rows(scope.reads, definition, bulletin.known, lender_id=bulletin.lender_id):
                people[row.cell, row.currency].take(row)
            for place, cell in people.items():
                if (definition.key, *place) in bulletin.shown:
                    published[place].append(cell.people)
        for place, cell in each.sums.items():
            if len(cell.people) >= scope.smallest and tells_of_one(cell.people, published[place], percent=scope.percent):
                found[(definition.key, *place)] = DOMINATED
    return found


# -- atoms: what lies in the same numbers ------------------------------------------------------------------------------


def _atoms_of_one(group: Sequence[CountedFigure], currency: str, smallest: int) -> list[Atom]:
    (only,) = group
    own = {name: cell.people for (name, of), cell in only.finest.items() if of == currency}
    if only.definition.unit != PEOPLE:
        return [Atom(_names(_NEW, only.definition.key, cells_with(name)), _few(own[name], smallest)) for name in own]
    cells: dict[str, set[str]] = defaultdict(set)
    for name, people in own.items():
        within = _names(_NEW, only.definition.key, cells_with(name))
        for person in people:
            cells[person].update(within)
    return _grouped(((frozenset(within), person) for person, within in cells.items()), smallest)


def _atoms_with(scope: Scope, group: Sequence[CountedFigure], before: Sequence[Earlier], currency: str) -> list[Atom]:
    """Return atoms of this bulletin and those before it together: thing by thing, since each is in some of them."""
    cells: dict[str, set[str]] = defaultdict(set)
    whose: dict[str, str] = {}
    scopes = [
        (_NEW, scope.known, scope.lender_id, None),
        *((each.bulletin_id, each.known, each.lender_id, each.shown) for each in before),
    ]
    for each in group:
        key, is_people = each.definition.key, each.definition.unit == PEOPLE
        for name, known, lender_id, shown in scopes:
            for thing, cell, of, person in each_row(scope.reads, each.definition, known, lender_id=lender_id):
                if of == currency:
                    what = person if is_people else thing
                    whose[what] = person
                    cells[what] |= _names(
                        name, key, [wider for wider in cells_with(cell) if shown is None or (key, wider, of) in shown]
                    )
    return _grouped(((frozenset(within), whose[what]) for what, within in cells.items()), scope.smallest)


def _names(bulletin: str, key: str, cells: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{bulletin}/{key}/{cell}" for cell in cells)


def _grouped(members: Iterable[tuple[frozenset[str], str]], smallest: int) -> list[Atom]:
    groups: dict[frozenset[str], set[str]] = defaultdict(set)
    for within, person in members:
        groups[within].add(person)
    return [Atom(within, _few(people, smallest)) for within, people in groups.items()]


def _few(people: Iterable[str], smallest: int) -> frozenset[str] | None:
    found = frozenset(people)
    return None if len(found) >= smallest else found
