"""flask collateral: pledged things, one of them, and the orders of law by which a sale is divided."""

import click
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

collateral_commands = AppGroup("collateral", help="Things pledged to loans: where they stand, what they cost.")


@collateral_commands.command("list")
@click.argument("lender")
@click.option("--state", help="Only in this state: pledged, in_custody ...")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@says_why
def list_things(lender: str, state: str | None, limit: int) -> None:
    """List a lender's pledged things: number, kind, state, since, days in custody, open costs, loans. Plates are masked."""
    from app.domain.collateral_events import ThingState
    from app.domain.errors import ValidationError
    from app.domain.money import Money
    from app.persistence.db import vault
    from app.persistence.queries.collateral import page_things
    from app.persistence.unit_of_work import reading
    from app.services.collateral_pages import listed_things

    if state is not None and state not in tuple(ThingState):
        raise ValidationError(f"--state is not one of {', '.join(ThingState)}.")
    with reading() as session:
        rows = page_things(session, _lender_id(session, lender), state=state, limit=limit)
        shown = listed_things(session, vault(), rows, now=clock.now())
    for each in shown:
        costs = Money(each.costs_minor, each.currency)
        columns = [
            each.reference, each.kind, each.state, each.state_on.isoformat(), str(each.days_in_custody or "-"),
            f"{costs.to_decimal()} {costs.currency}", ", ".join(each.loan_nos) or "-", each.plate or "-", each.vin or "-",
        ]  # fmt: skip
        click.echo("\t".join(columns))
    click.echo(f"{len(shown)} things.")


@collateral_commands.command("show")
@click.argument("lender")
@click.argument("thing")
@says_why
def show(lender: str, thing: str) -> None:
    """Show what happened to a thing and what it takes to get it back today. That it was shown stands in the audit trail."""
    from app.domain.errors import NotFoundError
    from app.domain.money import Money
    from app.persistence.queries.collateral import find_things
    from app.persistence.unit_of_work import unit_of_work
    from app.services.collateral_pages import open_thing
    from app.services.collateral_redemptions import redemption_on

    now = clock.now()
    with unit_of_work() as work:
        lender_id = _lender_id(work.session, lender)
        row = find_things(work.session, lender_id, [thing]).get(thing)
        if row is None:
            raise NotFoundError(f"There is no pledged thing {thing}.")
        page = open_thing(work, row.id, lender_id=lender_id, by="operator", now=now)
        needed = redemption_on(work.session, row, None, now=now) if row.state == "in_custody" else None
    click.echo(f"{page.thing.reference}\t{page.thing.state}\tsince {page.thing.state_on}")
    for event in reversed(page.events):
        amount = "-" if event.amount_minor is None else str(Money(event.amount_minor, page.currency).to_decimal())
        undone = "" if event.is_standing or event.reverses_id else " (taken back)"
        columns = [event.effective_on.isoformat(), event.kind + undone, event.cost_kind or "-", amount, event.by]
        click.echo("\t".join(columns))
    if needed is not None:
        total = Money(needed.total_minor, needed.currency)
        basis, source, grade = needed.order.redemption, needed.order.redemption_source, needed.order.redemption_grade
        click.echo(f"To get it back today: {total.to_decimal()} {total.currency} ({basis}; {source} [{grade}])")


@collateral_commands.command("orders")
def orders_command() -> None:
    """List the orders of law by which proceeds are divided, each with its source and how well that was read (P, R, U, H)."""
    from app.services.collateral_orders import orders

    for order in orders().values():
        steps = " > ".join([*order.steps, "borrower"])
        click.echo(f"{order.jurisdiction or 'elsewhere'}\t{order.name}\t{steps}\t{order.source} [{order.grade}]")


def _lender_id(session: object, code: str) -> str:
    from app.domain.errors import NotFoundError
    from app.persistence.queries.lenders import find_lender

    row = find_lender(session, code)  # type: ignore[arg-type]
    if row is None:
        raise NotFoundError(f"There is no lender {code!r}.")
    return row.id
