"""flask sandbox: the product with a sample book, a movable clock and no real provider."""

from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why
from app.domain.errors import DomainError
from app.persistence.db import db
from config import Settings

sandbox_commands = AppGroup("sandbox", help="The sandbox: a sample book, a virtual phone, a movable clock.")


@sandbox_commands.command("run")
def run() -> None:
    """Start web, engine and provider stand-in together, and end them together (Ctrl-C)."""
    from app.sandbox import running
    from app.sandbox.supervisor import ChildError

    settings = _sandbox_settings()
    try:
        running.run(settings, db.engine, click.echo)
    except (DomainError, ChildError) as error:
        raise click.ClickException(str(error)) from None


@sandbox_commands.command("book")
def book() -> None:
    """Fill an empty database with the sample book."""
    from app.persistence.queries.lenders import find_lenders
    from app.sandbox import sample_book

    _sandbox_settings()
    if find_lenders(db.session()):
        raise click.ClickException("The database has lenders already; the sample book goes into an empty one.")
    counts = sample_book.fill(now=clock.now())
    click.echo(", ".join(f"{count} {noun}" for noun, count in counts.items()))


@sandbox_commands.command("stand-in")
@click.option("--port", type=int, default=0, help="0: a free one, told on the first line of output.")
@click.option("--store", type=click.Path(path_type=Path), help="Also keep what was received in this file.")
def stand_in(port: int, store: Path | None) -> None:
    """Run the stand-in for push and SMS providers alone."""
    from app.sandbox.stand_in.__main__ import run as serve
    from app.sandbox.stand_in.received import Received
    from app.sandbox.stand_in.server import StandIn

    _sandbox_settings()
    serve(StandIn(Received(store)), port=port)


@sandbox_commands.command("desk-code")
@click.argument("role")
@says_why
def desk_code(role: str) -> None:
    """Print the code that the authenticator app of the desk's ROLE (agent, supervisor, ...) shows now."""
    from app.sandbox.desk_staff import shown_code

    _sandbox_settings()
    shown = shown_code(role, now=clock.machine_now())
    click.echo(f"For another {shown.seconds} s; each code is taken once:", err=True)
    click.echo(shown.code)


def _sandbox_settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.is_sandbox:
        raise click.ClickException("The sandbox is not part of production mode; unset DUECOURSE_MODE.")
    return settings
