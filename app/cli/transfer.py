"""flask transfer: where borrowers of a lender transfer to, and how far its statement lines are matched by themselves."""

import click
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

transfer_commands = AppGroup("transfer", help="Bank transfers: the lender's account, and how its statement is matched.")


@transfer_commands.command("settings")
@click.argument("lender")
@click.option("--account", help="IBAN, or as the country writes accounts.")
@click.option("--bic", help="Of the account's bank.")
@click.option("--holder", help="Name of the account; default: the lender's.")
@click.option("--rule", "rules", multiple=True, help="NAME=VALUE, e.g. tolerance=0.50 or waive_short=0.50; may be repeated.")
@click.option("--by", help="Your name, for the audit trail; needed to change anything.")
@says_why
def settings(
    lender: str, account: str | None, bic: str | None, holder: str | None, rules: tuple[str, ...], by: str | None
) -> None:
    """Show the transfer settings of LENDER, after changing those that are given."""
    from dataclasses import asdict

    from app.persistence.unit_of_work import unit_of_work
    from app.services.transfer_settings import TransferChange, change_settings

    pairs = [rule.partition("=") for rule in rules]
    if any(not mark for _, mark, _ in pairs):
        raise click.UsageError("A rule is NAME=VALUE.")
    change = TransferChange(account, bic, holder, {name: value for name, _, value in pairs})
    if not change.is_empty and by is None:
        raise click.UsageError("Say who you are: --by.")
    with unit_of_work() as work:
        shown = change_settings(work, lender, change, by=operator_named(by) if by else "", now=clock.now())
        for name, value in [*shown.where.items(), *asdict(shown.rules).items()]:
            click.echo(f"{name}\t{'-' if value is None else value}")
