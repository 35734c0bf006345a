"""flask keys: keys of machines and of staff, and the key ring that seals personal data."""

import click
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why
from config import new_key_ring

key_commands = AppGroup("keys", help="Keys of machines and of staff, and the key ring.")


@key_commands.command("create")
@click.option("--lender", required=True, help="Code of the one lender it may speak for.")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do: ingest, or desk.")
@click.option("--label", help="Whose it is, for your own memory.")
@click.option("--staff", help="For scope desk: the one person it stands for, as the audit trail names them.")
@click.option("--role", help="For scope desk: agent, supervisor, compliance or admin.")
@says_why
def create(lender: str, scopes: tuple[str, ...], label: str | None, staff: str | None, role: str | None) -> None:
    """Make a key and print it, once: only its hash is kept."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.api_keys import create_key

    with unit_of_work() as work:
        made = create_key(work, lender, scopes, label=label, now=clock.now(), staff=staff, role=role)
    click.echo(f"Key {made.id} for {lender}; it is not shown again:", err=True)
    click.echo(made.secret)


@key_commands.command("list")
def list_keys() -> None:
    """List keys: id, lender, scopes, label, person and role of a desk key, made, revoked."""
    from app.domain.times import rfc3339
    from app.persistence.db import session
    from app.persistence.queries.api_keys import find_api_keys

    for key, lender_code in find_api_keys(session()):
        state = f"revoked {rfc3339(key.revoked_at)}" if key.revoked_at else "valid"
        person = f"{key.staff} ({key.role})" if key.staff else "-"
        columns = [key.id, lender_code, ",".join(key.scopes), key.label or "-", person, rfc3339(key.created_at), state]
        click.echo("\t".join(columns))


@key_commands.command("revoke")
@click.argument("key_id")
@says_why
def revoke(key_id: str) -> None:
    """End a key; the next request with it is refused."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.api_keys import revoke_key

    with unit_of_work() as work:
        revoke_key(work, key_id, now=clock.now())
    click.echo(f"Key {key_id} is revoked.")


@key_commands.command("ring")
def ring() -> None:
    """Print a new key ring for DUECOURSE_KEYS. Keep it outside the repository and its loss in mind."""
    click.echo(new_key_ring())
