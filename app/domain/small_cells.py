"""Small cells: which numbers of a table are not published, so that nothing about a few people can be worked out from it.

A cell is a set of rows; a published number tells its size, its sum or its people. Rows that lie in the same published cells
cannot be told apart: together they are an atom. Whoever has all published numbers has a system of equations over atoms, and
learns something about fewer people than allowed exactly where some combination of equations speaks of their atoms alone. So
it does not matter what the numbers are published in: totals, cross tables, other periods, one lender and all of them are all
equations of one system, those published before included.

Source: complementary (secondary) cell suppression: Willenborg and de Waal, Elements of Statistical Disclosure Control,
ch. 3; Fellegi, On the question of statistical confidentiality (1972) for the differences of overlapping tables. Recalled;
the rule itself is checked against all tables that would give the same numbers in tests/domain/test_small_cells.py.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from math import comb
from typing import Final

SMALL, COMPLEMENT = "small", "complement"
"""Why a cell is hidden: it concerns too few people; or it would give away one that does."""
_PRIME: Final = 2**61 - 1
"""Equations are solved modulo this: their numbers are 0 and 1, and what they come to is far from it."""
_MOST_TRIES = 3000
"""Combinations looked at before another cell is hidden rather than looking on."""

People = frozenset[str] | None
"""Who is behind something; None: at least as many as may be told of."""
Row = dict[int, int]
"""A sparse row of the system."""


@dataclass(frozen=True, slots=True)
class Atom:
    """Rows that lie in just these cells, and whose they are. Of figures that count people: people, not rows."""

    cells: frozenset[str]
    people: People


@dataclass(frozen=True, slots=True)
class _Equation:
    """A combination of published cells: what it says of atoms, and of which cells it is made."""

    atoms: Row
    cells: Row


def hidden_cells(
    atoms: Iterable[Atom], candidates: Sequence[str], *, smallest: int, known: Collection[str] = ()
) -> dict[str, str]:
    """Return candidate -> why it is hidden (SMALL, COMPLEMENT), of those that have rows.

    `candidates`: the dearest first; the last of those that would give something away is hidden. `known`: cells published
    before, which cannot be taken back. `smallest`: people that a number must be about; a cell without rows is shown as 0.
    """
    everything = tuple(atoms)
    behind = {cell: _behind((each for each in everything if cell in each.cells), smallest) for cell in candidates}
    hidden = {cell: SMALL for cell, people in behind.items() if people}
    shown = [cell for cell in candidates if behind[cell] is None]
    place = {cell: number for number, cell in enumerate(candidates)}
    while shown:
        given_away = _given_away(everything, [*known, *shown], frozenset(known), smallest)
        ours = [cell for cell in given_away or () if cell in place]
        if not ours:
            return hidden
        last = max(ours, key=place.__getitem__)
        hidden[last] = COMPLEMENT
        shown.remove(last)
    return hidden


def _behind(atoms: Iterable[Atom], smallest: int) -> People:
    """Return who is behind atoms together; None: enough."""
    people: set[str] = set()
    for atom in atoms:
        if atom.people is None:
            return None
        people |= atom.people
        if len(people) >= smallest:
            return None
    return frozenset(people)


def _given_away(atoms: Sequence[Atom], shown: Sequence[str], known: frozenset[str], smallest: int) -> list[str] | None:
    """Return the cells of a combination that is about too few people; None: there is none that needs a new cell."""
    columns = _columns(atoms, frozenset(shown), smallest)
    heavy = [number for number, (_, people) in enumerate(columns) if people is None]
    equations = [
        _Equation({number: 1 for number, (cells, _) in enumerate(columns) if cell in cells}, {place: 1})
        for place, cell in enumerate(shown)
    ]
    before = [each.atoms for each, cell in zip(equations, shown, strict=True) if cell in known]
    people = {number: who for number, (_, who) in enumerate(columns) if who is not None}
    for found in _light_combinations(_reduced(_without(equations, heavy)), people, smallest):
        if not _spans(before, found.atoms):
            return [shown[place] for place in found.cells]
    return None


def _columns(atoms: Sequence[Atom], shown: frozenset[str], smallest: int) -> list[tuple[frozenset[str], People]]:
    """Return atoms as those published tell them apart: what lies in the same shown cells is one."""
    together: dict[frozenset[str], list[Atom]] = defaultdict(list)
    for atom in atoms:
        if cells := atom.cells & shown:
            together[cells].append(atom)
    return [(cells, _behind(each, smallest)) for cells, each in together.items()]


# -- which combinations speak of few people ----------------------------------------------------------------------------


def _light_combinations(
    rows: Sequence[_Equation], people: Mapping[int, frozenset[str]], smallest: int
) -> Iterator[_Equation]:
    """Yield combinations of reduced equations over light atoms whose atoms are of fewer people than `smallest`."""

    def is_small(atoms: Iterable[int]) -> bool:
        return len(_union(people[each] for each in atoms)) < smallest

    yield from (row for row in rows if is_small(row.atoms))
    for part in _parts(rows):
        columns = sorted({each for row in part for each in row.atoms})
        if len(part) == 1:
            continue
        by_zeros = comb(len(columns), len(part) - 1)
        by_people = sum(comb(len(columns), size) for size in range(1, smallest))
        if min(by_zeros, by_people) > _MOST_TRIES:
            yield min(part, key=lambda row: len(row.atoms))  # too many to look at: taken for one that tells too much
        elif by_zeros <= by_people:
            for zeros in combinations(columns, len(part) - 1):
                yield from (row for row in _without(part, zeros) if row.atoms and is_small(row.atoms))
        else:
            for size in range(1, smallest):
                for seed in combinations(columns, size):
                    who = _union(people[each] for each in seed)
                    if len(who) < smallest:
                        others = [each for each in columns if not people[each] <= who]
                        yield from (row for row in _without(part, others) if row.atoms)


def _union(groups: Iterable[frozenset[str]]) -> frozenset[str]:
    return reduce(frozenset.union, groups, frozenset())


def _parts(rows: Sequence[_Equation]) -> list[list[_Equation]]:
    """Return equations in groups that share no atom."""
    parts: list[tuple[set[int], list[_Equation]]] = []
    for row in rows:
        atoms, members = set(row.atoms), [row]
        apart = []
        for each in parts:
            if each[0] & atoms:
                atoms |= each[0]
                members += each[1]
            else:
                apart.append(each)
        parts = [*apart, (atoms, members)]
    return [members for _, members in parts]


# -- equations ---------------------------------------------------------------------------------------------------------


def _without(equations: Sequence[_Equation], columns: Iterable[int]) -> list[_Equation]:
    """Return equations that together say all that these do without speaking of the columns."""
    rows = list(equations)
    for column in columns:
        pivot = next((row for row in rows if column in row.atoms), None)
        if pivot is not None:
            rows = [row if column not in row.atoms else _cleared(row, pivot, column) for row in rows if row is not pivot]
    return rows


def _reduced(equations: Sequence[_Equation]) -> list[_Equation]:
    """Return the same equations solved for as many atoms as they can be: none is a combination of others."""
    rows: list[_Equation] = []
    left = [each for each in equations if each.atoms]
    while left:
        pivot = min(left, key=lambda row: len(row.atoms))
        column = next(iter(pivot.atoms))
        clear = [row if column not in row.atoms else _cleared(row, pivot, column) for row in left if row is not pivot]
        rows = [row if column not in row.atoms else _cleared(row, pivot, column) for row in rows]
        rows.append(pivot)
        left = [row for row in clear if row.atoms]
    return rows


def _cleared(row: _Equation, pivot: _Equation, column: int) -> _Equation:
    """Return the row less as much of the pivot as takes the column out of it."""
    factor = -row.atoms[column] * pow(pivot.atoms[column], -1, _PRIME)
    return _Equation(_added(row.atoms, pivot.atoms, factor), _added(row.cells, pivot.cells, factor))


def _added(one: Row, other: Row, factor: int) -> Row:
    total = dict(one)
    for place, number in other.items():
        value = (total.get(place, 0) + factor * number) % _PRIME
        if value:
            total[place] = value
        else:
            total.pop(place, None)
    return total


def _spans(rows: Sequence[Row], wanted: Row) -> bool:
    """Return whether a combination of rows gives the wanted one."""
    rest = _Equation(wanted, {})
    for pivot in _reduced([_Equation(row, {}) for row in rows]):
        column = next(iter(pivot.atoms))
        if column in rest.atoms:
            rest = _cleared(rest, pivot, column)
    return not rest.atoms
