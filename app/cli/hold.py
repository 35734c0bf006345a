"""flask hold: what stops or limits contact with one borrower."""

from typing import TYPE_CHECKING, Any

import click
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.services.holds import ShownHold, Teller

hold_commands = AppGroup("hold", help="Holds of one borrower: what stops or limits contact, until when and why.")

_by_option = click.option("--by", required=True, help="Your name, for the audit trail.")
_lender_option = click.option("--lender", help="Code of the lender whose loan or reference is meant.")


@hold_commands.command("put")
@click.argument("borrower_no")
@click.argument("kind")
@click.option("--from", "from_at", help="Since when, RFC 3339; default: now.")
@click.option("--until", "until_at", help="Until when, exclusive; default: what the kind says, mostly open.")
@click.option("--loan", "loan_no", help="Only this loan; default: all of the borrower.")
@click.option("--form", help="How it was told: written, electronic or oral.")
@click.option("--evidence", help="Where the proof is: a file or ticket number.")
@click.option("--reference", help="The source's own number: telling twice makes one hold.")
@_lender_option
@_by_option
@says_why
def put(
    borrower_no: str, kind: str, from_at: str | None, until_at: str | None, lender: str | None, by: str, **told: Any
) -> None:
    """Put a hold; what is queued and it stops is cancelled at once."""
    from app.domain.hold_terms import HoldValues
    from app.domain.times import parse_instant
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import in_unit_of_work
    from app.services.holds import put_hold

    start, end = (parse_instant(text) if text else None for text in (from_at, until_at))
    values = HoldValues(kind, start, end, **told)

    def act(work: Any) -> Any:
        return put_hold(
            work, get_borrower_id(work.session, borrower_no), values, teller=_teller(work, by, lender), now=clock.now()
        )

    result = in_unit_of_work(act)
    what = "put" if result.created else "changed" if result.changed else "recorded already; nothing changed"
    click.echo(f"Hold {result.id} of {borrower_no}: {what}.")


@hold_commands.command("release")
@click.argument("borrower_no")
@click.argument("hold_id")
@click.option("--reason", required=True, help="Why it is over, for the audit trail.")
@_by_option
@says_why
def release(borrower_no: str, hold_id: str, reason: str, by: str) -> None:
    """End a hold now. Ending it twice changes nothing."""
    from app.domain.times import rfc3339
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import unit_of_work
    from app.services.holds import release_hold

    with unit_of_work() as work:
        teller = _teller(work, by, None)
        borrower_id = get_borrower_id(work.session, borrower_no)
        row = release_hold(work, borrower_id, hold_id, teller=teller, now=clock.now(), reason=reason)
        released_at = rfc3339(row.released_at) if row.released_at else "-"
        click.echo(f"Hold {row.id} of {borrower_no} ({row.kind}) is released since {released_at} by {row.released_by}.")


@hold_commands.command("list")
@click.argument("borrower_no")
@says_why
def list_command(borrower_no: str) -> None:
    """List holds, newest first: id, kind, state, from, until, loan, by, recorded, evidence."""
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import reading
    from app.services.holds import list_holds

    with reading() as session:
        for hold in list_holds(session, get_borrower_id(session, borrower_no), now=clock.now()):
            click.echo("\t".join(_columns(hold)))


def _columns(hold: "ShownHold") -> list[str]:
    from app.domain.times import rfc3339

    state = "stands" if hold.stands else "released" if hold.released_at else "does not stand"
    until = rfc3339(hold.until_at) if hold.until_at else "open"
    start, recorded = rfc3339(hold.from_at), rfc3339(hold.recorded_at)
    return [hold.id, hold.kind, state, start, until, hold.loan_no or "all loans", hold.by, recorded, hold.evidence or "-"]


def _teller(work: Any, by: str, lender: str | None) -> "Teller":
    from app.services.holds import Teller
    from app.services.lenders import get_lender

    return Teller(operator_named(by), get_lender(work, lender).id if lender else None)
