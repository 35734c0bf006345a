"""flask payments: money at payment providers held against the ledger."""

from datetime import datetime, timedelta
from pathlib import Path

import click
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why
from app.domain.payment_reconciliation import Difference, Total

payment_commands = AppGroup("payments", help="Money at payment providers: held against the ledger.")


@payment_commands.command("reconcile")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day, by each loan's calendar; yesterday.")
@click.option("--lender", "lender_code", help="Only this lender's.")
@click.option("--report", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A payout report, CSV.")
@click.option("--provider", help="Whose report it is.")
@click.pass_context
@says_why
def reconcile_command(
    context: click.Context, on: datetime | None, lender_code: str | None, report: Path | None, provider: str | None
) -> None:
    """Compare a day of what providers told with the ledger, or a payout report with what they told. Exit 1: they differ.

    A report has the columns reference, kind (payment, refund), amount, currency, paid_on.
    """
    from app.persistence.unit_of_work import reading
    from app.services.lenders import get_lender
    from app.services.payment_reconciliation import reconcile_day, reconcile_report

    if (report is None) != (provider is None):
        raise click.UsageError("--report and --provider go together: say whose report it is.")
    day = on.date() if on else clock.now().date() - timedelta(days=1)
    with reading() as session:
        lender_id = None if lender_code is None else get_lender(session, lender_code).id
        if report is not None and provider is not None:
            found = reconcile_report(session, report.read_text(encoding="utf-8-sig"), provider, lender_id=lender_id)
        else:
            found = reconcile_day(session, day, lender_id=lender_id)
    for total in found.totals:
        click.echo(_total(total))
    for each in found.differences:
        click.echo(_difference(each))
    what = str(report) if report is not None else day.isoformat()
    click.echo(f"{what}: equal." if found.is_equal else f"{what}: {len(found.differences)} difference(s).")
    if not found.is_equal:
        context.exit(1)


def _total(total: Total) -> str:
    counts = f"{total.theirs_count} there, {total.ours_count} here"
    return f"{total.provider}\t{total.currency}\t{total.theirs_minor}\t{total.ours_minor}\t{counts}"


def _difference(each: Difference) -> str:
    amounts = f"{_amount(each.theirs_minor)}\t{_amount(each.ours_minor)}"
    return f"{each.fault}\t{each.provider}\t{each.kind}\t{each.reference}\t{each.currency}\t{amounts}"


def _amount(minor: int | None) -> str:
    return "-" if minor is None else str(minor)
