"""Waiting until another connection waits."""

import time
from concurrent.futures import Future
from typing import Any

from sqlalchemy import text

from app.persistence.db import db


def wait_until_blocked(answer: Future[Any]) -> None:
    """Wait until another connection waits for a lock; SQLite does not tell, but lets nobody past its one write lock."""
    if db.engine.dialect.name != "postgresql":
        return
    deadline = time.monotonic() + 60
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with db.engine.connect() as connection:
        while not answer.done() and not connection.scalar(waiting) and time.monotonic() < deadline:
            connection.rollback()
            time.sleep(0.01)
