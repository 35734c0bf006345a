"""flask bulletin: figures of a period, frozen and published; of the whole installation here alone."""

from datetime import datetime

import click
from flask import current_app
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

bulletin_commands = AppGroup("bulletin", help="Bulletins: figures of a period with their definitions.")
_DAY = click.DateTime(["%Y-%m-%d"])


@bulletin_commands.command("make")
@click.option("--from", "first_on", required=True, type=_DAY, help="First day.")
@click.option("--to", "last_on", required=True, type=_DAY, help="Last day, inclusive.")
@click.option("--lender", help="Code of the lender; without: the whole installation.")
@click.option("--zone", help="In which the days begin and end; without: the lender's.")
@click.option("--corrects", help="Id of the published bulletin that is put right.")
@click.option("--note", help="Why it is put right; published.")
@click.option("--by", required=True, help="Your name.")
@says_why
def make(
    first_on: datetime,
    last_on: datetime,
    lender: str | None,
    zone: str | None,
    corrects: str | None,
    note: str | None,
    by: str,
) -> None:
    """Begin a bulletin and print its id and what its figures are as of now."""
    from app.persistence.unit_of_work import reading, unit_of_work
    from app.services.bulletins import WantedBulletin, figures_of, get_own, make_bulletin

    lender_id = _lender_id(lender)
    wanted = WantedBulletin(first_on.date(), last_on.date(), lender_id, zone, corrects, note)
    with unit_of_work() as work:
        bulletin_id = make_bulletin(work, wanted, by=operator_named(by), now=clock.now()).id
    click.echo(bulletin_id)
    with reading() as session:
        row = get_own(session, bulletin_id, None)
        for each in figures_of(session, row, now=clock.now()):
            click.echo(f"{each.key}\t{each.cell}\t{each.currency}\t{each.value}\t{each.hidden or ''}")


@bulletin_commands.command("freeze")
@click.argument("bulletin_id")
@click.option("--by", required=True, help="Your name.")
@says_why
def freeze(bulletin_id: str, by: str) -> None:
    """Freeze a bulletin as everything is known now, and print its place in the chain and its hash."""
    from app.persistence.unit_of_work import in_unit_of_work
    from app.services.bulletins import freeze_bulletin

    seed = current_app.config["SETTINGS"].bulletin_key

    def act(work):  # type: ignore[no-untyped-def]
        row = freeze_bulletin(work, bulletin_id, by=operator_named(by), now=clock.now(), seed=seed)
        return f"{row.chain_no}\t{row.sha256}"

    click.echo(in_unit_of_work(act))


@bulletin_commands.command("publish")
@click.argument("bulletin_id")
@click.option("--by", required=True, help="Your name: not of who made or froze it.")
@says_why
def publish(bulletin_id: str, by: str) -> None:
    """Approve and publish a frozen bulletin."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.bulletins import publish_bulletin

    with unit_of_work() as work:
        publish_bulletin(work, bulletin_id, by=operator_named(by), now=clock.now())
    click.echo(f"/bulletins/{bulletin_id}")


@bulletin_commands.command("list")
@says_why
def list_command() -> None:
    """List bulletins, the newest first."""
    from app.persistence.queries.bulletins import page_bulletins
    from app.persistence.unit_of_work import reading

    with reading() as session:
        for row in page_bulletins(session, lender_id=None, limit=100):
            click.echo(f"{row.id}\t{row.state}\t{row.first_on}\t{row.last_on}\t{row.chain_no or ''}\t{row.sha256 or ''}")


@bulletin_commands.command("verify")
@click.argument("bulletin_id")
@says_why
def verify(bulletin_id: str) -> None:
    """Count a frozen bulletin anew, as it was known then, and say whether it is equal; exit 1 where it is not.

    What became known later is listed and is no difference: a correction would say it.
    """
    from app.persistence.queries.bulletins import get_bulletin
    from app.persistence.unit_of_work import reading
    from app.services.bulletin_checks import verify_bulletin
    from app.services.bulletin_signatures import public_key

    seed = current_app.config["SETTINGS"].bulletin_key
    with reading() as session:
        public = None if seed is None else public_key(seed)
        found = verify_bulletin(session, get_bulletin(session, bulletin_id), now=clock.now(), public=public)
    for each in found.differences:
        click.echo(f"differs: {each.key} {each.cell} {each.currency} frozen {each.frozen} counted {each.counted}")
    for each in found.later:
        click.echo(f"known later: {each.key} {each.cell} {each.currency} frozen {each.frozen} now {each.counted}")
    signed = {True: "signed", False: "WRONG SIGNATURE", None: "not signed"}[found.is_signed]
    click.echo(
        f"{'equal' if found.is_equal else 'DIFFERENT'}: {found.numbers} numbers, document "
        f"{'whole' if found.is_document_whole else 'CHANGED'}, chain {'whole' if found.is_chained else 'BROKEN'}, {signed}"
    )
    if not found.is_equal:
        raise SystemExit(1)


@bulletin_commands.command("drill")
@click.argument("bulletin_id")
@click.argument("key")
@click.option("--cell", help="Values of its dimensions, joined by |; * is all of one. Without: the total.")
@click.option("--currency", help="Of amounts.")
@click.option("--by", required=True, help="Your name.")
@says_why
def drill(bulletin_id: str, key: str, cell: str | None, currency: str | None, by: str) -> None:
    """Print the rows behind a number as CSV; it is written down who read them."""
    from app.persistence.queries.bulletins import get_bulletin
    from app.persistence.unit_of_work import unit_of_work
    from app.services.bulletin_drills import drill_of, export_csv

    with unit_of_work() as work:
        row = get_bulletin(work.session, bulletin_id)
        text = export_csv(work, row, drill_of(key, cell, currency), lender_id=None, by=operator_named(by), now=clock.now())
    click.echo(text, nl=False)


def _lender_id(code: str | None) -> str | None:
    from app.persistence.queries.lenders import find_lender
    from app.persistence.unit_of_work import reading

    if code is None:
        return None
    with reading() as session:
        lender = find_lender(session, code)
        if lender is None:
            raise click.ClickException(f"There is no lender {code}.")
        return lender.id
