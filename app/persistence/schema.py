"""Bringing a database to the newest schema, and asking whether it is there.

Alembic is imported by the functions that use it: a process that neither migrates nor is asked if it is ready does without.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def alembic_config(engine: Engine | None = None) -> "Config":
    """Return Alembic's settings; the engine, when given, is handed to migrations/env.py."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    if engine is not None:
        config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up to `revision`."""
    from alembic import command

    command.upgrade(alembic_config(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate down to `revision`."""
    from alembic import command

    command.downgrade(alembic_config(engine), revision)


def next_revision_number() -> str:
    """Return the number of the next migration file, four digits."""
    from alembic.script import ScriptDirectory

    numbers = [int(script.revision) for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
    return f"{max(numbers, default=0) + 1:04d}"


def is_at_head(engine: Engine) -> bool:
    """Return whether the schema is the one this code was written for."""
    with engine.connect() as connection:
        return is_current(connection)


def is_current(connection: Connection) -> bool:
    """Return the same as `is_at_head`, asked on an open connection."""
    from alembic.runtime.migration import MigrationContext

    return set(MigrationContext.configure(connection).get_current_heads()) == _newest()


@lru_cache(maxsize=1)
def _newest() -> frozenset[str]:
    from alembic.script import ScriptDirectory

    return frozenset(ScriptDirectory.from_config(alembic_config()).get_heads())
