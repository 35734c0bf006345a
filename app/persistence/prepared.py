"""Selects that are compiled once and run on the driver's own cursor: for the two statements every request pays for.

SQLAlchemy still writes the SQL and converts the values. What is left out is its execution layer, which for one row by its
key costs several times what the driver does (bench/balance_endpoint.py). Listeners for `before_cursor_execute` are told, so
that statements can be counted and traced as everywhere else. Everything that is not on that path uses `execute`.
"""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    names: tuple[str, ...] | None
    """Of the parameters in their order; None where the driver takes them by name."""
    bind: dict[str, Converter]
    convert: tuple[tuple[int, Converter], ...]
    """(column, converter) of the columns whose driver value is not yet the Python value."""


@dataclass(frozen=True, slots=True)
class PreparedSelect:
    """A select of columns with bound parameters, for at most one row."""

    statement: Any
    make: Callable[[Any], Any]
    _compiled: dict[str, _Compiled] = field(default_factory=dict)

    @classmethod
    def of(cls, statement: Any) -> "PreparedSelect":
        """Prepare a statement; rows are named tuples of its columns."""
        names = tuple(str(column.key) for column in statement.selected_columns)
        row: Any = namedtuple("PreparedRow", names)  # type: ignore[misc]  # the names are the statement's
        return cls(statement, row._make)

    def first(self, connection: Connection, parameters: dict[str, Any]) -> Any:
        """Return the row, or None. Raises OperationalError for whatever the driver raises."""
        compiled = self._compiled.get(connection.dialect.name) or self._compile(connection)
        for name, converter in compiled.bind.items():
            parameters[name] = converter(parameters[name])
        given = parameters if compiled.names is None else tuple([parameters[name] for name in compiled.names])
        try:
            cursor = connection.connection.cursor()
            for told in connection.dispatch.before_cursor_execute:
                told(connection, cursor, compiled.sql, given, None, False)
            cursor.execute(compiled.sql, given)
            row = cursor.fetchone()
            cursor.close()
        except connection.dialect.loaded_dbapi.Error as error:
            connection.invalidate(error)  # a broken connection must not go back to the pool
            raise OperationalError(compiled.sql, None, error) from error
        if row is None:
            return None
        values = list(row)
        for index, converter in compiled.convert:
            values[index] = converter(values[index])
        return self.make(values)

    def _compile(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        made = self.statement.compile(dialect=dialect)
        types = {name: parameter.type.dialect_impl(dialect) for name, parameter in made.binds.items()}
        binds = {name: type_.bind_processor(dialect) for name, type_ in types.items()}
        columns = [column.type.dialect_impl(dialect) for column in self.statement.selected_columns]
        converters = enumerate(type_.result_processor(dialect, None) for type_ in columns)
        compiled = self._compiled[dialect.name] = _Compiled(
            sql=made.string,
            names=tuple(made.positiontup) if made.positional and made.positiontup else None,
            bind={name: converter for name, converter in binds.items() if converter is not None},
            convert=tuple((index, converter) for index, converter in converters if converter is not None),
        )
        return compiled
