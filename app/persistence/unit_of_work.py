"""The only commit in the program.

A service opens one unit of work, loads, asks the domain, writes rows, and leaves: everything in it is committed together
or not at all. Units do not nest; a service that needs another's work calls the function that takes `work`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.persistence.db import db, vault
from app.persistence.vault import Vault

_T = TypeVar("_T")
_ATTEMPTS = 3
_LOST_RACES = frozenset({"23505", "40001", "40P01"})
"""PostgreSQL: unique violation, serialization failure, deadlock. On SQLite one writes at a time, and none occurs."""


@dataclass(frozen=True, slots=True)
class Work:
    """An open unit of work: the session whose changes will be committed, and the key ring for personal data."""

    session: Session
    vault: Vault


@contextmanager
def unit_of_work() -> Iterator[Work]:
    """Commit at the end of the block, or roll back when it raises. Raises RuntimeError when one is already open."""
    current = db.session()
    if current.info.get("duecourse_unit_open"):
        raise RuntimeError("A unit of work is already open; pass its `work` on instead of opening another.")
    db.session.rollback()  # whatever was read before belongs to an older view of the data
    current.info["duecourse_unit_open"] = True
    try:
        current.connection(execution_options={"duecourse_writes": True})
        yield Work(current, vault())
        current.commit()
    except BaseException:
        current.rollback()
        raise
    finally:
        current.info.pop("duecourse_unit_open", None)


def in_unit_of_work(act: Callable[[Work], _T]) -> _T:
    """Run `act` in a unit of work, and again when another made the same row first: this time it is found.

    For doors where two may bring the same new thing at once. Whatever `act` does outside `work` it does again.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with unit_of_work() as work:
                return act(work)
        except DBAPIError as error:
            if attempt == _ATTEMPTS or getattr(error.orig, "sqlstate", None) not in _LOST_RACES:
                raise
    raise AssertionError("unreachable")


@contextmanager
def reading() -> Iterator[Session]:
    """Read in one transaction that is always rolled back; takes no write lock on SQLite."""
    current = db.session()
    try:
        yield current
    finally:
        current.rollback()


@contextmanager
def looking() -> Iterator[Session]:
    """Read by single statements, each seeing the newest state by itself, outside a transaction: what the engine does most.

    On PostgreSQL that saves more than BEGIN and ROLLBACK: after a rollback the driver gives up all its prepared statements.
    """
    current = db.session()
    current.rollback()
    postgresql = db.engine.dialect.name == "postgresql"
    current.connection(execution_options={"isolation_level": "AUTOCOMMIT"} if postgresql else {"duecourse_reads": True})
    try:
        yield current
    finally:
        current.rollback()


@contextmanager
def peeking() -> Iterator[Connection]:
    """Read as `looking` does, by prepared statements alone: a bare connection costs a quarter of what a session's does."""
    postgresql = db.engine.dialect.name == "postgresql"
    with db.engine.connect() as connection:
        yield connection.execution_options(
            **({"isolation_level": "AUTOCOMMIT"} if postgresql else {"duecourse_reads": True})
        )


@contextmanager
def reading_one_state() -> Iterator[Session]:
    """Read as `reading` does, every statement seeing the state of the first: for what is put together of several.

    On PostgreSQL a transaction otherwise sees what others commit between its statements.
    """
    current = db.session()
    current.rollback()
    postgresql = db.engine.dialect.name == "postgresql"
    current.connection(execution_options={"isolation_level": "REPEATABLE READ"} if postgresql else {})
    try:
        yield current
    finally:
        current.rollback()


def close_session() -> None:
    """Give the connection back. Call it after work outside a request, before anything slow."""
    db.session.remove()
