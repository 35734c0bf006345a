"""flask audit: is the audit trail as it was written."""

import click
from flask.cli import AppGroup

from app import clock

audit_commands = AppGroup("audit", help="The audit trail: sealed as a chain, and checked.")
_MOST = 1000


@audit_commands.command("verify")
@click.option("--head", "expected", help="SEQ:CHAIN as `flask audit head` printed it earlier; it must be part of it.")
def verify_command(expected: str | None) -> None:
    """Seal what waits, read the whole trail, name every row that is not as it was written. Exit code 1 if there is one."""
    from app.persistence.unit_of_work import reading_one_state
    from app.services import audit_trail

    audit_trail.seal(now=clock.now())
    found = 0
    with reading_one_state() as session:
        for finding in audit_trail.verify(session):
            found += 1
            if found <= _MOST:
                click.echo(finding.words)
        if expected and not audit_trail.holds(session, expected):
            found += 1
            click.echo(
                f"{expected} is no part of the trail: it was cut off and written anew, or the words are not from here."
            )
        end = audit_trail.head(session)
    click.echo(f"{end.seq} rows sealed, head {end.seq}:{end.chain}, {found} findings.")
    if found:
        raise SystemExit(1)


@audit_commands.command("head")
def head_command() -> None:
    """Seal what waits and print where the chain ends. Kept elsewhere, it shows later that the end was not cut off."""
    from app.persistence.unit_of_work import reading
    from app.services import audit_trail

    audit_trail.seal(now=clock.now())
    with reading() as session:
        end = audit_trail.head(session)
    click.echo(f"{end.seq}:{end.chain}")
