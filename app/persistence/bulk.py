"""Many rows at once by the driver's fastest way.

On PostgreSQL that is COPY, or one UPDATE from arrays; on SQLite executemany on its own cursor.

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
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Insert:
    """How rows that give certain columns are written into a table."""

    sql: str
    given: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    convert: tuple[tuple[int, Converter], ...]
    defaults: tuple[Callable[[], Any], ...]
    """Driver values of the columns that are not given but have a default; they come last."""


_inserts: dict[tuple[str, str, tuple[str, ...]], _Insert] = {}


def add_rows(session: Session, table: Table, rows: Rows) -> None:
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


@dataclass(frozen=True, slots=True)
class _Update:
    """How rows with certain names of values change a table."""

    sql: str
    given: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    convert: tuple[tuple[int, Converter], ...]
    from_arrays: bool


_updates: dict[tuple[str, str, tuple[tuple[str, str], ...], str | None], _Update] = {}


def change_rows(
    session: Session, table: Table, rows: Rows, *, columns: Mapping[str, str], key: str, never_falls: str | None = None
) -> None:
    """Change the row with the id that each of `rows` names. `columns`: column -> name of its value, the `key` among them.

    `never_falls`: a number among the columns that keeps its value where the one given is lower.

    Raises the DBAPIErrors that an `update` would.
    """
    if not rows:
        return
    connection = session.connection()
    kind = (connection.dialect.name, table.name, tuple(columns.items()), never_falls)
    update = _updates.get(kind)
    if update is None:
        update = _updates[kind] = _update(connection, table, columns, key, never_falls)
    values = [_converted(update.given(row), update.convert) for row in rows]
    with driver_errors(connection, update.sql):
        cursor = announced(connection, update.sql, values, many=True)
        if update.from_arrays:
            cursor.execute(update.sql, [list(column) for column in zip(*values, strict=True)])
        else:
            cursor.executemany(update.sql, values)
        cursor.close()


def _stored(insert: _Insert, row: Mapping[str, Any]) -> list[Any]:
    values = _converted(insert.given(row), insert.convert)
    for default in insert.defaults:
        values.append(default())
    return values


def _converted(given: tuple[Any, ...], converters: tuple[tuple[int, Converter], ...]) -> list[Any]:
    values = list(given)
    for index, convert in converters:
        values[index] = convert(values[index])
    return values


def _update(connection: Connection, table: Table, columns: Mapping[str, str], key: str, never_falls: str | None) -> _Update:
    dialect = connection.dialect
    quote, name_type = dialect.identifier_preparer.quote, dialect.type_compiler_instance.process
    names = [*(name for name in columns if name != key), key]  # the key last, where SQLite's WHERE has it
    types = [table.columns[name].type.dialect_impl(dialect) for name in names]
    target, key_name = quote(table.name), quote(key)
    from_arrays = dialect.name == "postgresql"
    if from_arrays:
        # Without its length: a cast to VARCHAR(n) would cut what is too long, where the table refuses it.
        arrays = ", ".join(f"%s::{name_type(type_).partition('(')[0]}[]" for type_ in types)
        given = {name: f"given.{quote(name)}" for name in names[:-1]}
        if never_falls is not None:
            given[never_falls] = f"GREATEST({target}.{quote(never_falls)}, {given[never_falls]})"
        changes = ", ".join(f"{quote(name)} = {value}" for name, value in given.items())
        listed = ", ".join(quote(name) for name in names)
        source = f"FROM unnest({arrays}) AS given ({listed}) WHERE {target}.{key_name} = given.{key_name}"
    else:
        given = dict.fromkeys(names[:-1], "?")
        if never_falls is not None:
            given[never_falls] = f"MAX({quote(never_falls)}, ?)"
        changes = ", ".join(f"{quote(name)} = {value}" for name, value in given.items())
        source = f"WHERE {key_name} = ?"
    converters = [type_.bind_processor(dialect) for type_ in types]
    return _Update(
        sql=f"UPDATE {target} SET {changes} {source}",  # noqa: S608 - names of the schema
        given=itemgetter(*(columns[name] for name in names)),
        convert=tuple((index, convert) for index, convert in enumerate(converters) if convert is not None),
        from_arrays=from_arrays,
    )


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
