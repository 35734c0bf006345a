"""flask reasons: the catalogue of outcomes and reasons."""

import click
from flask.cli import AppGroup

reason_commands = AppGroup("reasons", help="What outcomes and reasons of decisions mean.")


@reason_commands.command("list")
@click.option(
    "--owner", help="Only reasons that this owner can change: debt, borrower, policy, law, time, channel, operator."
)
def list_reasons(owner: str | None) -> None:
    """Print every code with its owner and meaning."""
    from app.wording.reason_words import entries

    for entry in entries():
        if owner is None or entry.owner == owner:
            click.echo(f"{entry.code:26} {entry.kind:9} {entry.owner or '-':9} {entry.meaning}")


@reason_commands.command("show")
@click.argument("code")
def show(code: str) -> None:
    """Print what one code means, who can change it, what to do, and how it is said."""
    from difflib import get_close_matches

    from app.wording.reason_words import entries, entries_named, owner_words

    found = entries_named(code.upper())
    if not found:
        near = get_close_matches(code.upper(), [entry.code for entry in entries()], 1)
        raise click.ClickException(f"There is no code {code!r}." + "".join(f" Did you mean {each}?" for each in near))
    for entry in found:
        click.echo(f"{entry.code} ({entry.kind})")
        click.echo(f"  meaning     {entry.meaning}")
        if entry.owner:
            click.echo(f"  changed by  {owner_words(entry.owner)}")
        click.echo(f"  what to do  {entry.to_do}")
        for (audience, locale), text in entry.sentences.items():
            click.echo(f"  {audience + ', ' + locale:16}{text}")
