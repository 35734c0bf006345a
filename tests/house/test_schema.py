"""The migrations make exactly the tables that the models describe."""

import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import create_engine, inspect

from app.persistence import schema
from app.persistence.db import Base, db


def test_migrations_and_models_agree(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        difference = compare_metadata(context, Base.metadata)

    assert difference == []


def test_the_schema_is_at_head(app: Flask) -> None:
    assert schema.is_at_head(db.engine)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_migration_goes_up_down_and_up_again(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    if kind == "postgresql":
        make = request.getfixturevalue("new_postgresql_database")
        url = make(f"migrations_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    engine = create_engine(url)

    schema.upgrade(engine)
    schema.downgrade(engine, "base")
    left = set(inspect(engine).get_table_names()) - {"alembic_version"}
    schema.upgrade(engine)

    assert left == set()
    assert schema.is_at_head(engine)
    engine.dispose()
