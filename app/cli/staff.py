"""flask staff: the first admin of a lender, and what an operator does about accounts when no admin can."""

from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why
from app.domain.permissions import ROLES
from config import Settings

if TYPE_CHECKING:
    from app.persistence.unit_of_work import Work
    from app.services.staff_invitations import Invitation

staff_commands = AppGroup("staff", help="Accounts of staff: the first admin, invitations, resets.")

_lender_option = click.option("--lender", required=True, help="Code of the lender they work for.")
_email_option = click.option("--email", required=True, help="The address they sign in with.")
_by_option = click.option("--by", default="command line", show_default=True, help="Your name, for the audit trail.")


@staff_commands.command("create-admin")
@_lender_option
@click.option("--name", required=True, help="Their name, as the audit trail will have it.")
@_email_option
@_by_option
@says_why
def create_admin(lender: str, name: str, email: str, by: str) -> None:
    """Make the first admin of a lender and print their invitation, once."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services import staff
    from app.services.lenders import get_lender

    operator = operator_named(by)
    with unit_of_work() as work:
        made = staff.create_admin(work, get_lender(work, lender).id, name, email, by=operator, now=clock.machine_now())
    _print_invitation(made)


@staff_commands.command("invite")
@_lender_option
@click.option("--name", required=True, help="Their name, as the audit trail will have it.")
@_email_option
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option("--team", "teams", multiple=True, help="A queue whose work comes to them; none: all.")
@click.option("--language", "languages", multiple=True, help="What they can answer borrowers in: en, zh-CN ...")
@_by_option
@says_why
def invite(
    lender: str, name: str, email: str, role: str, teams: tuple[str, ...], languages: tuple[str, ...], by: str
) -> None:
    """Let somebody in at a lender and print their invitation; an account that is set up already needs none."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services import staff
    from app.services.lenders import get_lender

    manager, new = staff.Manager(operator_named(by)), staff.NewMember(name, email, role, teams, languages)
    with unit_of_work() as work:
        lender_id = get_lender(work, lender).id
        _, made = staff.invite(work, lender_id, new, manager=manager, now=clock.machine_now())
    if made is None:
        click.echo(f"The account works at {lender} from now on; it needs no invitation.")
    else:
        _print_invitation(made)


@staff_commands.command("list")
@_lender_option
@says_why
def list_staff(lender: str) -> None:
    """List the staff of a lender: name, e-mail, role, state, teams, languages, last seen."""
    from app.domain.times import rfc3339
    from app.persistence.db import vault
    from app.persistence.unit_of_work import unit_of_work
    from app.services import staff
    from app.services.lenders import get_lender

    with unit_of_work() as work:
        members = staff.list_members(work.session, vault(), get_lender(work, lender).id)
    for each in members:
        seen = rfc3339(each.last_used_at) if each.last_used_at else "-"
        columns = [
            each.name,
            each.email,
            each.role,
            each.state,
            ",".join(each.teams) or "-",
            ",".join(each.languages) or "-",
        ]
        click.echo("\t".join([*columns, seen]))


@staff_commands.command("reset")
@_lender_option
@_email_option
@_by_option
@says_why
def reset(lender: str, email: str, by: str) -> None:
    """Take password and second factor of an account away and print the link by which new ones are set."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services import staff
    from app.services.lenders import get_lender

    operator = operator_named(by)
    with unit_of_work() as work:
        lender_id, staff_id = get_lender(work, lender).id, _account_id(work, email)
        made = staff.reset(work, lender_id, staff_id, manager=staff.Manager(operator), now=clock.machine_now())
    _print_invitation(made)


@staff_commands.command("disable")
@_email_option
@_by_option
@says_why
def disable(email: str, by: str) -> None:
    """Let an account in nowhere any more, whatever its role; its sessions end at once."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services import staff

    operator = operator_named(by)
    with unit_of_work() as work:
        staff.disable_account(work, _account_id(work, email), by=operator, now=clock.machine_now())
    click.echo("The account is disabled.")


@staff_commands.command("enable")
@_email_option
@_by_option
@says_why
def enable(email: str, by: str) -> None:
    """Let an account in again that was disabled here."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services import staff

    operator = operator_named(by)
    with unit_of_work() as work:
        staff.enable_account(work, _account_id(work, email), by=operator, now=clock.machine_now())
    click.echo("The account is enabled.")


def _account_id(work: "Work", email: str) -> str:
    from app.domain.staff import folded_email
    from app.persistence.queries.staff_accounts import find_account_by_email

    account = find_account_by_email(work.session, work.vault.search_hashes("staff_email", folded_email(email)))
    if account is None:
        raise click.ClickException("There is no account of that address; see `flask staff list`.")
    return account.id


def _print_invitation(made: "Invitation") -> None:
    """Print the link; its token is behind #, which no server and no log gets to see."""
    from app.domain.times import rfc3339

    settings: Settings = current_app.config["SETTINGS"]
    base = settings.public_url or f"http://127.0.0.1:{settings.port}"
    click.echo(f"Hand this to them alone. It is good once, until {rfc3339(made.expires_at)}, and not shown again:", err=True)
    click.echo(f"{base}/desk/invitations#{made.token}")
