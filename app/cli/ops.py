"""flask ops: forgetting what is past its time."""

import click
from flask.cli import AppGroup

from app import clock

ops_commands = AppGroup("ops", help="Tidying up.")


@ops_commands.command("tidy")
def tidy_up() -> None:
    """Forget spent tokens, answered idempotency keys, old challenges and counters.

    Safe at any time; engines do it daily by themselves.
    """
    from app.services.tidying import tidy

    for table, rows in tidy(now=clock.now()).items():
        click.echo(f"{table} {rows}")
