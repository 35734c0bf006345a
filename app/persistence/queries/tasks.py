"""Tasks for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.persistence.models.tasks import TaskRow


def add_tasks(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add tasks; the same occasion noticed again adds nothing."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(TaskRow).on_conflict_do_nothing(index_elements=["natural_key"]), list(rows))
