"""Single statements outside a transaction, one connection check-out per request: the cheap way to read.

Each statement sees the newest committed state by itself. What must be consistent across statements, or writes, belongs in
a unit of work. On PostgreSQL the connection is in autocommit; on SQLite no BEGIN is sent (persistence/db.py).
"""

from typing import Any

from flask import current_app, g
from sqlalchemy import Connection, Engine

from app.persistence.db import db


def reads() -> Connection:
    """Return this request's connection for reading, opened on first use."""
    connection: Connection | None = g.get("reads")
    if connection is None:
        connection = g.reads = reading_engine().connect()
    return connection


def end_reads(_error: object = None) -> None:
    """Give the connection back. Before a unit of work too: no request may hold two connections."""
    connection: Connection | None = g.pop("reads", None)
    if connection is not None:
        connection.close()


def reading_engine() -> Engine:
    """Return the engine whose connections read by single statements."""
    engine: Engine | None = current_app.extensions.get("duecourse.reads")
    if engine is None:
        options: dict[str, Any] = {"duecourse_reads": True}
        if db.engine.dialect.name == "postgresql":
            options["isolation_level"] = "AUTOCOMMIT"
        engine = current_app.extensions["duecourse.reads"] = db.engine.execution_options(**options)
    return engine
