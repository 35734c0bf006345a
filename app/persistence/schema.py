"""Bringing a database to the newest schema, and asking whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def alembic_config(engine: Engine | None = None) -> Config:
    """Return Alembic's settings; the engine, when given, is handed to migrations/env.py."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    if engine is not None:
        config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up to `revision`."""
    command.upgrade(alembic_config(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate down to `revision`."""
    command.downgrade(alembic_config(engine), revision)


def next_revision_number() -> str:
    """Return the number of the next migration file, four digits."""
    numbers = [int(script.revision) for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
    return f"{max(numbers, default=0) + 1:04d}"


def is_at_head(engine: Engine) -> bool:
    """Return whether the schema is the one this code was written for."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    return set(current) == set(ScriptDirectory.from_config(alembic_config()).get_heads())


def is_empty(engine: Engine) -> bool:
    """Return whether the database has no tables at all."""
    return not inspect(engine).get_table_names()
