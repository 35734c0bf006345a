"""What is hidden cannot be worked out: held against every other table that would have given the same published numbers."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.small_cells import SMALL, Atom, hidden_cells

SMALLEST = 3


def _people(name: str, count: int, smallest: int = SMALLEST) -> frozenset[str] | None:
    return None if count >= smallest else frozenset(f"{name}{number}" for number in range(count))


def _atoms(counts: Mapping[str, int], cells_of: Mapping[str, Sequence[str]], smallest: int = SMALLEST) -> list[Atom]:
    return [Atom(frozenset(cells_of[name]), _people(name, count, smallest)) for name, count in counts.items() if count]


def _tables(names: Sequence[str], published: Sequence[tuple[frozenset[str], int]]) -> Iterator[dict[str, int]]:
    """Yield every table of numbers in these atoms that gives these sums."""

    def fill(at: int, left: tuple[int, ...]) -> Iterator[dict[str, int]]:
        if at == len(names):
            if not any(left):
                yield {}
            return
        holders = [number for number, (atoms, _) in enumerate(published) if names[at] in atoms]
        if any(left[number] and not published[number][0] & set(names[at:]) for number in range(len(left))):
            return  # what is left of a sum has nobody to be of
        most = min((left[number] for number in holders), default=1)
        for value in range(most + 1):
            rest = tuple(each - value if number in holders else each for number, each in enumerate(left))
            for table in fill(at + 1, rest):
                yield {names[at]: value, **table}

    yield from fill(0, tuple(total for _, total in published))


def _check_that_nothing_can_be_undone(counts: Mapping[str, int], cells_of: Mapping[str, Sequence[str]]) -> None:
    """Hide, then look for another table with the same published numbers for each small cell."""
    names = list(counts)
    cells = sorted({cell for each in cells_of.values() for cell in each}, key=lambda cell: (-cell.count("*"), cell))
    within = {cell: frozenset(name for name in names if cell in cells_of[name]) for cell in cells}
    size = {cell: sum(counts[name] for name in within[cell]) for cell in cells}

    hidden = hidden_cells(
        _atoms(counts, cells_of), sorted(cells, key=lambda c: (-c.count("*"), -size[c])), smallest=SMALLEST
    )

    published = [(within[cell], size[cell]) for cell in cells if size[cell] and cell not in hidden]
    assert all(size[cell] >= SMALLEST for cell in cells if size[cell] and cell not in hidden)
    for cell, reason in hidden.items():
        if reason == SMALL:
            first = sorted(names, key=lambda name: name not in within[cell])
            others = (sum(table[name] for name in within[cell]) != size[cell] for table in _tables(first, published))
            assert any(others), (counts, hidden, cell)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=2, max_size=6))
def test_a_hidden_number_cannot_be_had_from_the_total(numbers: list[int]) -> None:
    counts = {f"a{number}": count for number, count in enumerate(numbers)}

    _check_that_nothing_can_be_undone(counts, {name: ("*", name) for name in counts})


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 3), st.integers(2, 2), st.data())
def test_a_hidden_number_cannot_be_had_from_the_margins_of_a_cross_table(
    rows: int, columns: int, data: st.DataObject
) -> None:
    places = list(product(range(rows), range(columns)))
    counts = {f"{r}|{c}": data.draw(st.integers(0, 4), label=f"{r}|{c}") for r, c in places}

    _check_that_nothing_can_be_undone(counts, {f"{r}|{c}": (f"{r}|{c}", f"{r}|*", f"*|{c}", "*|*") for r, c in places})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.just(0), min_size=3, max_size=4), st.data())
def test_a_hidden_number_cannot_be_had_from_another_period_that_overlaps(days: list[int], data: st.DataObject) -> None:
    """Bulletins of random periods one after the other, each with its total and two kinds: none tells with those before."""
    kinds = {f"{day}|{kind}": data.draw(st.integers(0, 3)) for day in range(len(days)) for kind in "ab"}
    periods = data.draw(
        st.lists(st.tuples(st.integers(0, len(days) - 1), st.integers(1, len(days))).filter(lambda p: p[0] < p[1]),
                 min_size=2, max_size=3, unique=True)
    )  # fmt: skip
    cells_of = {name: [] for name in kinds}
    for number, (first, end) in enumerate(periods):
        for name in kinds:
            day, kind = name.split("|")
            if first <= int(day) < end:
                cells_of[name] += [f"{number}*", f"{number}{kind}"]
    atoms, shown = _atoms(kinds, cells_of), []
    size = {cell: sum(kinds[n] for n in kinds if cell in cells_of[n]) for each in cells_of.values() for cell in each}
    for number in range(len(periods)):
        candidates = [cell for cell in (f"{number}*", f"{number}a", f"{number}b") if size.get(cell)]
        hidden = hidden_cells(atoms, candidates, smallest=SMALLEST, known=shown)
        shown += [cell for cell in candidates if cell not in hidden]

    published = [(frozenset(n for n in kinds if cell in cells_of[n]), size[cell]) for cell in shown]
    runs = [(a, b) for a in range(len(days)) for b in range(a + 1, len(days) + 1)]
    for a, b in runs:  # what a difference of two periods would be about
        for about in ("a", "b", "ab"):
            wanted = [n for n in kinds if a <= int(n.split("|")[0]) < b and n.split("|")[1] in about]
            if 0 < sum(kinds[n] for n in wanted) < SMALLEST:
                assert _can_be_another(kinds, wanted, published), (kinds, periods, shown, wanted)


def _can_be_another(
    counts: Mapping[str, int], wanted: Sequence[str], published: Sequence[tuple[frozenset[str], int]]
) -> bool:
    """Return whether there is a table with the same published numbers in which the wanted ones come to another sum."""
    groups: dict[frozenset[int], list[str]] = {}
    for name in counts:
        groups.setdefault(frozenset(number for number, (cells, _) in enumerate(published) if name in cells), []).append(name)
    free = groups.pop(frozenset(), [])
    if set(free) & set(wanted):
        return True
    whole = []
    for group in groups.values():
        if set(group) & set(wanted) and any(counts[name] for name in group):
            if not set(group) <= set(wanted):
                return True  # rows that cannot be told apart lie on both sides
            whole.append(group[0])
    sums = [(frozenset(group[0] for group in groups.values() if group[0] in cells), total) for cells, total in published]
    names = sorted((group[0] for group in groups.values()), key=lambda name: name not in whole)
    real = sum(counts[name] for name in wanted)
    return any(sum(table[name] for name in whole) != real for table in _tables(names, sums))
