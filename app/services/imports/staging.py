"""Staging a file: every row read, checked and put aside; the book is untouched until the file as a whole is accepted.

The stage is SQLite's own unnamed temporary database: private, spilled to disk when large, gone when closed or killed. In it
duplicates meet, the first of two conflicting rows wins, and rows come back ordered by loan.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from app.services.imports.values import Row

_BATCH = 5000


class StagedRow(NamedTuple):
    """One accepted row: its line in the file, the group it is applied with, its values."""

    line: int
    group: str
    values: Row


@dataclass(frozen=True, slots=True)
class Repeated:
    """A row whose key came before. `differs` is the first column that differs; None: it says the same again."""

    line: int
    first_line: int
    differs: int | None
    values: Row


class Stage:
    """The rows of one file. `paired`: a row is known by group and order (a plan row), else by order alone (a reference)."""

    def __init__(self, *, paired: bool) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32768; BEGIN;"
            "CREATE TABLE rows (line INTEGER PRIMARY KEY, grp TEXT NOT NULL, ord NOT NULL, payload BLOB NOT NULL);"
            "CREATE TABLE refused (grp TEXT NOT NULL, ord);"
        )
        self._paired = paired
        self._refused = False
        self._waiting: list[tuple[int, str, object, bytes]] = []

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def add(self, line: int, group: str, order: object, values: Sequence[Any]) -> None:
        """Put a row aside."""
        self._waiting.append((line, group, order, orjson.dumps(values)))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def refuse(self, group: str, order: object) -> None:
        """Remember that the file named this row, though it could not be read."""
        self._refused = True
        self._db.execute("INSERT INTO refused VALUES (?, ?)", (group, order))

    def settle(self) -> Iterator[Repeated]:
        """Take out every row whose key came before in the file, and yield it."""
        self._flush()
        key, same = ("grp, ord", "r.grp = d.grp AND r.ord = d.ord") if self._paired else ("ord", "r.ord = d.ord")
        self._db.execute(f"CREATE INDEX rows_by_key ON rows ({key}, line)")
        self._db.execute(
            "CREATE TABLE twice AS SELECT r.line AS line, d.first AS first FROM"  # noqa: S608
            f" (SELECT {key}, min(line) AS first FROM rows GROUP BY {key} HAVING count(*) > 1) AS d"
            f" JOIN rows AS r ON {same} WHERE r.line > d.first ORDER BY r.line"
        )
        found = self._db.cursor().execute(
            "SELECT t.line, t.first, r.payload, f.payload FROM twice AS t"
            " JOIN rows AS r ON r.line = t.line JOIN rows AS f ON f.line = t.first ORDER BY t.line"
        )
        for line, first_line, payload, first in found:
            values = orjson.loads(payload)
            pairs = zip(values, orjson.loads(first), strict=True)
            yield Repeated(line, first_line, next((i for i, (a, b) in enumerate(pairs) if a != b), None), values)
        self._db.execute("DELETE FROM rows WHERE line IN (SELECT line FROM twice)")

    def count(self) -> int:
        """Return how many rows are left."""
        found: tuple[int] = self._db.execute("SELECT count(*) FROM rows").fetchone()
        return found[0]

    def rows(self) -> Iterator[StagedRow]:
        """Yield the rows: by group and order where a plan is made of several, else as the file has them."""
        order = "grp, ord" if self._paired else "line"
        cursor = self._db.cursor().execute(f"SELECT line, grp, payload FROM rows ORDER BY {order}")  # noqa: S608
        for line, group, payload in cursor:
            yield StagedRow(line, group, orjson.loads(payload))

    def refused_orders(self, group: str) -> list[object]:
        """Return the order of the group's rows that could not be read."""
        if not self._refused:
            return []
        found = self._db.execute("SELECT ord FROM refused WHERE grp = ? AND ord IS NOT NULL", (group,))
        return [row[0] for row in found]

    def names_group(self, group: str) -> bool:
        """Return whether the file named the group in a row that was refused."""
        return self._db.execute("SELECT 1 FROM refused WHERE grp = ? LIMIT 1", (group,)).fetchone() is not None

    def _flush(self) -> None:
        self._db.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", self._waiting)
        self._waiting.clear()
