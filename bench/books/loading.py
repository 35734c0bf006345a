"""Filling tables straight from values, as fast as the driver takes them: COPY on PostgreSQL, executemany on SQLite.

Foreign keys are not checked meanwhile, and on SQLite nothing is waited for to reach the disk: a book that is made for one
measurement may be lost with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, text

from app.persistence.db import Base

FLUSH_ROWS = 20_000


class Loader:
    """Gathers rows by table and writes them table by table. Values are given as the driver stores them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self._defaults: dict[str, dict[str, Any]] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._count = 0

    def add(self, table: str, **values: Any) -> None:
        """Add one row; columns that are not named get their default, or NULL."""
        defaults = self._defaults.get(table)
        if defaults is None:
            defaults = self._defaults[table] = _defaults(Base.metadata.tables[table], self.connection)
        self._rows.setdefault(table, []).append(tuple((defaults | values).values()))
        self._count += 1
        if self._count >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        for table, rows in self._rows.items():
            if rows:
                write_rows(self.connection, table, list(self._defaults[table]), rows)
        self._rows = {table: [] for table in self._rows}
        self._count = 0


def write_rows(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write rows by the driver's fastest way."""
    cursor = connection.connection.cursor()
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)
    else:
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            copy.write("".join(_lines(rows)))
    cursor.close()


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    for row in rows:
        yield "\t".join([value if type(value) is str else _field(value) for value in row]) + "\n"


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)


def _defaults(table: Table, connection: Connection) -> dict[str, Any]:
    """Return every column with the driver value of its default."""
    found: dict[str, Any] = {}
    for column in table.columns:
        value = None
        if column.default is not None and column.name != "lane":  # which depends on the row, and is given
            value = column.default.arg(None) if column.default.is_callable else column.default.arg
        convert = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        found[column.name] = convert(value) if convert is not None else value
    return found


@contextmanager
def loading(engine: Engine) -> Iterator[Loader]:
    """Give a loader; at the end everything is written, committed and analysed."""
    with engine.connect().execution_options(duecourse_reads=True) as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        for line in ("foreign_keys=OFF", "synchronous=OFF", "journal_mode=MEMORY") if is_sqlite else ():
            connection.exec_driver_sql(f"PRAGMA {line}")
        connection.exec_driver_sql("BEGIN" if is_sqlite else "SET session_replication_role = replica")
        loader = Loader(connection)
        yield loader
        loader.flush()
        connection.commit()
        if is_sqlite:
            for line in ("foreign_keys=ON", "synchronous=NORMAL", "journal_mode=WAL"):
                connection.exec_driver_sql(f"PRAGMA {line}")
        else:
            connection.exec_driver_sql("SET session_replication_role = DEFAULT")
            connection.commit()
    analyze(engine)


def analyze(engine: Engine) -> None:
    """Let the database know its tables, as its own housekeeping would."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
        if connection.dialect.name == "postgresql":
            connection.execute(text("VACUUM"))
            connection.execute(text("CHECKPOINT"))
