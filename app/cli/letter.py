"""flask letter: letters as they would be posted, batches of them, their documents, and what became of them."""

import json
import sys
from pathlib import Path

import click
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

letter_commands = AppGroup("letter", help="Letters: look at them, make them in batches, hand out their documents.")
_by = click.option("--by", required=True, help="Your name, for the audit trail.")


@letter_commands.command("preview")
@click.option("--message", "message_id", help="Of a letter that waits to leave.")
@click.option("--task", "task_id", help="Of a letter that waits for approval.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where the PDF is written.")
@says_why
def preview_command(message_id: str | None, task_id: str | None, out: Path) -> None:
    """Write a letter as it would be posted now; nothing is kept."""
    from app.persistence.db import db
    from app.persistence.unit_of_work import unit_of_work
    from app.services.letter_approvals import preview_task
    from app.services.letters import preview

    if (message_id is None) == (task_id is None):
        raise click.UsageError("Name either --message or --task.")
    pdf = b""
    try:
        with unit_of_work() as work:
            pdf = preview(work, message_id).pdf if message_id else preview_task(work, task_id or "", now=clock.now())
            raise _LookedAt
    except _LookedAt:
        db.session.remove()
    out.write_bytes(pdf)
    click.echo(f"{out}: {len(pdf)} bytes")


class _LookedAt(Exception):
    """Rolls back what was made to be looked at."""


@letter_commands.command("approve")
@click.argument("task_id")
@_by
@says_why
def approve_command(task_id: str, by: str) -> None:
    """Approve the letter of a task: it is made, kept, and leaves. Approving it twice sends it once."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.letter_approvals import approve

    with unit_of_work() as work:
        made = approve(work, task_id, by=operator_named(by), now=clock.now())
    click.echo(f"Letter {made.letter_id} of {made.pages} pages leaves as message {made.message_id}.")


@letter_commands.command("batch")
@click.option("--name", help="Begin a batch of all letters that wait.")
@click.option("--continue", "batch_id", help="Go on with a batch: after a kill, or as another worker.")
@click.option("--stop", "stop_id", help="Have nothing more made for a batch.")
@_by
@says_why
def batch_command(name: str | None, batch_id: str | None, stop_id: str | None, by: str) -> None:
    """Make the documents of letters that wait. They leave through the outbox, as they would without a batch."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services import letter_batches

    if sum(each is not None for each in (name, batch_id, stop_id)) != 1:
        raise click.UsageError("Name one of --name, --continue, --stop.")
    operator = operator_named(by)
    if stop_id is not None:
        with unit_of_work() as work:
            letter_batches.stop_batch(work, stop_id, by=operator, now=clock.now())
        click.echo(f"Batch {stop_id} is stopped.")
        return
    if name is not None:
        with unit_of_work() as work:
            batch_id = letter_batches.begin_batch(work, name, by=operator, now=clock.now())
        click.echo(f"Batch {batch_id}")
    assert batch_id is not None
    shows = sys.stderr.isatty()

    def tell(progress: letter_batches.Progress) -> None:
        if shows:
            click.echo(f"\r{progress.made + progress.failed} of {progress.total}", nl=False, err=True)

    done = letter_batches.run_batch(batch_id, clock=clock.now, told=tell)
    if shows:
        click.echo("", err=True)
    click.echo(f"{done.state}: {done.made} made, {done.failed} refused, of {done.total}")


@letter_commands.command("status")
@click.argument("batch_id", required=False)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many batches at most.")
@says_why
def status_command(batch_id: str | None, limit: int) -> None:
    """Show batches, newest first, or one batch with where its letters are."""
    from app.persistence.queries.letters import count_by_state, page_batches
    from app.persistence.unit_of_work import reading
    from app.services.letter_batches import progress_of

    if batch_id is not None:
        batch = progress_of(batch_id)
        click.echo(f"{batch.name}\t{batch.state}\t{batch.made} made\t{batch.failed} refused\tof {batch.total}")
    with reading() as session:
        if batch_id is None:
            for row in page_batches(session, limit=limit):
                click.echo(f"{row.id}\t{row.name}\t{row.state}\t{row.made} made\t{row.failed} refused\tof {row.total}")
        for state, count in sorted(count_by_state(session, batch_id).items()):
            click.echo(f"{state}\t{count}")


@letter_commands.command("show")
@click.argument("letter_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the PDF as it was made.")
@says_why
def show_command(letter_id: str, out: Path | None) -> None:
    """Show a letter by its id or its message's: what it is, its hash, where it is."""
    from app.domain.times import rfc3339
    from app.persistence.queries.letters import get_letter
    from app.persistence.unit_of_work import unit_of_work
    from app.services.letters import pdf_of

    with unit_of_work() as work:
        row = get_letter(work.session, letter_id)
        pdf = pdf_of(work, row)
        for name in ("id", "message_id", "batch_id", "template", "locale", "jurisdiction", "pages", "sha256", "state"):
            click.echo(f"{name}\t{getattr(row, name) or '-'}")
        click.echo(f"created_at\t{rfc3339(row.created_at)}\nchanged_at\t{rfc3339(row.changed_at)}")
    if out is not None:
        out.write_bytes(pdf)


@letter_commands.command("export")
@click.argument("batch_id")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="A folder.")
@says_why
def export_command(batch_id: str, folder: Path) -> None:
    """Write a batch's documents and a manifest with their hashes. They count as looked at, not as sent."""
    from app.services.letter_batches import iterate_documents

    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with (folder / "manifest.jsonl").open("w", encoding="utf-8") as manifest:
        for entry, pdf in iterate_documents(batch_id):
            name = f"{entry['message_id']}.pdf"
            (folder / name).write_bytes(pdf)
            manifest.write(json.dumps({**entry, "file": name}, sort_keys=True) + "\n")
            count += 1
    click.echo(f"{count} letters in {folder}")
