"""flask db: the schema."""

import click
from flask.cli import AppGroup

from app.persistence import schema
from app.persistence.db import db

database_commands = AppGroup("db", help="The database schema.")


@database_commands.command("upgrade")
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Migrate up to the newest schema (or to REVISION)."""
    schema.upgrade(db.engine, revision)
    click.echo(f"The schema is at {revision}.")


@database_commands.command("downgrade")
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Migrate down to REVISION; `base` removes everything."""
    schema.downgrade(db.engine, revision)
    click.echo(f"The schema is at {revision}.")


@database_commands.command("revision")
@click.option("-m", "--message", required=True, help="What it changes.")
def revision(message: str) -> None:
    """Write a new migration from the difference between models and database."""
    from alembic import command

    command.revision(
        schema.alembic_config(db.engine), message=message, autogenerate=True, rev_id=schema.next_revision_number()
    )
