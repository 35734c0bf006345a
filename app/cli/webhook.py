"""flask webhook: where lenders are told what happens, and telling them again."""

import click
from flask import current_app
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

webhook_commands = AppGroup("webhook", help="Webhook endpoints of lenders: how they stand, and sending again.")


@webhook_commands.command("list")
@click.option("--lender", help="Code of a lender; default: all.")
def list_all(lender: str | None) -> None:
    """List endpoints, how they stand, and how many deliveries wait and failed; exit 1 if one fails or answered 410."""
    from app.persistence.queries.webhooks import list_endpoints
    from app.persistence.unit_of_work import reading

    with reading() as session:
        rows = [row for row in list_endpoints(session) if lender in (None, row.lender)]
    for row in rows:
        why = f" ({row.state_reason})" if row.state_reason else ""
        types = ", ".join(row.types) or "all events"
        waits = f"waiting {row.pending}, failed {row.failed}"
        click.echo(f"{row.lender} {row.name} {row.state}{why}: {row.url}; {types}; {waits}")
    if not rows:
        click.echo("There are no webhook endpoints.")
    if any(row.state == "failing" or row.state_reason == "gone" for row in rows):
        raise SystemExit(1)


@webhook_commands.command("replay")
@click.argument("lender")
@click.argument("name")
@click.option("--since", required=True, help="RFC 3339, inclusive.")
@click.option("--until", help="RFC 3339, exclusive; default: now.")
@click.option("--type", "types", multiple=True, help="Only this type, or noun.*; may be given several times.")
@click.option("--by", required=True, help="Your name, for the audit trail.")
@says_why
def replay(lender: str, name: str, since: str, until: str | None, types: tuple[str, ...], by: str) -> None:
    """Tell an endpoint again of all events in a stretch of time."""
    from datetime import timedelta

    from app.domain.times import parse_instant
    from app.persistence.queries.lenders import find_lender
    from app.persistence.unit_of_work import unit_of_work
    from app.services.webhooks import Owner, replay_between

    now = clock.now()
    with unit_of_work() as work:
        row = find_lender(work.session, lender)
        if row is None:
            raise click.ClickException(f"There is no lender {lender!r}.")
        owner = Owner(row.id, operator_named(by), current_app.extensions["duecourse.webhook_rules"])
        end = parse_instant(until) if until else now + timedelta(microseconds=1)
        count = replay_between(work, owner, name, since=parse_instant(since), until=end, types=types, now=now)
    click.echo(f"{count} deliveries to {name} are on their way.")
