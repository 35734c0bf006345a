"""Engines and sessions, for SQLite and PostgreSQL.

SQLite: WAL, foreign keys on, and BEGIN IMMEDIATE for what writes, so that a lock is waited for at the start and never met
in the middle. Its own way of waiting looks less and less often, ten times a second in the end, and so never sees the moment
between two transactions of a busy writer; `_begin_writing` looks every few milliseconds. Reads outside a unit of work begin
deferred.
"""

import sqlite3
import time
from typing import Any

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData, create_engine, event, inspect
from sqlalchemy.orm import DeclarativeBase, Session

from app import clock
from app.persistence.vault import Vault

SQLITE_BUSY_MS = 30_000
SQLITE_LOOK_SECONDS = 0.002
READER_CACHE_KIB = 8192


class Base(DeclarativeBase):
    """Base of all rows. Constraint names are given, so that migrations can name them on both engines."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)


def engine_options(url: str) -> dict[str, Any]:
    """Return the options for `create_engine`. Statement and lock time-outs keep one bad query from holding all.

    Errors do not repeat the values of their statement: they are logged, and hold names that no pattern can find.
    """
    if url.startswith("sqlite"):
        return {"hide_parameters": True, "connect_args": {"timeout": SQLITE_BUSY_MS / 1000, "check_same_thread": False}}
    return {
        "hide_parameters": True,
        "pool_pre_ping": True,
        "pool_use_lifo": True,  # the connection used last has the most statements prepared
        "pool_size": 10,
        "max_overflow": 10,
        "connect_args": {"options": "-c statement_timeout=60000 -c lock_timeout=30000", "connect_timeout": 10},
    }


def read_only_engine(url: str) -> Engine:
    """Return an engine of its own whose connections the database itself keeps from writing anything."""
    options = engine_options(url)
    if not url.startswith("sqlite"):
        arguments = {**options["connect_args"], "options": "-c default_transaction_read_only=on -c lock_timeout=30000"}
        return create_engine(url, **{**options, "connect_args": arguments, "pool_size": 1})
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _prepare_reader)
    return engine


def _prepare_reader(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")
    connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}")  # it goes through the book once: nothing is read again


def is_empty(engine: Engine) -> bool:
    """Return whether the database has no tables at all."""
    return not inspect(engine).get_table_names()


def vault() -> Vault:
    """Return the key ring of the running app."""
    ring: Vault = current_app.extensions["duecourse.vault"]
    return ring


def session() -> Session:
    """Return the session for reads outside a unit of work, such as a page or a report. It is rolled back at the end."""
    return db.session()


@event.listens_for(Engine, "connect")
def _prepare_connection(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None  # the driver begins nothing by itself; `_begin` below does
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            f"busy_timeout={SQLITE_BUSY_MS}",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        options = connection.get_execution_options()
        if options.get("duecourse_writes"):
            _begin_writing(connection)
        elif not options.get("duecourse_reads"):  # single statements, see web/reads.py
            connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Any) -> None:
    driver: sqlite3.Connection = connection.connection.dbapi_connection
    give_up_at = clock.monotonic_seconds() + SQLITE_BUSY_MS / 1000
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while clock.monotonic_seconds() < give_up_at:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(SQLITE_LOOK_SECONDS)
    finally:
        driver.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # says what is wrong in SQLAlchemy's words
