"""flask consent: what one borrower agreed to or refused."""

from typing import Any

import click
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

consent_commands = AppGroup("consent", help="What one borrower agreed to or refused.")

_by_option = click.option("--by", required=True, help="Your name, for the audit trail.")
_channel_option = click.option("--channel", required=True, help="push, sms, voice, wechat, email, letter or any.")
_purpose_option = click.option(
    "--purpose", default="contact", show_default=True, help="What it is for; see `consent purposes`."
)


@consent_commands.command("stop")
@click.argument("borrower_no")
@_channel_option
@click.option("--evidence", help="Where the proof is: a file or ticket number.")
@_by_option
@says_why
def stop(borrower_no: str, channel: str, evidence: str | None, by: str) -> None:
    """Stop contact on a channel at once, as if the borrower had sent STOP there."""
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import unit_of_work
    from app.services.opt_outs import opt_out

    with unit_of_work() as work:
        borrower_id = get_borrower_id(work.session, borrower_no)
        new = opt_out(work, borrower_id, channel, by=operator_named(by), now=clock.now(), evidence=evidence)
    click.echo(f"{borrower_no} is not contacted by {channel} any more." if new else f"{channel} was stopped before.")


@consent_commands.command("give")
@click.argument("borrower_no")
@_channel_option
@_purpose_option
@click.option("--form", required=True, help="How it was given: written, electronic, oral, separate or bundled.")
@click.option("--evidence", required=True, help="Where the proof is: a file or ticket number.")
@_by_option
@says_why
def give(borrower_no: str, **told: Any) -> None:
    """Record that a borrower agreed, also to what they refused before."""
    _record(borrower_no, given=True, **told)


@consent_commands.command("withdraw")
@click.argument("borrower_no")
@_channel_option
@_purpose_option
@click.option("--form", help="How it was withdrawn: written, electronic or oral.")
@click.option("--evidence", help="Where the proof is: a file or ticket number.")
@_by_option
@says_why
def withdraw(borrower_no: str, **told: Any) -> None:
    """Record that a borrower refused or took back; it counts at once."""
    _record(borrower_no, given=False, **told)


@consent_commands.command("list")
@click.argument("borrower_no")
@says_why
def list_command(borrower_no: str) -> None:
    """List what stands: purpose, channel, given or refused, form, when, from whom."""
    from app.domain.times import rfc3339
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import reading
    from app.services.consents import consents_of

    with reading() as session:
        for consent in sorted(
            consents_of(session, get_borrower_id(session, borrower_no)).values(),
            key=lambda each: (each.purpose, each.channel),
        ):
            state = "given" if consent.given else "refused"
            at = rfc3339(consent.recorded_at)
            click.echo("\t".join([consent.purpose, consent.channel, state, consent.form or "-", at, consent.origin]))


@consent_commands.command("purposes")
def purposes() -> None:
    """List what a consent may be for."""
    from app.domain.consents import PURPOSES

    for purpose, meaning in PURPOSES.items():
        click.echo(f"{purpose}\t{meaning}")


def _record(
    borrower_no: str, *, given: bool, channel: str, purpose: str, form: str | None, evidence: str | None, by: str
) -> None:
    from app.domain.consents import ConsentValues
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import unit_of_work
    from app.services.consents import record_consents

    with unit_of_work() as work:
        new = record_consents(
            work,
            get_borrower_id(work.session, borrower_no),
            [ConsentValues(purpose, channel, given, form)],
            by=operator_named(by),
            now=clock.now(),
            evidence={"where": evidence} if evidence else None,
        )
    what = "given" if given else "refused"
    click.echo(f"{purpose} by {channel} is {what}." if new else f"{purpose} by {channel} was {what} before.")
