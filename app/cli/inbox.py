"""flask inbox: what the operator does about the borrowers' inboxes."""

import click
from flask.cli import AppGroup

from app import clock

inbox_commands = AppGroup("inbox", help="The borrowers' inboxes.")


@inbox_commands.command("renew")
@click.option("--yes", is_flag=True, help="Do it; without, it is only said what would be done.")
def renew(yes: bool) -> None:
    """Have every device load its inbox anew. Run it after a restore: changes that devices know of are lost then."""
    from app.services.inbox_marks import begin_lines

    if not yes:
        click.echo("Every device would load its inbox anew at its next look. Say --yes to do it.")
        return
    click.echo(f"{begin_lines(now=clock.now())} inboxes begin a new line of states.")
