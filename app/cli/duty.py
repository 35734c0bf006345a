"""flask duty: duties of the law, what is due and what was missed."""

import click
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

duty_commands = AppGroup("duty", help="Duties of the law: dated, with what is missing; missed ones first.")


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
