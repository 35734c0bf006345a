"""The commands of `flask engine` that stop, start and limit a channel, and that say where its providers are to post."""

from collections.abc import Callable
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why
from app.domain.errors import RefusedError
from config import Settings

_channel = click.argument("channel")
_reason = click.option("--reason", required=True, help="Why, for whoever finds the channel like this.")
_NOT_REACHED = """\
`callbacks.public_url` is not set: providers cannot reach us. Name a file of JSON in DUECOURSE_PROVIDERS, and let it hold:
  {"callbacks": {"public_url": "https://api.lender.example", "secret": "at least 32 characters that nobody guesses"}}
beside the providers of each channel; see docs/channels.md."""
_by = click.option("--by", required=True, help="Your name, for the audit trail.")


def add_switches(engine_commands: AppGroup) -> None:
    """Add the commands to the group."""
    for command in (stop_channel, start_channel, limit_channel, list_channels, list_callbacks):
        engine_commands.add_command(command)


@click.command("stop-channel")
@_channel
@_reason
@_by
@says_why
def stop_channel(channel: str, reason: str, by: str) -> None:
    """Let nothing leave on a channel (push, sms, voice, wechat, email, letter) until it is started again."""
    from app.services import channel_switches

    new = _change(lambda work, **said: channel_switches.stop_channel(work, channel, **said), reason, by)
    click.echo(f"{channel} is stopped." if new else f"{channel} was stopped before.")


@click.command("start-channel")
@_channel
@_reason
@_by
@says_why
def start_channel(channel: str, reason: str, by: str) -> None:
    """Let messages leave on a channel again."""
    from app.services import channel_switches

    new = _change(lambda work, **said: channel_switches.start_channel(work, channel, **said), reason, by)
    click.echo(f"{channel} is on." if new else f"{channel} was on before.")


@click.command("limit-channel")
@_channel
@click.option("--daily-messages", type=int, help="Most messages a UTC day; left out: any number.")
@_reason
@_by
@says_why
def limit_channel(channel: str, daily_messages: int | None, reason: str, by: str) -> None:
    """Let at most so many messages leave on a channel in a UTC day; long texts count by segments, letters by pages."""
    from app.services import channel_switches

    new = _change(lambda work, **said: channel_switches.limit_channel(work, channel, daily_messages, **said), reason, by)
    limit = "has no limit" if daily_messages is None else f"is limited to {daily_messages} messages a day"
    click.echo(f"{channel} {limit}." if new else f"{channel} {limit} already.")


@click.command("list-channels")
def list_channels() -> None:
    """List the channels somebody has touched: channel, on or stopped, limit, reason, by whom, when."""
    from app.domain.times import rfc3339
    from app.persistence.queries.channel_switches import find_switch_rows
    from app.persistence.unit_of_work import reading

    with reading() as session:
        for row in find_switch_rows(session):
            limit = "no limit" if row.daily_messages is None else f"{row.daily_messages} a day"
            state = "on" if row.is_on else "stopped"
            click.echo("\t".join([row.channel, state, limit, row.reason, row.by, rfc3339(row.changed_at)]))


@click.command("list-callbacks")
@says_why
def list_callbacks() -> None:
    """List the addresses to set at each provider's console: channel, provider, address. Some end with a secret word."""
    from app.channels.callbacks import callback_path

    settings: Settings = current_app.config["SETTINGS"]
    if settings.public_url is None:
        raise RefusedError(_NOT_REACHED)
    for channel, entries in settings.providers.items():
        for entry in entries:
            path = callback_path(entry, settings.callback_secret)
            if path is not None:
                click.echo(f"{channel}\t{entry['provider']}\t{settings.public_url}{path}")
    for entry in settings.payments:
        name = entry.get("name") or entry["provider"]
        click.echo(f"payment\t{name}\t{settings.public_url}/v1/callbacks/payments/{name}")


def _change(act: Callable[..., bool], reason: str, by: str) -> bool:
    from app.persistence.unit_of_work import in_unit_of_work

    said: dict[str, Any] = {"reason": reason, "by": operator_named(by), "now": clock.now()}
    return in_unit_of_work(lambda work: act(work, **said))
