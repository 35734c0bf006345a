"""flask template: the texts of messages, and whether they may be said."""

from pathlib import Path

import click
import orjson
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

template_commands = AppGroup("template", help="The texts of messages.")


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
