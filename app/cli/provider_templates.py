"""flask template provider: wordings as providers keep them."""

from collections.abc import Callable
from typing import Any

import click
import orjson
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

provider_commands = AppGroup("provider", help="Wordings that a provider wants registered before it sends them.")
_Command = Callable[..., None]


def _names(command: _Command) -> _Command:
    for decorate in (
        click.argument("template"),
        click.option("--channel", required=True, help="sms, voice or wechat."),
        click.option("--provider", required=True, help="aliyun, tencent or wechat."),
        click.option("--locale", required=True, help="As our file of texts is named, e.g. zh-CN."),
    ):
        command = decorate(command)
    return command


_VERBS = {"approved": "approve", "rejected": "reject", "paused": "pause"}
_by = click.option("--by", required=True, help="Your name, for the audit trail.")


@provider_commands.command("export")
@_names
@says_why
def export(template: str, channel: str, provider: str, locale: str) -> None:
    """Print what to submit to the provider for a text."""
    from app.wording.catalogue import shipped
    from app.wording.provider_wordings import NotExportableError, submission_of

    try:
        text = shipped().text(template, channel, locale)
        if text.locale != locale:
            raise KeyError(locale)
        click.echo(submission_of(text, provider))
    except KeyError:
        raise click.ClickException(f"There is no text {template} for {channel} in {locale}.") from None
    except NotExportableError as error:
        raise click.ClickException(str(error)) from None


@provider_commands.command("register")
@_names
@click.option("--code", required=True, help="The provider's id of it.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VARIABLE", help="A field there, and what of ours fills it.")
@click.option("--one-time", is_flag=True, help="WeChat: each send uses up a consent.")
@_by
@says_why
def register_text(
    template: str, channel: str, provider: str, locale: str, code: str, fields: tuple[str, ...], one_time: bool, by: str
) -> None:
    """Note that today's words of a text were submitted to a provider."""
    from app.persistence.unit_of_work import in_unit_of_work
    from app.services import provider_templates

    named = dict(each.partition("=")[::2] for each in fields)
    said: dict[str, Any] = {"code": code, "fields": named, "is_one_time": one_time}
    said |= {"by": operator_named(by), "now": clock.now()}
    key = (channel, provider, template, locale)
    version = in_unit_of_work(lambda work: provider_templates.register(work, key, **said).template_version)
    click.echo(f"{template} v{version} in {locale} is submitted to {provider} as {code}.")


def _mark(state: str, description: str) -> None:
    @provider_commands.command(_VERBS[state], help=description)
    @_names
    @click.option("--reason", help="What the provider said.")
    @_by
    @says_why
    def command(template: str, channel: str, provider: str, locale: str, reason: str | None, by: str) -> None:
        from app.persistence.unit_of_work import in_unit_of_work
        from app.services import provider_templates

        key, who, at = (channel, provider, template, locale), operator_named(by), clock.now()
        new = in_unit_of_work(lambda work: provider_templates.mark(work, key, state, by=who, now=at, reason=reason))
        click.echo(f"{template} in {locale} at {provider} {'is' if new else 'was'} {state}{'' if new else ' before'}.")


_mark("approved", "Note that the provider has approved a wording, or has taken it up again.")
_mark("rejected", "Note that the provider has rejected a wording.")
_mark("paused", "Note that the provider, or we, have paused a wording.")


@provider_commands.command("list")
@click.option("--channel", help="Of one channel.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_texts(channel: str | None, as_json: bool) -> None:
    """List what is registered: channel, provider, text, locale, version (and ours now), state, its id there, reason."""
    from app.domain.times import rfc3339
    from app.persistence.queries.provider_templates import list_provider_templates
    from app.persistence.unit_of_work import reading
    from app.services.provider_templates import current_version

    with reading() as session:
        rows = list_provider_templates(session, channel=channel)
    for row in rows:
        ours = current_version(row.template, row.channel, row.locale)
        if as_json:
            named = {name: value for name, value in row._mapping.items() if name not in ("id", "changed_at")}
            click.echo(orjson.dumps({**named, "our_version": ours, "changed_at": rfc3339(row.changed_at)}))
            continue
        version = f"v{row.template_version}"
        if ours != row.template_version:
            version += f" (ours is v{ours})" if ours else " (ours is gone)"
        known = [row.channel, row.provider, row.template, row.locale, version, row.state, row.code, row.reason or ""]
        click.echo("\t".join(known).rstrip())
