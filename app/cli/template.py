"""flask template: the texts of messages, and whether they may be said."""

from dataclasses import asdict
from pathlib import Path

import click
import orjson
from flask.cli import AppGroup

from app import clock
from app.cli.provider_templates import provider_commands
from app.cli.refusals import says_why

template_commands = AppGroup("template", help="The texts of messages.")
template_commands.add_command(provider_commands)


@template_commands.command("check")
@click.option("--jurisdiction", help="Law pack, e.g. UK; default: all of them.")
@click.option(
    "--role", type=click.Choice(["first_party", "third_party_collector"]), default="first_party", show_default=True
)
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Message files; default: ours."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@says_why
def check(jurisdiction: str | None, role: str, folder: Path | None, as_json: bool) -> None:
    """List every problem of every text, by the house's rules and by every rule of law on content. Exit code 1 if any."""
    from app.services.law_packs import get_pack, jurisdictions
    from app.wording.lint import lint_template
    from app.wording.template_texts import MESSAGES, load_texts

    packs = [get_pack(name) for name in ([jurisdiction] if jurisdiction else jurisdictions())]
    texts = load_texts(folder or MESSAGES)
    problems = [problem for text in texts for problem in lint_template(text, packs=packs, role=role, now=clock.now())]
    for problem in problems:
        if as_json:
            click.echo(orjson.dumps(problem))
            continue
        law = ""
        if problem.rule is not None:
            unsure = ", recalled: not verified" if problem.evidence == "recalled" else f", read: {problem.evidence}"
            law = f" [{problem.jurisdiction} {problem.rule}: {problem.paragraph}{unsure}]"
        click.echo(f"{problem.template}/{problem.channel}/{problem.locale}: {problem.code}: {problem.detail}{law}")
    checked = f"{len(texts)} texts, {len(packs)} law pack(s), {role}"
    if problems:
        raise click.ClickException(f"{len(problems)} problem(s) in {checked}.")
    click.echo(f"No problems in {checked}.", err=as_json)


@template_commands.command("preview")
@click.argument("template")
@click.option("--channel", help="Of one channel; default: all it has.")
@click.option("--locale", default="en", show_default=True)
@click.option("--lender", help="A lender's code, for its name.")
@click.option("--signature", default="", help="What a Chinese SMS provider puts before a text.")
@click.option("--long", "is_long", is_flag=True, help="With values as long as they come.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@says_why
def preview(
    template: str, channel: str | None, locale: str, lender: str | None, signature: str, is_long: bool, as_json: bool
) -> None:
    """Show how a text looks where it arrives, with made-up values: cut as a phone cuts, counted as a provider bills."""
    from app.domain.errors import NotFoundError
    from app.persistence.queries.lenders import find_lender
    from app.persistence.unit_of_work import reading
    from app.wording.catalogue import shipped, template_infos
    from app.wording.preview import views_of
    from app.wording.variables import samples, write_variables

    known = [each for name, each in template_infos() if name == template]
    channels = [each for each in known if channel in (None, each)]
    if not channels:
        elsewhere = f" for {channel}; there is one for {', '.join(known)}" if known else ""
        raise click.ClickException(f"There is no text {template}{elsewhere}.")
    values = samples(shipped().match_locale(locale))[is_long]
    if lender is not None:
        with reading() as session:
            row = find_lender(session, lender)
        if row is None:
            raise NotFoundError(f"There is no lender {lender}.")
        values |= write_variables({"lender": row.name}, locale)
    for each in channels:
        rendered = shipped().render(template, each, locale, values)
        for view in views_of(rendered, each, signature=signature):
            if as_json:
                named = {"channel": each, "locale": rendered.locale, "version": rendered.template_version}
                click.echo(orjson.dumps({**named, **asdict(view)}))
                continue
            notes = [view.place, *([view.note] if view.note else []), *(["CUT"] if view.is_cut else [])]
            click.echo(f"{each} ({rendered.locale}, v{rendered.template_version}): {'; '.join(notes)}")
            for line in view.lines:
                click.echo(f"  | {line}".rstrip())
