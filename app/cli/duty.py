"""flask duty: duties of the law, what is due and what was missed."""

from datetime import datetime
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.persistence.models.loans import LoanRow
    from app.persistence.unit_of_work import Work

duty_commands = AppGroup("duty", help="Duties of the law: dated, with what is missing; missed ones first.")


@duty_commands.command("rules")
@click.option("--lender", help="Code of the lender; default: all.")
@says_why
def rules_command(lender: str | None) -> None:
    """List the rules by which something is open: rule, open, missed, first last day, alarm, paragraph, evidence."""
    from app.persistence.unit_of_work import reading
    from app.services.duty_lists import by_rule
    from app.services.lenders import get_lender

    with reading() as session:
        for each in by_rule(session, get_lender(session, lender).id if lender else None):
            paragraph = "-" if each.rule is None else f"{each.rule.source} [{each.rule.evidence}]"
            first = "-" if each.first_due_on is None else each.first_due_on.isoformat()
            alarm = f"{each.days_ahead} days ahead"
            click.echo("\t".join([each.rule_id or "-", str(each.open), str(each.missed), first, alarm, paragraph]))


@duty_commands.command("stops")
@click.argument("loan_no")
@click.option("--lender", required=True, help="Code of the lender.")
@says_why
def stops_command(loan_no: str, lender: str) -> None:
    """List what was ever known of a loan's stops of interest: id, from, until, scope, rule, known from, until, reason."""
    from app.domain.times import rfc3339
    from app.persistence.queries.interest_stops import find_stops
    from app.persistence.queries.loans import find_loans_numbered
    from app.persistence.unit_of_work import reading
    from app.services.lenders import get_lender

    with reading() as session:
        loans = find_loans_numbered(session, get_lender(session, lender).id, [loan_no])
        if not loans:
            raise click.ClickException(f"There is no loan {loan_no!r} of {lender}.")
        for row in find_stops(session, [loans[0].id])[loans[0].id]:
            until = "-" if row.until_on is None else row.until_on.isoformat()
            replaced = "-" if row.replaced_at is None else rfc3339(row.replaced_at)
            columns = [
                row.stop_id,
                row.from_on.isoformat(),
                until,
                row.scope,
                row.rule,
                rfc3339(row.recorded_at),
                replaced,
                row.reason,
            ]
            click.echo("\t".join(columns))


@duty_commands.command("list")
@click.option("--overdue", is_flag=True, help="Only those that were missed.")
@click.option("--borrower", "borrower_no", help="Only of this borrower.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@says_why
def list_command(overdue: bool, borrower_no: str | None, limit: int) -> None:
    """List open duties, missed ones first: due, kind, borrower, loan, rule, missing, paragraph, how well it was read."""
    from app.domain.times import rfc3339
    from app.persistence.queries.tasks import page_duties
    from app.persistence.unit_of_work import reading
    from app.services.duties import QUEUE
    from app.services.law_packs import find_rule

    with reading() as session:
        for row in page_duties(session, queue=QUEUE, overdue=overdue, borrower_no=borrower_no, limit=limit):
            due = row.due_on.isoformat() if row.due_on else rfc3339(row.due_at) if row.due_at else "-"
            rule = find_rule(row.rule) if row.rule else None
            paragraph = "-" if rule is None else rule.source + (" [recalled, unverified]" if rule.is_recalled else "")
            missing = ", ".join(row.facts.get("missing", ())) or "-"
            late = " MISSED" if row.breach else ""
            columns = [due + late, row.kind, row.borrower_no, row.loan_no or "-", row.rule or "-", missing, paragraph]
            click.echo("\t".join(columns))


@duty_commands.command("check")
@click.argument("borrower_no")
@says_why
def check(borrower_no: str) -> None:
    """Look at one borrower's duties now, bring the tasks up to them, and tell them."""
    from app.domain.times import rfc3339
    from app.persistence.queries.agenda import lock_agenda
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import unit_of_work
    from app.services.duties import duties_at, look
    from app.services.law_facts import load_loan_laws

    now = clock.now()
    with unit_of_work() as work:
        borrower_id = get_borrower_id(work.session, borrower_no)
        lock_agenda(work.session, [borrower_id])
        looked = look(work, [borrower_id], now=now)
        standing = duties_at(load_loan_laws(work.session, [borrower_id], now), now)
        for each in standing:
            duty = each.duty
            due = duty.due_on.isoformat() if duty.due_on else rfc3339(duty.due_at) if duty.due_at else "no date"
            state = "MISSED" if duty.breach else "due"
            missing = ", ".join(duty.missing) or "-"
            click.echo("\t".join([state, due, duty.kind, each.loan.loan.loan_no, duty.rule, missing]))
    click.echo(f"{len(standing)} stand; tasks made {looked.made}, newly missed {looked.missed}, closed {looked.closed}.")


_DAY = click.DateTime(["%Y-%m-%d"])


@duty_commands.command("stop")
@click.argument("loan_no")
@click.option("--lender", required=True, help="Code of the lender.")
@click.option("--from", "from_on", required=True, type=_DAY, help="First day that bears no interest.")
@click.option("--until", "until_on", type=_DAY, help="First day that bears interest again; default: none yet.")
@click.option("--rule", required=True, help="The rule of law that asks for it.")
@click.option("--reason", required=True, help="Why, for whoever examines it.")
@click.option("--interest-only", is_flag=True, help="Charges for lateness are owed all the same.")
@click.option("--by", required=True, help="Who says so.")
@says_why
def stop_command(
    loan_no: str,
    lender: str,
    from_on: datetime,
    until_on: datetime | None,
    rule: str,
    reason: str,
    interest_only: bool,
    by: str,
) -> None:
    """Stop interest on a loan by hand; print the stop's id."""
    from app.domain.stops import INTEREST, INTEREST_AND_CHARGES
    from app.persistence.unit_of_work import unit_of_work
    from app.services.interest_stops import put_stop

    with unit_of_work() as work:
        stop_id = put_stop(
            work,
            _loan(work, lender, loan_no),
            from_on=from_on.date(),
            until_on=None if until_on is None else until_on.date(),
            scope=INTEREST if interest_only else INTEREST_AND_CHARGES,
            rule=rule,
            reason=reason,
            by=by,
            now=clock.now(),
        )
    click.echo(stop_id)


@duty_commands.command("end-stop")
@click.argument("loan_no")
@click.argument("stop_id")
@click.option("--lender", required=True, help="Code of the lender.")
@click.option("--until", "until_on", type=_DAY, help="First day that bears interest again; without it the stop never was.")
@click.option("--by", required=True, help="Who says so.")
@says_why
def end_stop_command(loan_no: str, stop_id: str, lender: str, until_on: datetime | None, by: str) -> None:
    """End a stop of interest; without --until take it back, which owes the interest again."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.interest_stops import end_stop, withdraw_stop

    with unit_of_work() as work:
        loan = _loan(work, lender, loan_no)
        if until_on is None:
            withdraw_stop(work, loan, stop_id, by=by, now=clock.now())
        else:
            end_stop(work, loan, stop_id, until_on=until_on.date(), by=by, now=clock.now())
    click.echo("done")


def _loan(work: "Work", lender: str, loan_no: str) -> "LoanRow":
    from app.persistence.queries.loans import find_loans_numbered
    from app.services.lenders import get_lender

    loans = find_loans_numbered(work.session, get_lender(work, lender).id, [loan_no])
    if not loans:
        raise click.ClickException(f"There is no loan {loan_no!r} of {lender}.")
    return loans[0]
