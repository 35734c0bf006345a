"""flask task: what waits for a person."""

import click
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

task_commands = AppGroup("task", help="Tasks for people: by queue, oldest first.")


@task_commands.command("list")
@click.option("--queue", help="Only this queue.")
@click.option("--state", default="open", show_default=True, type=click.Choice(["open", "done", "cancelled"]))
@click.option("--borrower", "borrower_no", help="Only of this borrower.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
def list_command(queue: str | None, state: str, borrower_no: str | None, limit: int) -> None:
    """List tasks: id, queue, kind, borrower, loan, due, rule, state."""
    from app.domain.times import rfc3339
    from app.persistence.queries.tasks import page_tasks
    from app.persistence.unit_of_work import reading

    with reading() as session:
        for row in page_tasks(session, queue=queue, state=state, borrower_no=borrower_no, limit=limit):
            due = row.due_on.isoformat() if row.due_on else rfc3339(row.due_at) if row.due_at else "-"
            late = " LATE" if row.breach else ""
            click.echo(
                "\t".join(
                    [
                        row.id,
                        row.queue,
                        row.kind,
                        row.borrower_no,
                        row.loan_no or "-",
                        due + late,
                        row.rule or "-",
                        row.state,
                    ]
                )
            )


@task_commands.command("close")
@click.argument("task_id")
@click.option("--reason", required=True, help="In a few words: what was done, or why nothing is to do.")
@click.option("--cancelled", is_flag=True, help="It was not done; default: it was.")
@click.option("--by", required=True, help="Your name, for the audit trail.")
@says_why
def close(task_id: str, reason: str, cancelled: bool, by: str) -> None:
    """Close a task. Closing it the same way twice changes nothing."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.tasks import close_task

    outcome = "cancelled" if cancelled else "done"
    with unit_of_work() as work:
        row = close_task(work, task_id, outcome=outcome, reason=reason, by=operator_named(by), now=clock.now())
        click.echo(f"Task {row.id} is {row.state}, by {row.closed_by}.")
