"""Several small lists in one statement: each a select of its own, all of them together one row with a JSON list for each.

What a page shows of one person comes from two dozen tables, a few rows of each. A statement for each costs more in round
trips and in the execution layer than all of the reading. Each part stays an ordinary select with its own order and limit;
values come back as its columns' types say. For short lists: JSON is written by the database and read again here.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any

import orjson
from sqlalchemy import Boolean, Connection, Date, LargeBinary, Text, Time, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.domain.times import from_micros
from app.persistence.column_types import Instant, Json
from app.persistence.prepared import PreparedSelect

_BINARY = LargeBinary


class _json_rows(FunctionElement[str]):
    """All rows as one JSON array of arrays; bytes in hex."""

    type = Text()
    inherit_cache = True


def _cells(element: _json_rows, compiler: SQLCompiler, hexed: str, options: Any) -> str:
    cells = []
    for column in element.clauses:
        written = compiler.process(column, **options)
        cells.append(hexed.format(written) if isinstance(column.type, _BINARY) else written)
    return ", ".join(cells)


@compiles(_json_rows, "postgresql")
def _of_postgresql(element: _json_rows, compiler: SQLCompiler, **options: Any) -> str:
    cells = _cells(element, compiler, "encode({}, 'hex')", options)
    return f"CAST(json_agg(json_build_array({cells})) AS TEXT)"


@compiles(_json_rows, "sqlite")
def _of_sqlite(element: _json_rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({_cells(element, compiler, 'hex({})', options)}))"


class Bundle:
    """Selects by name, run together. They may share parameters, which have the same name in each."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        lists = []
        self._parts: list[tuple[str, Callable[[list[Any]], Any], tuple[tuple[int, Callable[[Any], Any]], ...]]] = []
        for name, part in parts.items():
            rows = part.subquery()
            lists.append(select(_json_rows(*rows.columns)).scalar_subquery().label(name))
            columns = list(part.selected_columns)
            make: Any = namedtuple("BundledRow", [str(column.key) for column in columns])  # type: ignore[misc]
            readers = tuple((at, reader) for at, column in enumerate(columns) if (reader := _reader(column.type)))
            self._parts.append((name, make._make, readers))
        self._statement = PreparedSelect.of(select(*lists))

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Return the rows of each part as named tuples, by the part's name."""
        found = self._statement.first(connection, parameters)
        return {name: _rows(text, make, readers) for text, (name, make, readers) in zip(found, self._parts, strict=True)}


def _rows(text: str | None, make: Callable[[list[Any]], Any], readers: Any) -> list[Any]:
    if not text or text == "[]":
        return []
    rows = orjson.loads(text)
    for row in rows:
        for at, reader in readers:
            if row[at] is not None:
                row[at] = reader(row[at])
    return [make(row) for row in rows]


def _reader(type_: Any) -> Callable[[Any], Any] | None:
    """Return what makes the Python value of what stands in the JSON, or None where that is it."""
    for wanted, reader in _READERS:
        if isinstance(type_, wanted):
            return reader
    return None


def _bytes(text: str) -> bytes | None:
    return bytes.fromhex(text) if text else None  # SQLite writes nothing for NULL


_READERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Instant, from_micros),
    (Json, orjson.loads),
    (Date, date.fromisoformat),
    (Time, time.fromisoformat),
    (Boolean, bool),
    (_BINARY, _bytes),
)
