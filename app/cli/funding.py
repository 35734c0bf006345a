"""flask funding: what funders have of loans, held against the ledger."""

import click
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

funding_commands = AppGroup("funding", help="Funders' money: passed on, and held against the ledger.")


@funding_commands.command("check")
@click.option("--lender", "lender_code", required=True, help="Whose funded loans.")
@click.pass_context
@says_why
def check_command(context: click.Context, lender_code: str) -> None:
    """Compare every funded loan's ledger with what was passed on. Exit 1: they differ."""
    from app.persistence.unit_of_work import reading_one_state
    from app.services.funding_checks import check_funding
    from app.services.lenders import get_lender

    with reading_one_state() as session:
        found = check_funding(session, get_lender(session, lender_code).id)
    for each in found.differences:
        click.echo(f"{each.loan_no}\t{each.what}\t{each.subject}\t{each.theirs_minor}\t{each.ours_minor}")
    click.echo(f"{found.loans} funded loans, {found.entries} entries: {len(found.differences)} difference(s).")
    if found.differences:
        context.exit(1)


@funding_commands.command("pass-on")
@says_why
def pass_on_command() -> None:
    """Pass on what waits, as the engine does every few seconds."""
    from app.services.pass_through import pass_on_due

    click.echo(f"{pass_on_due(now=clock.now())} row(s) booked.")
