"""flask engine: the reminder engine, its replay on a scratch copy, and its invariants."""

import os
import sys
import tempfile
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app import clock
from app.cli.channel_switches import add_switches
from app.cli.refusals import says_why
from app.domain.errors import DomainError
from app.persistence.db import db, engine_options
from app.persistence.queries.clocks import find_clock
from app.persistence.unit_of_work import reading
from app.services.policies import adopt_content, ensure_default_policy
from app.services.provider_tokens import SharedTokens

engine_commands = AppGroup("engine", help="The reminder engine.")
add_switches(engine_commands)
CODE_THREADS = 4
"""Connections kept for one-time codes."""
CHECK_GRACE = timedelta(minutes=2)
"""On a clock that runs, what became due so recently may still be on its way through the sweep."""


@engine_commands.command("run")
@click.option("--eager", is_flag=True, hidden=True, help="Work without ticks, for a replay.")
@click.option("--lease-seconds", type=click.IntRange(1, 3600), default=120, show_default=True,
              help="How long a batch is this engine's while it sends: longer than the slowest provider.")  # fmt: skip
def run_engine(eager: bool, lease_seconds: int) -> None:
    """Decide and send as due dates approach and pass, until stopped. Run as many as you like."""
    from app.channels.registry import build_channels
    from app.channels.webhooks import WebhookWire
    from app.domain.pacing import Pacers
    from app.engine.chores import chores_of
    from app.engine.dispatch import Dispatcher
    from app.engine.loop import Engine, run, run_eagerly
    from app.engine.paces import paces_of
    from app.engine.surroundings import surroundings_of
    from app.engine.webhooks import WebhookDispatch

    settings = current_app.config["SETTINGS"]
    ensure_default_policy(now=clock.now())
    adopt_content(now=clock.now())
    texts = {"fcm_base_url": settings.fcm_base_url, "sms_url": settings.sms_url, "sms_key": settings.sms_key}
    channels = build_channels(
        **texts,
        fcm_credentials_file=settings.fcm_credentials_file,
        providers=settings.providers,
        tokens=SharedTokens(),
    )
    codes = build_channels(**texts, providers={"sms": settings.providers.get("sms", ())}, threads=CODE_THREADS)
    dispatcher = Dispatcher(
        channels,
        codes=codes,
        lease=timedelta(seconds=lease_seconds),
        surroundings=surroundings_of(settings),
        pacers=Pacers({} if eager else paces_of(settings)),  # a replay's providers are its own
    )
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    wire = WebhookWire(app.extensions["duecourse.webhook_rules"])
    webhooks = WebhookDispatch(wire, app.app_context, owner=dispatcher.owner)
    engine = Engine(dispatcher, watches_travel=settings.is_sandbox, webhooks=webhooks, chores=chores_of(settings, channels))
    if eager:
        run_eagerly(engine, parent=os.getppid())
    else:
        if settings.engine_ops_port is not None:
            _serve_metrics(settings.engine_ops_port)
        run(engine, app.app_context)


def _serve_metrics(port: int) -> None:
    """The engine's counters live in its process; a second one on the same machine needs another port."""
    from app.web.health import serve_metrics

    try:
        serve_metrics(port)
    except OSError:
        click.echo(f"Metrics are not served: port {port} is taken (DUECOURSE_ENGINE_OPS_PORT names another).", err=True)


@engine_commands.command("replay")
@click.option("--from", "starts_on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day, from 00:00 UTC.")
@click.option("--to", "ends_on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last day, inclusive.")
@click.option("--engines", type=click.IntRange(1, 16), default=1, show_default=True, help="Engine processes.")
@click.option("--scratch", help="Database URL of the scratch copy; an existing one is continued. Default: a new file.")
@click.option("--synthetic-devices", type=click.IntRange(0, 100), default=0, help="Percent of borrowers given a device.")
@click.option("--seed", type=int, default=0, help="Chooses which borrowers those are.")
@click.option("--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Go by this policy instead of what is in force for the same lenders.")  # fmt: skip
@click.option("--lease-seconds", type=click.IntRange(1, 3600), default=120, hidden=True)
@says_why
def replay(
    starts_on: datetime,
    ends_on: datetime,
    engines: int,
    scratch: str | None,
    synthetic_devices: int,
    seed: int,
    policy: Path | None,
    lease_seconds: int,
) -> None:
    """Run the engines over a stretch of time on a scratch copy of the book.

    Prints counts by step, outcome and reason, by channel and state, the pushes a stand-in received, and the digest.
    """
    settings = current_app.config["SETTINGS"]
    if not settings.is_sandbox:
        raise click.ClickException("A replay runs in sandbox mode (DUECOURSE_MODE=sandbox) with the book's DUECOURSE_KEYS.")
    if ends_on < starts_on:
        raise click.ClickException("--to is before --from.")
    if scratch is None:
        folder = Path(tempfile.mkdtemp(prefix="duecourse-replay-"))
        scratch = f"sqlite:///{folder / 'scratch.db'}"
        click.echo(f"scratch copy: {scratch}")
    if scratch == settings.database_url:
        raise click.ClickException("--scratch is the book itself; name another database.")
    ensure_default_policy(now=clock.now())
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "engine", "conduct"]
    command += ["--from", f"{starts_on:%Y-%m-%d}", "--to", f"{ends_on:%Y-%m-%d}", "--engines", str(engines)]
    command += ["--synthetic-devices", str(synthetic_devices), "--seed", str(seed)]
    command += ["--lease-seconds", str(lease_seconds)]
    if policy is not None:
        _read_policy(policy)  # what is wrong with it is said before anything is made
        command += ["--policy", str(policy.resolve())]
    environment = {
        **os.environ,
        "DATABASE_URL": scratch,
        "DUECOURSE_REPLAY_SOURCE": settings.database_url,
        "DUECOURSE_KEYS": _key_ring(settings.keys),
        "DUECOURSE_VAR_DIR": str(settings.var_dir),
    }
    db.engine.dispose()
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)  # noqa: S606 the same program, on the scratch database


def _key_ring(keys: dict[str, bytes]) -> str:
    import base64

    return ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in keys.items())


@engine_commands.command("conduct", hidden=True)
@click.option("--from", "starts_on", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option("--to", "ends_on", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option("--engines", type=int, required=True)
@click.option("--synthetic-devices", type=int, required=True)
@click.option("--seed", type=int, required=True)
@click.option("--policy", type=click.Path(path_type=Path))
@click.option("--lease-seconds", type=int, required=True)
@click.option("--source", envvar="DUECOURSE_REPLAY_SOURCE", required=True)
def conduct(
    starts_on: datetime,
    ends_on: datetime,
    engines: int,
    synthetic_devices: int,
    seed: int,
    policy: Path | None,
    lease_seconds: int,
    source: str,
) -> None:
    """Hold the clock of a replay; started by `replay` with DATABASE_URL set to the scratch copy."""
    from app.sandbox import replay as replays
    from app.sandbox.scratch import ScratchSettings, prepare_scratch

    starts_at, ends_at = _midnight(starts_on.date()), _midnight(ends_on.date() + timedelta(days=1))
    document = None if policy is None else _read_policy(policy)
    settings = ScratchSettings(starts_at, ends_at, synthetic_devices, seed, document)
    source_engine = create_engine(source, **engine_options(source))
    try:
        made = prepare_scratch(source_engine, settings, lambda what: click.echo(f"copying {what}", err=True))
        click.echo("scratch copy made" if made else f"continuing the scratch copy from {clock.now():%Y-%m-%d %H:%M}Z")
        result = replays.run(
            ends_at=ends_at,
            engines=engines,
            environment=dict(os.environ),
            say=click.echo,
            folder=_received_folder(),
            lease_seconds=lease_seconds,
        )
    except DomainError as error:
        raise click.ClickException(str(error)) from None
    finally:
        source_engine.dispose()
    click.echo(replays.describe(result, until=ends_at))


def _read_policy(path: Path) -> dict[str, Any]:
    from app.services.policy_documents import check_document
    from app.services.policy_files import read_document

    document: dict[str, Any] = read_document(path.read_text(encoding="utf-8"))
    check_document(document)
    return document


def _received_folder() -> Path:
    """Where the stand-in keeps what it received for this scratch copy, so that a continued replay knows it all."""
    with reading() as session:
        from app.persistence.models.running import ScratchRunRow

        run_id = session.query(ScratchRunRow.id).scalar()
    folder: Path = current_app.config["SETTINGS"].var_dir / "replays" / str(run_id)
    return folder


def _midnight(on: date) -> datetime:
    return datetime.combine(on, time(0), tzinfo=UTC)


@engine_commands.command("rehearse", hidden=True)
@click.argument("rehearsal_id")
def rehearse_stored(rehearsal_id: str) -> None:
    """Run a rehearsal that was asked for at the desk; started by the engine."""
    from app.services.rehearsals.stored import run_stored

    run_stored(current_app.config["SETTINGS"].database_url, rehearsal_id)


@engine_commands.command("check")
@click.option("--scratch", help="Database URL of a scratch copy; default: the book itself.")
def check(scratch: str | None) -> None:
    """Count what must never be; exit 1 unless every count is 0."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.invariants import check_invariants
    from app.services.operations import keep_invariant_counts

    counts: dict[str, int]
    if scratch is None:
        with reading() as session:
            counts = check_invariants(session, until=_checked_until(session))
        with unit_of_work() as work:
            keep_invariant_counts(work.session, counts, now=clock.now())  # the desk shows them
    else:
        engine = create_engine(scratch, **engine_options(scratch))
        with Session(engine) as session:
            counts = check_invariants(session, until=_checked_until(session))
        engine.dispose()
    for name, count in sorted(counts.items()):
        click.echo(f"{name} {count}")
    if any(counts.values()):
        raise SystemExit(1)


def _checked_until(session: Any) -> datetime:
    row = find_clock(session)
    if row is not None and row.frozen_at is not None:
        stands_at: datetime = row.frozen_at
        return stands_at - timedelta(microseconds=1)
    return clock.now() - CHECK_GRACE
