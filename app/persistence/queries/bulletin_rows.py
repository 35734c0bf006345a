"""The rows that make each figure of a bulletin, and what they come to: one query a figure, whatever is asked of it.

A number is the count or the sum of the rows that the same query gives, page by page, to whoever drills down.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, cast, func, literal, select
from sqlalchemy.sql import ColumnElement, Subquery

from app.domain.bulletins import ALL, PEOPLE, AsKnown, Definition, cell_name, cell_values
from app.persistence.queries.bulletin_cases import CASE_ROWS
from app.persistence.queries.bulletin_columns import Registry
from app.persistence.queries.bulletin_contacts import CONTACT_ROWS
from app.persistence.queries.bulletin_money import MONEY_ROWS
from app.persistence.queries.bulletin_reports import REPORT_ROWS
from app.persistence.queries.bulletin_things import THING_ROWS

ROWS: Registry = {**CONTACT_ROWS, **CASE_ROWS, **MONEY_ROWS, **THING_ROWS, **REPORT_ROWS}
"""Key of a definition -> its query."""


_AT_ONCE = 5000
"""Rows fetched at a time."""


class Counted(NamedTuple):
    """What one person's rows of one finest cell come to."""

    cell: str
    currency: str
    person_id: str
    rows: int
    amount: int


class DrillRow(NamedTuple):
    """One row behind a number. Of figures that count people: one borrower, with their first row and how many there are."""

    row_id: str
    at: Any
    on_day: Any
    lender_id: str
    borrower_id: str
    loan_id: str | None
    d0: str | None
    d1: str | None
    currency: str
    amount: int
    rows: int


def count_rows(reads: Connection, definition: Definition, known: AsKnown, *, lender_id: str | None) -> Iterator[Counted]:
    """Yield what each person's rows come to, by finest cell and currency. `lender_id`: of this one alone; None: of all."""
    rows = _rows(definition, known)
    dimensions = _dimensions(definition, rows)
    statement = (
        select(*dimensions, rows.c.currency, rows.c.person_id, func.count(), func.sum(rows.c.amount))
        .where(*_of_lender(rows, lender_id))
        .group_by(*dimensions, rows.c.currency, rows.c.person_id)
    )
    width, names = len(dimensions), _Names()
    for part in reads.execute(statement).partitions(_AT_ONCE):
        for row in part:
            yield Counted(names[row[:width]], row[width], row[width + 1], row[width + 2], int(row[width + 3]))


def each_row(
    reads: Connection, definition: Definition, known: AsKnown, *, lender_id: str | None
) -> Iterator[tuple[str, str, str, str]]:
    """Yield (id of the thing counted, finest cell, currency, person id) of each row."""
    rows = _rows(definition, known)
    dimensions = _dimensions(definition, rows)
    statement = select(rows.c.thing_id, rows.c.currency, rows.c.person_id, *dimensions).where(*_of_lender(rows, lender_id))
    names = _Names()
    for part in reads.execute(statement).partitions(_AT_ONCE):
        for row in part:
            yield row[0], names[row[3:]], row[1], row[2]


def page_rows(
    reads: Connection,
    definition: Definition,
    known: AsKnown,
    *,
    cell: str,
    currency: str | None = None,
    lender_id: str | None,
    after: str | None = None,
    limit: int,
) -> Sequence[DrillRow]:
    """Return at most `limit` rows behind a number after one of them, by row id (of people: by borrower)."""
    rows = _rows(definition, known)
    where = [*_of_lender(rows, lender_id), *_in_cell(definition, rows, cell)]
    if currency:
        where.append(rows.c.currency == currency)
    key = rows.c.borrower_id if definition.unit == PEOPLE else rows.c.row_id
    if after is not None:
        where.append(key > after)
    if definition.unit == PEOPLE:
        statement: Any = (
            select(
                func.min(rows.c.row_id), func.min(rows.c.at), func.min(rows.c.on_day), func.min(_text(rows.c.lender_id)),
                rows.c.borrower_id, func.min(_text(rows.c.loan_id)), func.min(rows.c.d0), func.min(rows.c.d1),
                func.min(rows.c.currency), func.sum(rows.c.amount), func.count(),
            )
            .where(*where)
            .group_by(rows.c.borrower_id)
        )  # fmt: skip
    else:
        statement = select(*(getattr(rows.c, name) for name in DrillRow._fields[:-1]), literal(1).label("rows")).where(
            *where
        )
    return [DrillRow(*row) for row in reads.execute(statement.order_by(key).limit(limit))]


class _Names(dict[tuple[str | None, ...], str]):
    """Names of finest cells, each made once: they are few, and the rows are many."""

    def __missing__(self, values: tuple[str | None, ...]) -> str:
        self[values] = found = cell_name(values)
        return found


def _rows(definition: Definition, known: AsKnown) -> Subquery:
    return ROWS[definition.key](known).subquery()


def _dimensions(definition: Definition, rows: Subquery) -> list[Any]:
    return [getattr(rows.c, f"d{number}") for number in range(len(definition.dimensions))]


def _of_lender(rows: Subquery, lender_id: str | None) -> list[ColumnElement[bool]]:
    return [] if lender_id is None else [rows.c.lender_id == lender_id]


def _in_cell(definition: Definition, rows: Subquery, cell: str) -> list[ColumnElement[bool]]:
    values = zip(_dimensions(definition, rows), cell_values(cell), strict=True)
    return [column.is_(None) if value == "-" else column == value for column, value in values if value != ALL]


def _text(column: Any) -> Any:
    return cast(column, String)
