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
    from datetime import date

    from app.domain.running_balances import Balances
    from app.persistence.models.loans import LoanRow
    from app.services.statements import LoanStatement

loan_commands = AppGroup("loan", help="One loan by its number.")

_lender_option = click.option("--lender", required=True, help="Code of the lender.")
_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


class _Date(click.DateTime):
    """A day from 1900 to 2199, as the API takes it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        on = super().convert(value, param, ctx)
        if on is not None and not 1900 <= on.year < 2200:
            self.fail("The year must be from 1900 to 2199.", param, ctx)
        return on


_DATE = _Date(["%Y-%m-%d"])


_as_of_option = click.option("--as-of", type=_DATE, help="End of this day; default: today in the loan's zone.")
_known_at_option = click.option("--known-at", help="As it was known at this instant; default: as now known.")


@loan_commands.command("show")
@click.argument("loan_no")
@_lender_option
@_as_of_option
@_known_at_option
@_json_option
@says_why
def show(loan_no: str, lender: str, as_of: datetime | None, known_at: str | None, as_json: bool) -> None:
    """Print what is owed on a loan, by component, with its terms and the cap of law it is under."""
    from app.persistence.db import session
    from app.services.positions import position_of

    loan, day = _loan(lender, loan_no, as_of)
    position = position_of(session(), loan, day, _instant(known_at))
    value: dict[str, Any] = {
        "loan_no": loan.loan_no,
        "status": loan.status,
        "currency": loan.currency,
        "as_of": day,
        "known_at": known_at,
        "outstanding_minor": position.outstanding_minor,
        "principal_outstanding_minor": position.principal_outstanding_minor,
        **{f"due_{name}_minor": minor for name, minor in position.due_to_date._asdict().items()},
        "overdue_minor": position.overdue_minor,
        "days_past_due": position.days_past_due,
        "days_in_arrears": position.days_in_arrears,
        "bucket": position.bucket,
        "next_due_on": position.next_due_on,
        "next_due_minor": position.next_due_minor,
        "unapplied_minor": position.unapplied_minor,
        "plan_version": loan.anchor_no,
        "marks": loan.marks,
        "contract": loan.contract,
        "cap": loan.cap,
    }
    _print(value, as_json)


@loan_commands.command("schedule")
@click.argument("loan_no")
@_lender_option
@_as_of_option
@_known_at_option
@_json_option
@says_why
def schedule(loan_no: str, lender: str, as_of: datetime | None, known_at: str | None, as_json: bool) -> None:
    """Print the rows of a loan's plan: what is due and open of each, in minor units."""
    from app.persistence.db import session
    from app.services.schedules import schedule_on

    loan, day = _loan(lender, loan_no, as_of)
    _, rows = schedule_on(session(), loan, day, _instant(known_at))
    listed = [
        {"row_no": row.row_no, "due_on": row.due_on, "state": row.state, "paid_on": row.paid_on}
        | {f"{name}_minor": minor for name, minor in row.due._asdict().items()}
        | {"open_minor": row.open.total}
        for row in rows
    ]
    if as_json:
        for row in listed:
            click.echo(orjson.dumps(row).decode())
        return
    if not listed:
        raise click.ClickException("The loan has no plan yet; send one, or a contract that says enough to make one.")
    click.echo("\t".join(listed[0]))
    for row in listed:
        click.echo("\t".join("-" if value is None else str(value) for value in row.values()))


@loan_commands.command("payoff")
@click.argument("loan_no")
@_lender_option
@click.option("--on", type=_DATE, help="The day it is paid; default: today in the loan's zone.")
@_json_option
@says_why
def payoff(loan_no: str, lender: str, on: datetime | None, as_json: bool) -> None:
    """Print what closes a loan when it is paid on a day, in minor units."""
    from app.persistence.db import session
    from app.services.quotes import payoff_on

    loan, day = _loan(lender, loan_no, on)
    quote = payoff_on(session(), loan, day)
    value = {
        "loan_no": loan.loan_no,
        "currency": loan.currency,
        "on": quote.on,
        "total_minor": quote.total_minor,
        **{f"{name}_minor": minor for name, minor in quote.owed._asdict().items()},
        **{f"per_diem_{name}_minor": minor for name, minor in quote.per_diem._asdict().items()},
        "saved_interest_minor": quote.saved_interest_minor,
        "overpaid_minor": quote.overpaid_minor,
        "expires_on": quote.expires_on,
    }
    _print(value, as_json)


def _loan(lender: str, loan_no: str, on: datetime | None) -> "tuple[LoanRow, date]":
    """Return the loan and the day asked for. Raises NotFoundError."""
    from app.domain.errors import NotFoundError
    from app.domain.times import business_date
    from app.persistence.db import session
    from app.persistence.queries.loans import find_loans_numbered
    from app.services.lenders import get_lender

    found = find_loans_numbered(session(), get_lender(session(), lender).id, [loan_no])
    if not found:
        raise NotFoundError(f"Lender {lender} has no loan {loan_no}.")
    return found[0], on.date() if on else business_date(clock.now(), found[0].zone)


def _instant(text: str | None) -> datetime | None:
    from app.domain.times import parse_instant

    return parse_instant(text) if text else None


def _print(value: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(value).decode())
        return
    for name, each in value.items():
        shown = orjson.dumps(each).decode() if isinstance(each, dict | list) else "-" if each is None else str(each)
        click.echo(f"{name:28} {shown}")


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
