"""flask law: what the law packs say, paragraph by paragraph, and how well each was read."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


@law_commands.command("ask")
@click.option("--act", required=True, help="What is about to happen: enforce, purge_record, charge, contact, ...")
@click.option("--jurisdiction", help="A pack (CN, US, UK, IN, EU, DEFAULT) or a country; not with --loan.")
@click.option("--facts", "facts_file", default=None, help="JSON file of facts by the law packs' words; - is standard input.")
@click.option("--at", "at_text", help="The moment asked about, RFC 3339; default: now.")
@click.option("--loan", "loan_no", help="A loan whose facts the book knows; what --facts says stands over them.")
@click.option("--lender", help="With --loan: code of its lender.")
@says_why
def ask(
    act: str, jurisdiction: str | None, facts_file: str | None, at_text: str | None, loan_no: str | None, lender: str | None
) -> None:
    """Ask what the law says of an act: the answer, then every rule that speaks on it with its paragraph and how well it was
    read. A fact that the packs do not know is refused by its place, with the nearest one that they do."""
    from app import clock
    from app.domain.times import parse_instant
    from app.persistence.unit_of_work import reading
    from app.services.law_questions import ask_in_words

    if (loan_no is None) == (jurisdiction is None):
        raise click.UsageError("Name a jurisdiction, or a loan with --loan.")
    now = parse_instant(at_text) if at_text else clock.now()
    with reading() as session:
        told = ask_in_words(
            session, act=act, jurisdiction=jurisdiction, facts=_read_facts(facts_file), now=now,
            loan=None if loan_no is None else (lender, loan_no),
        )  # fmt: skip
    if told.note:
        click.echo(told.note)
    click.echo(f"{told.verdict}: {told.sentence}")
    for each in told.answers:
        mark = f" [{_UNVERIFIED}]" if each.is_recalled else ""
        click.echo(f"{each.rule}{mark}\t{each.verdict}\t{each.sentence}\t{each.title}; {each.paragraph} ({each.evidence})")
    if told.unknown_facts:
        click.echo(f"Not known, and looked at: {', '.join(told.unknown_facts)}.")


@law_commands.command("record")
@click.argument("borrower_no")
@click.option("--list", "list_name", required=True, help="events, requests, notices, disputes, incident, ...")
@click.option("--facts", "facts_text", required=True, help="JSON object by the law packs' words; - is standard input.")
@click.option("--reference", help="The source's own number: told again under it, the fact stands as told last.")
@click.option("--lender", help="Code of the lender whose loan or reference is meant.")
@click.option("--loan", "loan_no", help="Only about this loan; default: all of the borrower.")
@click.option("--by", required=True, help="Your name, for the audit trail.")
@says_why
def record(
    borrower_no: str,
    list_name: str,
    facts_text: str,
    reference: str | None,
    lender: str | None,
    loan_no: str | None,
    by: str,
) -> None:
    """Record a fact of a case that nothing else here knows: a request, an event, a notice sent elsewhere."""
    from app import clock
    from app.cli.operators import operator_named
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import in_unit_of_work
    from app.services.case_records import put_record
    from app.services.lenders import get_lender

    facts = _parse(sys.stdin.read() if facts_text == "-" else facts_text)

    def act(work: Any) -> Any:
        return put_record(
            work, get_borrower_id(work.session, borrower_no), list_name, facts, by=operator_named(by), now=clock.now(),
            reference=reference, lender_id=get_lender(work.session, lender).id if lender else None, loan_no=loan_no,
        )  # fmt: skip

    result = in_unit_of_work(act)
    what = "recorded" if result.created else "told anew" if result.changed else "known already; nothing changed"
    click.echo(f"Record {result.id} of {borrower_no}: {what}.")


def _read_facts(facts_file: str | None) -> Any:
    if facts_file is None:
        return {}
    if facts_file == "-":
        return _parse(sys.stdin.read())
    try:
        return _parse(Path(facts_file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as refusal:
        raise click.ClickException(f"{facts_file} cannot be read: {refusal}") from None


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as refusal:
        raise click.ClickException(f"The facts are no JSON: {refusal}") from None


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
