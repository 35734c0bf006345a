"""flask credit: months of credit reports frozen, checked and made into files; bureaus; corrections."""

import gc
import os
from datetime import date
from pathlib import Path

import click
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

credit_commands = AppGroup("credit", help="Credit reports: freeze a month, check it, make its file, put right.")
_by = click.option("--by", required=True, help="Your name, for the audit trail.")
_lender = click.option("--lender", required=True, help="The lender's code.")
_bureau = click.option("--bureau", required=True, help="The bureau's short name, as it was enabled.")


@credit_commands.command("snapshot")
@_lender
@_bureau
@click.option("--as-of", "as_of", required=True, type=click.DateTime(["%Y-%m-%d"]), help="A month's last day.")
@_by
@says_why
def snapshot_command(lender: str, bureau: str, as_of: object, by: str) -> None:
    """Freeze a month. Killed and called again, it goes on; called once it is frozen, it changes nothing."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.credit_snapshots import begin_snapshot, freeze_page

    day = date.fromisoformat(str(as_of)[:10])
    with unit_of_work() as work:
        lender_id = _lender_id(work, lender)
        snapshot_id = begin_snapshot(work, lender_id, bureau, day, by=operator_named(by), now=clock.now())
    gc.collect()
    gc.freeze()  # the program itself is walked over no more: a fifth of the time, for a million loans
    more = True
    while more:
        with unit_of_work() as work:
            more = freeze_page(work, snapshot_id, now=clock.now())
    _tell(snapshot_id)


@credit_commands.command("enrol")
@_lender
@click.option("--kind", type=click.Choice(["positive", "negative"]), default="positive", help="As what they are reported.")
@_by
@says_why
def enrol_command(lender: str, kind: str, by: str) -> None:
    """Enrol every loan of a lender that may be, a page at a time; killed and called again, it goes on."""
    from collections import Counter

    from app.persistence.unit_of_work import unit_of_work
    from app.services.credit_reporting import enrol_page

    told: Counter[str] = Counter()
    after: str | None = None
    with unit_of_work() as work:
        lender_id = _lender_id(work, lender)
    while True:
        with unit_of_work() as work:
            page = enrol_page(work, lender_id, kind=kind, by=operator_named(by), now=clock.now(), after=after)
        told.update(reason or "enrolled" for reason in page.answers.values())
        if page.last is None:
            break
        after = page.last
    for answer, count in sorted(told.items()):
        click.echo(f"{answer}: {count}")
    click.echo(f"{sum(told.values())} loans were asked about.")


@credit_commands.command("show")
@click.argument("snapshot_id")
@says_why
def show_command(snapshot_id: str) -> None:
    """Say what a snapshot came to: counts by status, by reason, by mark."""
    _tell(snapshot_id)


@credit_commands.command("approve")
@click.argument("snapshot_id")
@_by
@says_why
def approve_command(snapshot_id: str, by: str) -> None:
    """Approve a snapshot that somebody else had made; then its file may be."""
    from app.persistence.queries.credit_snapshots import load_snapshot
    from app.persistence.unit_of_work import unit_of_work
    from app.services.credit_files import decide_snapshot

    with unit_of_work() as work:
        row = load_snapshot(work.session, snapshot_id)
        decide_snapshot(work, row.lender_id, snapshot_id, approve=True, by=operator_named(by), now=clock.now())
    click.echo(f"Snapshot {snapshot_id} is approved.")


@credit_commands.command("file")
@click.argument("snapshot_id", required=False)
@click.option("--corrections", is_flag=True, help="Of corrections that were approved, with --lender and --bureau.")
@click.option("--deletions", is_flag=True, help="Of deletions that were approved, with --lender and --bureau.")
@click.option("--lender", help="The lender's code.")
@click.option("--bureau", help="The bureau's short name.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where the file is written.")
@_by
@says_why
def file_command(
    snapshot_id: str | None, corrections: bool, deletions: bool, lender: str | None, bureau: str | None, out: Path, by: str
) -> None:
    """Write the file of an approved snapshot; every gate is asked again. It holds personal data: only its owner reads it."""
    from app.persistence.queries.credit_snapshots import load_snapshot
    from app.persistence.unit_of_work import unit_of_work
    from app.services.credit_correction_files import make_correction_file
    from app.services.credit_files import make_file

    if sum((snapshot_id is not None, corrections, deletions)) != 1:
        raise click.UsageError("Name a snapshot, or say --corrections or --deletions.")
    if snapshot_id is None and not (lender and bureau):
        raise click.UsageError("Name --lender and --bureau.")
    part = out.with_name(f"{out.name}.part")
    with unit_of_work() as work:
        lender_id = load_snapshot(work.session, snapshot_id).lender_id if snapshot_id else _lender_id(work, lender or "")
    try:
        with open(part, "wb", opener=_private) as sink:
            if snapshot_id is not None:
                made = make_file(lender_id, snapshot_id, sink, by=operator_named(by), clock=clock.now)
            else:
                kind = "deletion" if deletions else "correction"
                made = make_correction_file(lender_id, bureau or "", sink, by=operator_named(by), clock=clock.now, kind=kind)
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{out}: {made.records} accounts, {made.omitted} left out, sha256 {made.sha256}")


@credit_commands.command("submitted")
@click.argument("snapshot_id")
@click.option("--reference", help="The bureau's own number of the file.")
@_by
@says_why
def submitted_command(snapshot_id: str, reference: str | None, by: str) -> None:
    """Say that the file was handed in."""
    from app.persistence.queries.credit_snapshots import load_snapshot
    from app.persistence.unit_of_work import unit_of_work
    from app.services.credit_files import submit_snapshot

    with unit_of_work() as work:
        lender_id = load_snapshot(work.session, snapshot_id).lender_id
    submit_snapshot(lender_id, snapshot_id, reference=reference, by=operator_named(by), now=clock.now())
    click.echo(f"Snapshot {snapshot_id} was handed in.")


@credit_commands.command("check")
@click.argument("snapshot_id")
@says_why
def check_command(snapshot_id: str) -> None:
    """Work the chain of a snapshot out again from its rows; exit 1 where it is not the one that was kept."""
    from app.persistence.unit_of_work import reading
    from app.services.credit_checks import check_chain

    with reading() as session:
        found = check_chain(session, snapshot_id)
    click.echo(f"{found.rows} rows, chain {found.chain}: {'as it was kept' if found.is_whole else 'NOT as it was kept'}")
    if not found.is_whole:
        raise SystemExit(1)


@credit_commands.command("corrections")
@_lender
@click.option("--look", is_flag=True, help="Look for what is to be put right first.")
@says_why
def corrections_command(lender: str, look: bool) -> None:
    """List corrections and deletions that wait or were approved."""
    from app.persistence.queries.credit_corrections import find_corrections
    from app.persistence.unit_of_work import reading, unit_of_work
    from app.services.credit_chores import look_after_reports

    if look:
        look_after_reports(now=clock.now())
    with unit_of_work() as work:
        lender_id = _lender_id(work, lender)
    with reading() as session:
        rows = find_corrections(session, lender_id=lender_id, states=("proposed", "approved"))
        for row in rows:
            click.echo(f"{row.id}  {row.loan_no}  {row.bureau}  {row.kind} {row.code}  {row.reason}  {row.state}")
    click.echo(f"{len(rows)} wait.")


def _lender_id(work: object, code: str) -> str:
    from app.domain.errors import NotFoundError
    from app.persistence.queries.lenders import find_lender
    from app.persistence.unit_of_work import Work

    assert isinstance(work, Work)
    row = find_lender(work.session, code)
    if row is None:
        raise NotFoundError(f"There is no lender {code!r}.")
    return row.id


def _tell(snapshot_id: str) -> None:
    from app.persistence.queries.credit_snapshots import load_snapshot
    from app.persistence.unit_of_work import unit_of_work

    with unit_of_work() as work:
        row = load_snapshot(work.session, snapshot_id)
        counts = row.counts
        click.echo(f"Snapshot {row.id} of {row.as_of} for {row.bureau} ({row.format}): {row.state}")
        click.echo(f"  furnished {counts.get('furnished', 0)}, withheld {counts.get('withheld', 0)}")
        for name in ("by_kind", "by_status", "by_reason", "by_mark"):
            for code, count in sorted(counts.get(name, {}).items()):
                click.echo(f"  {name.removeprefix('by_')} {code}: {count}")


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner reads, also one that somebody left there before; nothing is written through a link."""
    opened = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(opened, 0o600)
    except OSError:
        os.close(opened)
        raise
    return opened
