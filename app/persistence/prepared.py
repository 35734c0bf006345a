"""Statements that are compiled once and run on the driver's own cursor: for what every request and every message pays for.

SQLAlchemy still writes the SQL and converts the values. What is left out is its execution layer, which for one row by its
key costs several times what the driver does (bench/balance_endpoint.py, bench/outbox.py). Listeners for
`before_cursor_execute` are told, so that statements can be counted and traced as everywhere else. Everything that is not on
such a path uses `execute`.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    names: tuple[str, ...] | None
    """Of the parameters in their order; None where the driver takes them by name."""
    bind: tuple[tuple[str, Converter], ...]
    constants: dict[str, Any]
    """Driver values of parameters that the statement itself gives."""
    convert: tuple[tuple[int, Converter], ...]
    """(column, converter) of the columns whose driver value is not yet the Python value."""

    def given(self, parameters: Mapping[str, Any]) -> Any:
        """Return the parameters as the driver takes them."""
        values = {**self.constants, **parameters}
        for name, converter in self.bind:
            values[name] = converter(values[name])
        return values if self.names is None else tuple([values[name] for name in self.names])


@dataclass(frozen=True, slots=True)
class _Prepared:
    statement: Any
    _compiled: dict[str, _Compiled] = field(default_factory=dict, init=False, repr=False, compare=False)

    def _on(self, connection: Connection) -> _Compiled:
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = self._compiled[connection.dialect.name] = _compile(self.statement, connection)
        return compiled


@dataclass(frozen=True, slots=True)
class PreparedSelect(_Prepared):
    """A select of columns with bound parameters."""

    make: Callable[[Any], Any]

    @classmethod
    def of(cls, statement: Any) -> "PreparedSelect":
        """Prepare a statement; rows are named tuples of its columns."""
        names = tuple(str(column.key) for column in statement.selected_columns)
        row: Any = namedtuple("PreparedRow", names)  # type: ignore[misc]  # the names are the statement's
        return cls(statement, row._make)

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """Return the first row, or None. Raises the DBAPIErrors that `execute` would."""
        compiled = self._on(connection)
        given = compiled.given(parameters)
        with driver_errors(connection, compiled.sql):
            cursor = announced(connection, compiled.sql, given)
            cursor.execute(compiled.sql, given)
            row = cursor.fetchone()
            cursor.close()
        return None if row is None else self._made(compiled, row)

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """Return all rows. Raises as `first` does."""
        compiled = self._on(connection)
        given = compiled.given(parameters)
        with driver_errors(connection, compiled.sql):
            cursor = announced(connection, compiled.sql, given)
            cursor.execute(compiled.sql, given)
            rows = cursor.fetchall()
            cursor.close()
        if not compiled.convert or not rows:
            return list(map(self.make, rows))
        columns: list[Iterable[Any]] = list(zip(*rows, strict=True))  # by column: a third of what it costs row by row
        for index, converter in compiled.convert:
            columns[index] = map(converter, columns[index])
        return list(map(self.make, zip(*columns, strict=True)))

    def _made(self, compiled: _Compiled, row: Sequence[Any]) -> Any:
        values = list(row)
        for index, converter in compiled.convert:
            values[index] = converter(values[index])
        return self.make(values)


@dataclass(frozen=True, slots=True)
class PreparedChange(_Prepared):
    """An update with bound parameters."""

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> int:
        """Run it; return how many rows it changed. Raises the DBAPIErrors that `execute` would."""
        compiled = self._on(connection)
        given = compiled.given(parameters)
        with driver_errors(connection, compiled.sql):
            cursor = announced(connection, compiled.sql, given)
            cursor.execute(compiled.sql, given)
            changed: int = cursor.rowcount
            cursor.close()
        return changed

    def run_many(self, connection: Connection, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each of the parameters. Raises as `run` does."""
        compiled = self._on(connection)
        given = [compiled.given(each) for each in parameters]
        with driver_errors(connection, compiled.sql):
            cursor = announced(connection, compiled.sql, given, many=True)
            cursor.executemany(compiled.sql, given)
            cursor.close()


def announced(connection: Connection, sql: str, given: Any, *, many: bool = False) -> Any:
    """Return a new cursor of the driver, after telling the listeners what it is about to run."""
    cursor = connection.connection.cursor()
    for told in connection.dispatch.before_cursor_execute:
        told(connection, cursor, sql, given, None, many)
    return cursor


class driver_errors:
    """What the driver raises within is raised as SQLAlchemy would, without values; a broken connection leaves the pool."""

    __slots__ = ("connection", "sql")

    def __init__(self, connection: Connection, sql: str) -> None:
        self.connection, self.sql = connection, sql

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        dialect = self.connection.dialect
        if error is None or not isinstance(error, dialect.loaded_dbapi.Error):
            return
        if dialect.is_disconnect(error, self.connection.connection.dbapi_connection, None):
            self.connection.invalidate(error)
        base: Any = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(self.sql, None, error, base, hide_parameters=True, dialect=dialect) from error


def _compile(statement: Any, connection: Connection) -> _Compiled:
    dialect = connection.dialect
    made = statement.compile(dialect=dialect)
    assert "POSTCOMPILE" not in made.string, "its text depends on values; use `among` in place of `in_`"
    binds = made.binds
    converters: dict[str, Converter] = {}
    for name, parameter in binds.items():
        converter = parameter.type.dialect_impl(dialect).bind_processor(dialect)
        if converter is not None:
            converters[name] = converter
    constants = {name: bind.effective_value for name, bind in binds.items() if not bind.required}
    for name in constants:
        if name in converters:
            constants[name] = converters[name](constants[name])
    columns = [column.type.dialect_impl(dialect) for column in getattr(statement, "selected_columns", ())]
    results = enumerate(type_.result_processor(dialect, None) for type_ in columns)
    return _Compiled(
        sql=made.string,
        names=tuple(made.positiontup) if made.positional and made.positiontup else None,
        bind=tuple((name, converter) for name, converter in converters.items() if name not in constants),
        constants=constants,
        convert=tuple((index, converter) for index, converter in results if converter is not None),
    )
