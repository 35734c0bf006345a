"""flask book: files in, positions out, and whether the book is true."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.services.imports.reports import ImportReport

book_commands = AppGroup("book", help="The loan book: files in, positions out.")

_lender_option = click.option("--lender", help="Code of the lender; default: all.")
_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_SHOWN = 50


@book_commands.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--map", "map_name", required=True, help="A shipped map by name (see `book maps`), or a map file of your own.")
@click.option("--lender", help="Code of the lender; default: the map's own.")
@click.option("--force", is_flag=True, help="Take a tape older than the newest; it does not undo the newer one.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Business date of a file that does not say it itself.")
@click.option("--expect-rows", type=int, help="How many data rows the sender counted.")
@click.option("--expect-total", help="What the sender's amounts add up to, in major units.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@says_why
def import_command(
    path: Path,
    map_name: str,
    lender: str | None,
    force: bool,
    as_of: datetime | None,
    expect_rows: int | None,
    expect_total: str | None,
    as_json: bool,
) -> None:
    """Take a file in. Bad rows are listed and left out; a file that cannot be trusted is refused and changes nothing."""
    from app.services.imports.runs import Controls, import_file

    with _progress() as progress:
        report = import_file(
            path,
            map_name,
            now=clock.now(),
            lender_code=lender,
            force=force,
            controls=Controls(expect_rows, expect_total),
            as_of=as_of.date() if as_of else None,
            progress=progress,
        )
    click.echo(orjson.dumps(report.to_json()).decode() if as_json else _told(report))


@book_commands.command("maps")
def maps() -> None:
    """List the maps that come with the product."""
    from app.services.imports.maps import load_maps, shipped_maps

    for name in shipped_maps():
        for part in load_maps(name):
            click.echo(f"{part.name:35} {part.about}")


@book_commands.command("caps")
@click.option("--lender", required=True, help="Code of the lender.")
@says_why
def caps(lender: str) -> None:
    """Look caps of law up again that were not known when a loan came, in the table in use (DUECOURSE_LPR_FILE)."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.caps import look_up_caps
    from app.services.lenders import get_lender

    with unit_of_work() as work:
        done = look_up_caps(work, get_lender(work.session, lender), now=clock.now())
    click.echo(f"{done.unknown} loans had a cap that was not known; of {done.found} it is known now")


@book_commands.command("estimate")
@click.option("--lender", required=True, help="Code of the lender.")
@says_why
def estimate(lender: str) -> None:
    """Make plans of the terms of active loans that came without rows; they are marked estimated_plan."""
    from app.services.contracts import estimate_plans

    made = too_little_known = 0
    for page in estimate_plans(lender, now=clock.now()):
        made += page.made
        too_little_known += page.too_little_known
        for loan_no, why in page.refused.items():
            click.echo(f"{loan_no}\t{why}")
    click.echo(f"{made} plans estimated; of {too_little_known} loans too little is known to make one")


@book_commands.command("rows")
@_lender_option
@_json_option
@says_why
def rows(lender: str | None, as_json: bool) -> None:
    """Print the stored plan rows: loan, row_no, due_on, principal_minor, interest_minor, paid_on."""
    from app.persistence.db import session
    from app.services.book import rows_of

    _print(({"loan": row.loan_no} | dict(list(row._asdict().items())[1:]) for row in rows_of(session(), lender)), as_json)


@book_commands.command("positions")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The end of this business date.")
@click.option("--known-at", help="As it was known at this instant, e.g. 2026-11-23T09:00:00Z; default: as now known.")
@click.option(
    "--loans", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File of loan numbers, one a line."
)
@_lender_option
@_json_option
@says_why
def positions(as_of: datetime, known_at: str | None, loans: Path | None, lender: str | None, as_json: bool) -> None:
    """Print what is owed on each loan."""
    from app.domain.times import parse_instant
    from app.persistence.db import session
    from app.services.book import positions_on

    numbers = None
    if loans is not None:
        try:
            numbers = [line.strip() for line in loans.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        except UnicodeDecodeError:
            raise click.ClickException(f"{loans} is not UTF-8 text.") from None
    found = positions_on(
        session(),
        as_of.date(),
        known_at=parse_instant(known_at) if known_at else None,
        lender_code=lender,
        loan_nos=numbers,
    )
    _print(
        (
            {
                "loan": each.loan_no,
                "as_of": each.position.as_of,
                "currency": each.currency,
                "outstanding_minor": each.position.outstanding_minor,
                "principal_outstanding_minor": each.position.principal_outstanding_minor,
                "overdue_minor": each.position.overdue_minor,
                "overdue_principal_minor": each.position.overdue_principal_minor,
                "days_past_due": each.position.days_past_due,
                "bucket": each.position.bucket,
                "next_due_on": each.position.next_due_on,
                "next_due_minor": each.position.next_due_minor,
            }
            for each in found
        ),
        as_json,
    )


@book_commands.command("verify")
def verify() -> None:
    """Compute every snapshot and allocation again from the ledger. Exit code 1 when one differs."""
    from app.persistence.db import session
    from app.services.book import differences

    count = 0
    for loan_no, difference in differences(session()):
        count += 1
        click.echo(f"{loan_no}\t{difference.what} differs")
    click.echo(f"{count} differences")
    sys.exit(1 if count else 0)


@book_commands.command("unmatched")
@_lender_option
@_json_option
@says_why
def unmatched(lender: str | None, as_json: bool) -> None:
    """List payments that wait: for their loan, for the payment they reverse, because a plan file told of them, or because
    they give back or give up more than our book knows of.
    """
    from app.domain.times import rfc3339
    from app.persistence.db import session
    from app.persistence.queries.ledger import page_unmatched
    from app.services.lenders import get_lender

    lender_id = get_lender(session(), lender).id if lender else None

    def found() -> Iterator[dict[str, Any]]:
        after = ""
        while page := page_unmatched(session(), lender_id=lender_id, after=after):
            for row in page:
                yield {
                    "reference": row.reference,
                    "loan": row.loan_no,
                    "reason": row.reason,
                    "amount_minor": row.payload["amount_minor"],
                    "currency": row.payload["currency"],
                    "effective_on": row.payload["effective_on"],
                    "received_at": rfc3339(row.received_at),
                }
            after = page[-1].id

    _print(found(), as_json)


@book_commands.command("mismatches")
@_lender_option
@click.option("--kind", "kinds", multiple=True, help="principal_balance, outstanding, overdue, days_past_due; default: all.")
@click.option("--tolerance-minor", type=click.IntRange(0), default=0, help="Minor units two amounts may lie apart.")
@_json_option
@says_why
def mismatches_command(lender: str | None, kinds: tuple[str, ...], tolerance_minor: int, as_json: bool) -> None:
    """List where the core's newest tape differs from our book, a figure a line."""
    from app.domain.mismatches import KINDS, MismatchPolicy
    from app.persistence.db import session
    from app.services.mismatches import mismatches

    unknown = next((kind for kind in kinds if kind not in KINDS), None)
    if unknown is not None:
        raise click.ClickException(f"{unknown!r} is not one of {', '.join(KINDS)}.")
    found = mismatches(session(), lender, kinds=kinds or KINDS, policy=MismatchPolicy(tolerance_minor))
    _print(
        (
            {
                "loan": each.loan_no,
                "as_of": each.as_of,
                "kind": each.mismatch.kind,
                "core": each.mismatch.core,
                "ours": each.mismatch.ours,
                "difference": each.mismatch.difference,
                "currency": each.currency,
                "waits_for_core": each.waits_for_core,
            }
            for each in found
        ),
        as_json,
    )


@book_commands.command("standing-orders")
@click.option("--lender", required=True, help="Code of the lender.")
@_json_option
@says_why
def standing_orders(lender: str, as_json: bool) -> None:
    """List standing orders with the loan of their account and how far each is from its instalment."""
    from app.persistence.db import session
    from app.services.lenders import get_lender
    from app.services.loan_accounts import standing_orders_of

    _print(
        (
            {
                "reference": each.reference,
                "account": each.account_no,
                "loan": each.loan_no,
                "amount_minor": each.amount_minor,
                "instalment_minor": (each.contract or {}).get("instalment_minor"),
                "currency": each.currency,
            }
            for each in standing_orders_of(session(), get_lender(session(), lender).id)
        ),
        as_json,
    )


@book_commands.command("without-contacts")
@_json_option
def without_contacts(as_json: bool) -> None:
    """List borrowers with neither phone nor e-mail: nobody can reach them."""
    from app.persistence.db import session
    from app.persistence.queries.borrowers import page_without_contacts

    def found() -> Iterator[dict[str, Any]]:
        after = ""
        while page := page_without_contacts(session(), after=after):
            yield from ({"borrower_no": borrower_no} for borrower_no, _ in page)
            after = page[-1][0]

    _print(found(), as_json)


@book_commands.command("adjustments")
@_lender_option
@_json_option
@says_why
def adjustments(lender: str | None, as_json: bool) -> None:
    """List what sources' own balances leave unexplained, booked as source adjustments."""
    from app.persistence.db import session
    from app.persistence.queries.ledger import find_adjustments
    from app.services.book import loans_of

    _print(
        (
            {
                "loan": loan_no,
                "reference": row.reference,
                "effective_on": row.effective_on,
                "amount_minor": row.amount_minor,
                "currency": row.currency,
            }
            for page in loans_of(session(), lender)
            for loan_no, row in find_adjustments(session(), {loan.id: loan.loan_no for loan in page})
        ),
        as_json,
    )


def _print(found: Iterator[dict[str, Any]], as_json: bool) -> None:
    for number, each in enumerate(found):
        if as_json:
            click.echo(orjson.dumps(each).decode())
            continue
        if number == 0:
            click.echo("\t".join(each))
        click.echo("\t".join("-" if value is None else str(value) for value in each.values()))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each phase, on a terminal only."""
    with ExitStack() as stack:
        bars: dict[str, Any] = {}

        def show(phase: str, done: int, of: int) -> None:
            if not sys.stderr.isatty():
                return
            if phase not in bars:
                bars[phase] = stack.enter_context(click.progressbar(length=max(of, 1), label=phase, file=sys.stderr))
            bars[phase].update(done)

        yield show


def _told(report: "ImportReport") -> str:
    lines = [
        f"Map {report.map}"
        + (f", lender {report.lender}" if report.lender else "")
        + (f", {report.as_of}" if report.as_of else ""),
        f"{report.read} data rows: {report.accepted} accepted, {report.duplicates} duplicates ignored, "
        f"{report.rejected} rejected, {report.passed_over.total()} passed over",
    ]
    skipped = report.skipped + report.passed_over
    if skipped:
        lines.append("skipped: " + ", ".join(f"{count} {kind}" for kind, count in sorted(skipped.items())))
    lines += [f"{name.replace('_', ' ')}: {count}" for name, count in sorted(report.done.items()) if count]
    if report.differing:
        lines.append(f"{report.differing} loans differ from our book; `flask book mismatches` lists them")
    for row, column, value, reason in report.rejections[:_SHOWN]:
        where = f"line {row}" + (f", {column}" if column else "") + (f" = {value!r}" if value is not None else "")
        lines.append(f"rejected {where}: {reason}")
    if report.rejected > _SHOWN:
        lines.append(f"... and {report.rejected - _SHOWN} more; --json lists up to {len(report.rejections)}")
    for each in report.adjustments[:_SHOWN]:
        lines.append(f"source adjustment {each['loan']} on {each['effective_on']}: {each['amount_minor']}")
    if len(report.adjustments) > _SHOWN:
        lines.append("... `flask book adjustments` lists them all")
    return "\n".join(lines)
