"""The figures of a period: counted from the rows of each, with those that would tell of too few people hidden."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import yaml
from sqlalchemy import Connection

from app.domain.bulletins import PEOPLE, AsKnown, Definition, Definitions, FigureCell, cells_with, read_definitions
from app.persistence.queries.bulletin_rows import count_rows
from app.services.bulletin_hiding import CellSum, CountedFigure, Earlier, Scope, hidden_numbers

_FILE = Path(__file__).resolve().parents[1] / "content" / "bulletins" / "definitions.yaml"


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
    touching: Sequence[Earlier] = (),
    only: Iterable[str] | None = None,
) -> list[FigureCell]:
    """Return every number of every figure, those that would give away too few people marked as hidden.

    `earlier`: what was published before about some of the same; `touching`: that, and what is of days before and after it
    without a gap. `only`: of these figures alone.
    """
    counted = _counted(reads, known, lender_id, only)
    scope = Scope(reads, known, lender_id, smallest, definitions().dominance_percent, earlier, touching)
    hidden = hidden_numbers(scope, counted)
    return [cell for each in counted.values() for cell in _cells(each, hidden)]


def count_values(reads: Connection, known: AsKnown, *, lender_id: str | None) -> list[FigureCell]:
    """Return every number of every figure, without asking which of them are to be hidden."""
    return [cell for each in _counted(reads, known, lender_id, None).values() for cell in _cells(each, {})]


def _counted(
    reads: Connection, known: AsKnown, lender_id: str | None, only: Iterable[str] | None
) -> dict[str, CountedFigure]:
    wanted = definitions().figures if only is None else {key: definitions().figures[key] for key in only}
    return {key: _count_one(reads, definition, known, lender_id) for key, definition in wanted.items()}


def _count_one(reads: Connection, definition: Definition, known: AsKnown, lender_id: str | None) -> CountedFigure:
    finest: dict[tuple[str, str], CellSum] = defaultdict(CellSum)
    for row in count_rows(reads, definition, known, lender_id=lender_id):
        finest[row.cell, row.currency].take(row)
    sums: dict[tuple[str, str], CellSum] = defaultdict(CellSum)
    for (name, currency), cell in finest.items():
        for wider in cells_with(name):
            sums[wider, currency].add(cell)
    return CountedFigure(definition, finest, sums)


def _cells(counted: CountedFigure, hidden: Mapping[tuple[str, str, str], str]) -> list[FigureCell]:
    key = counted.definition.key
    return [
        FigureCell(
            key, name, currency, _value(counted.definition, cell), len(cell.people), hidden.get((key, name, currency))
        )
        for (name, currency), cell in sorted(counted.sums.items(), key=lambda each: each[0])
    ]


def _value(definition: Definition, cell: CellSum) -> int:
    if definition.unit == PEOPLE:
        return len(cell.people)
    return cell.amount if definition.is_amount else cell.rows
