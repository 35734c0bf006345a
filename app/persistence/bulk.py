"""Many new rows at once by the driver's fastest way: COPY on PostgreSQL, executemany on its own cursor on SQLite.

SQLAlchemy still says how each value is stored and which defaults there are. What is left out is its execution layer, which
for rows like those of a sweep costs several times what the driver does (bench/sweep.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.orm import Session

from app.persistence.prepared import announced, driver_errors

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Insert:
    """How rows that give certain columns are written into a table."""

    sql: str
    given: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    convert: tuple[tuple[int, Converter], ...]
    defaults: tuple[Callable[[], Any], ...]
    """Driver values of the columns that are not given but have a default; they come last."""


_inserts: dict[tuple[str, str, tuple[str, ...]], _Insert] = {}


def add_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all give the same columns. Raises the DBAPIErrors that an `insert` would."""
    if not rows:
        return
    connection = session.connection()
    key = (connection.dialect.name, table.name, tuple(rows[0]))
    insert = _inserts.get(key)
    if insert is None:
        insert = _inserts[key] = _insert(connection, table, tuple(rows[0]))
    values = [_stored(insert, row) for row in rows]
    with driver_errors(connection, insert.sql):
        cursor = announced(connection, insert.sql, values, many=True)
        if connection.dialect.name == "postgresql":
            with cursor.copy(insert.sql) as copy:
                for row in values:
                    copy.write_row(row)
        else:
            cursor.executemany(insert.sql, values)
        cursor.close()


def _stored(insert: _Insert, row: Mapping[str, Any]) -> list[Any]:
    values = list(insert.given(row))
    for index, convert in insert.convert:
        values[index] = convert(values[index])
    for default in insert.defaults:
        values.append(default())
    return values


def _insert(connection: Connection, table: Table, names: tuple[str, ...]) -> _Insert:
    dialect = connection.dialect
    missing = [column for column in table.columns if column.name not in names and column.default is not None]
    columns = [*(table.columns[name] for name in names), *missing]
    converters = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    quote = dialect.identifier_preparer.quote
    target = f"{quote(table.name)} ({', '.join(quote(column.name) for column in columns)})"
    sql = f"INSERT INTO {target} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - names of the schema
    return _Insert(
        sql=f"COPY {target} FROM STDIN" if dialect.name == "postgresql" else sql,
        given=itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],),
        convert=tuple((index, convert) for index, convert in enumerate(converters[: len(names)]) if convert is not None),
        defaults=tuple(
            _default(column.default, convert) for column, convert in zip(missing, converters[len(names) :], strict=True)
        ),
    )


def _default(default: Any, convert: Converter | None) -> Callable[[], Any]:
    def make() -> Any:
        value = default.arg(None) if default.is_callable else default.arg
        return value if convert is None else convert(value)

    return make
