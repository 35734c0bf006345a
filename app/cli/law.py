"""flask law: what the law packs say, paragraph by paragraph, and how well each was read."""

from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup

from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.domain.law.rules import Rule

law_commands = AppGroup("law", help="Law packs: rules of contact, content, duties and figures, by jurisdiction.")

_UNVERIFIED = "recalled, unverified"


@law_commands.command("list")
@click.option("--jurisdiction", help="A pack (CN, US, UK, IN, EU, DEFAULT), or a country.")
@says_why
def list_command(jurisdiction: str | None) -> None:
    """List the rules: id, in force from (and how well that is known), who executes it, title, paragraph, and the mark of a
    rule that was only recalled."""
    from app.services.law_packs import DEFAULT, get_pack, jurisdictions, pack_for

    if jurisdiction is None:
        packs = [get_pack(name) for name in jurisdictions()]
    elif jurisdiction.upper() == DEFAULT:
        packs = [get_pack(DEFAULT)]
    else:
        governing = pack_for(jurisdiction)
        packs = [governing.pack]
        if governing.is_missing:
            click.echo(f"There is no law pack for {jurisdiction}: the house rules of the default pack stand in.")
    for pack in packs:
        click.echo(f"{pack.jurisdiction}: {pack.title} (as of {pack.as_of}, version {pack.version[:12]})")
        for rule in pack.rules:
            mark = f"\t[{_UNVERIFIED}]" if rule.is_recalled else ""
            dates = f"{_in_force(rule)} ({rule.effective_evidence})"
            click.echo(f"{rule.id}\t{dates}\t{rule.decided_by}\t{rule.title}\t{rule.source}{mark}")


@law_commands.command("show")
@click.argument("rule_id")
@says_why
def show(rule_id: str) -> None:
    """Show one rule: its paragraph, its dates and how well each was read, its condition, its tests in words."""
    from app.services.law_packs import get_rule
    from app.wording.law_words import DATE_EVIDENCE, EVIDENCE, EXECUTED_BY, told_test

    rule = get_rule(rule_id)
    click.echo(f"{rule.id}: {rule.title}" + (f" [{_UNVERIFIED}]" if rule.is_recalled else ""))
    for name, text in (
        ("Jurisdiction", rule.jurisdiction),
        ("Paragraph", rule.source),
        ("Text", EVIDENCE[rule.evidence]),
        ("In force", f"{_in_force(rule)} ({DATE_EVIDENCE[rule.effective_evidence]})"),
        ("Executed by", EXECUTED_BY[rule.decided_by]),
        ("Effect", rule.effect.replace("_", " ")),
        ("Applies to", _circumstances(rule)),
        ("Condition", rule.condition),
        ("Notes", rule.notes),
    ):
        if text:
            click.echo(f"{name}: {text}")
    for test in rule.tests:
        first, *rows = told_test(test.document)
        click.echo(f"Test: {first}")
        for row in rows:
            click.echo(f"  {row}")


def _in_force(rule: "Rule") -> str:
    start = "always" if rule.effective_from is None else f"from {rule.effective_from}"
    return start if rule.effective_until is None else f"{start} until before {rule.effective_until}"


def _circumstances(rule: "Rule") -> str:
    when = rule.applies_when
    parts = {
        "acts": when.acts,
        "channels": rule.channels,
        "message classes": rule.message_classes,
        "lender roles": when.lender_roles,
        "licences": when.licence_kinds,
        "stages": when.stages,
        "products": when.product_kinds,
    }
    told = [f"{name} {', '.join(sorted(words))}" for name, words in parts.items() if words]
    if when.contract_signed_from is not None:
        told.append(f"contracts signed from {when.contract_signed_from}")
    if when.contract_signed_before is not None:
        told.append(f"contracts signed before {when.contract_signed_before}")
    return "; ".join(told) or "everything"
