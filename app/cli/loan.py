"""flask loan: one loan by its number."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.domain.running_balances import Balances
    from app.services.statements import LoanStatement

loan_commands = AppGroup("loan", help="One loan by its number.")

_lender_option = click.option("--lender", required=True, help="Code of the lender.")
_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_DATE = click.DateTime(["%Y-%m-%d"])


@loan_commands.command("statement")
@click.argument("loan_no")
@_lender_option
@click.option("--from", "first", type=_DATE, help="First day; default: the first of the month of --to.")
@click.option("--to", "last", type=_DATE, help="Last day; default: today in the loan's zone.")
@click.option("--known-at", help="As it was known at this instant, e.g. 2026-11-23T09:00:00Z; default: as now known.")
@click.option("--pdf", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file as PDF.")
@click.option("--locale", help="Language of the PDF: en or zh-CN; default: the lender's.")
@_json_option
@says_why
def statement(
    loan_no: str,
    lender: str,
    first: datetime | None,
    last: datetime | None,
    known_at: str | None,
    pdf: Path | None,
    locale: str | None,
    as_json: bool,
) -> None:
    """Print a statement of account: opening, lines with their movements, closing, in minor units."""
    from app.domain.times import parse_instant
    from app.services.statements import document_of, get_numbered_statement

    made = get_numbered_statement(
        lender,
        loan_no,
        first and first.date(),
        last and last.date(),
        now=clock.now(),
        known_at=parse_instant(known_at) if known_at else None,
    )
    if pdf is not None:
        _write(pdf, document_of(made, locale))
        return
    lines = _lines(made)
    if as_json:
        told = made.statement
        value = {"loan": loan_no, "from": told.period.first, "to": told.period.last, "known_at": told.known_at}
        click.echo(orjson.dumps(value | {"currency": made.loan.currency, "lines": lines}, option=orjson.OPT_UTC_Z).decode())
        return
    click.echo("\t".join(lines[0]))
    for line in lines:
        click.echo("\t".join("-" if value is None else str(value) for value in line.values()))


def _write(path: Path, document: bytes) -> None:
    from hashlib import sha256

    try:
        path.write_bytes(document)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"{path}: {len(document)} bytes, sha256 {sha256(document).hexdigest()}")


def _lines(made: "LoanStatement") -> list[dict[str, Any]]:
    """Return opening, each line with what it moved, what each kind moved together, and closing, in the same columns."""
    told = made.statement
    return [
        _line(told.period.eve, "opening", None, told.opening, told.opening.outstanding),
        *(
            _line(line.on, line.kind, line.amount_minor, line.moved, line.balances.outstanding)
            | {
                "row_no": line.row_no,
                "reference": line.entry and made.references.get(line.entry.entry_id),
            }
            for line in told.lines
        ),
        *(_line(None, f"total {total.kind}", total.amount_minor, total.moved, None) for total in told.totals),
        _line(told.period.last, "closing", None, told.closing, told.closing.outstanding),
    ]


def _line(on: Any, kind: str, amount_minor: int | None, balances: "Balances", outstanding: int | None) -> dict[str, Any]:
    components = {f"{name}_minor": minor for name, minor in balances._asdict().items()}
    head = {"on": on, "kind": kind, "amount_minor": amount_minor}
    return head | components | {"outstanding_minor": outstanding, "row_no": None, "reference": None}
