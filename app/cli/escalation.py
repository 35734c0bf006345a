"""flask escalation: by which steps arrears go further than reminders, and why a step of a loan did not happen."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import AppGroup

from app import clock
from app.cli.operators import operator_named
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.persistence.models.escalations import EscalationPolicyRow

escalation_commands = AppGroup(
    "escalation", help="Arrears beyond reminders: policies, rehearsals, why a step did not happen."
)
policy_commands = AppGroup("policy", help="Escalation policies: check, draft, approve, activate, retire.")
escalation_commands.add_command(policy_commands)

_by = click.option("--by", required=True, help="Your name, for the audit trail.")
_lender = click.option("--lender", "lender_code", required=True, metavar="CODE", help="Whose loans.")
_version = click.argument("version", metavar="KEY@VERSION")
_file = click.argument("source", metavar="FILE|shipped:NAME")


@policy_commands.command("check")
@_file
@says_why
def check(source: str) -> None:
    """Check a policy: its form and what it means. Exit code 1 when anything is wrong."""
    from app.services.escalation_documents import find_problems, parse_document

    document = _read(source)
    problems = find_problems(document)
    for each in problems:
        click.echo(f"{each.pointer or '/'}\t{each.code}\t{each.detail}")
    if problems:
        raise click.ClickException(f"{source} has {len(problems)} problem{'s' * (len(problems) > 1)}.")
    policy = parse_document(document)
    click.echo(f"{policy.key}@{policy.version_no} is in order: {len(policy.steps)} steps.")


@policy_commands.command("draft")
@_file
@_lender
@_by
@says_why
def draft(source: str, lender_code: str, by: str) -> None:
    """Keep a policy as a draft for a lender; somebody else approves it once it was rehearsed."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.escalation_policies import named, save_draft

    document = _read(source)
    with unit_of_work() as work:
        row = save_draft(work, _lender_id(work.session, lender_code), document, by=operator_named(by), now=clock.now())
        click.echo(f"{named(row)} is a draft; rehearse it next.")


@policy_commands.command("approve")
@_version
@_lender
@_by
@says_why
def approve_command(version: str, lender_code: str, by: str) -> None:
    """Approve a draft that somebody else wrote, and that was rehearsed as it is."""
    _move("approve", version, lender_code, by)


@policy_commands.command("activate")
@_version
@_lender
@_by
@says_why
def activate_command(version: str, lender_code: str, by: str) -> None:
    """Put an approved version in force; the one before is retired."""
    _move("activate", version, lender_code, by)


@policy_commands.command("retire")
@_version
@_lender
@_by
@says_why
def retire_command(version: str, lender_code: str, by: str) -> None:
    """Take a version out of use; of the one in force, nothing happens by it any more."""
    _move("retire", version, lender_code, by)


@policy_commands.command("list")
@_lender
@says_why
def list_command(lender_code: str) -> None:
    """List a lender's versions: status, key, version, author, who approved it."""
    from app.persistence.queries.escalation_policies import list_versions
    from app.persistence.unit_of_work import reading

    with reading() as session:
        for row in list_versions(session, _lender_id(session, lender_code)):
            click.echo("\t".join([row.status, f"{row.key}@{row.version_no}", row.author, row.approved_by or "-"]))


@escalation_commands.command("rehearse")
@_version
@_lender
@_by
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 400), help="How many days from today.")
@click.option("--delivery-days", default=3, show_default=True, type=click.IntRange(0, 60), help="Until a notice arrives.")
@click.option("--approval-days", default=1, show_default=True, type=click.IntRange(0, 60), help="Until people say yes.")
@click.option("--no-approvals", is_flag=True, help="Nobody says yes.")
@click.option("--custody-days", type=click.IntRange(0, 365), help="From a referral until something is in custody.")
@says_why
def rehearse_command(version: str, lender_code: str, by: str, days: int, delivery_days: int, approval_days: int,
                     no_approvals: bool, custody_days: int | None) -> None:  # fmt: skip
    """Say what a version would do over the lender's book, by day and step, if nobody paid; keep it with the version."""
    from app.domain.escalation_runs import Assumptions
    from app.persistence.unit_of_work import unit_of_work
    from app.services.escalation_rehearsals import rehearse_version

    assumed = Assumptions(delivery_days, approval_days, not no_approvals, custody_days)
    with unit_of_work() as work:
        row = _row(work.session, version, lender_code)
        kept = rehearse_version(work, row, by=operator_named(by), now=clock.now(), days=days, assumed=assumed)
        result = kept.result
    for day, kind, outcome, count in result["by_day"]:
        click.echo(f"{day}\t{kind}\t{outcome}\t{count}")
    for kind, outcome, reason, count in result["standing"]:
        click.echo(f"at the end\t{kind}\t{outcome} {reason}\t{count}")
    click.echo(f"{result['loans']} loans, {days} days; payments none, delivery after {delivery_days} days.")


@escalation_commands.command("run")
@click.option("--most", default=1_000_000, show_default=True, type=click.IntRange(1), help="Looks at borrowers at most.")
@says_why
def run_command(most: int) -> None:
    """Look at everybody whose turn has come, as the engine does; say how many."""
    from app.services.escalations import BATCH, look_at_due

    done = 0
    while done < most and (count := look_at_due(now=clock.now(), limit=min(BATCH, most - done))):
        done += count
    click.echo(f"Looked at {done} borrowers.")


@escalation_commands.command("why")
@click.argument("loan_no")
@_lender
@click.option("--lang", type=click.Choice(["en", "zh-CN"]), default="en", show_default=True, help="Language of the words.")
@says_why
def why_command(loan_no: str, lender_code: str, lang: str) -> None:
    """Say of each step of a loan's escalation whether it happened, and why not."""
    from app.domain.errors import NotFoundError
    from app.persistence.queries.loans import find_loan_owners
    from app.persistence.unit_of_work import reading
    from app.services.escalation_explanations import explain_loan
    from app.wording.escalation_words import kind_words, outcome_words, why_words

    with reading() as session:
        owner = find_loan_owners(session, _lender_id(session, lender_code), [loan_no]).get(loan_no)
        if owner is None:
            raise NotFoundError(f"There is no loan {loan_no} at {lender_code}.")
        loan_id, borrower_id = owner
        found = explain_loan(session, borrower_id, loan_id, now=clock.now())
    if found is None:
        raise NotFoundError(f"Loan {loan_no} has no plan.")
    policy = "-" if found.policy is None else f"{found.policy}@{found.policy_version}"
    click.echo(f"{found.loan_no}\t{found.state}\t{policy}\t{found.days_past_due} days past due")
    if found.reason is not None:
        click.echo(f"{found.reason}\t{why_words(found.reason, lang)}")
    for step in found.steps:
        columns = [step.key, kind_words(step.kind, lang), outcome_words(step.outcome, lang), step.reason,
                   why_words(step.reason, lang)]  # fmt: skip
        columns += [f"rule {step.rule}"] if step.rule else []
        columns += [f"from {step.due_on}"] if step.due_on else []
        click.echo("\t".join(columns))


def _read(source: str) -> Any:
    from app.domain.errors import NotFoundError
    from app.services.escalation_documents import read_document, shipped

    if source.startswith("shipped:"):
        return shipped(source.removeprefix("shipped:"))
    path = Path(source)
    if not path.is_file():
        raise NotFoundError(f"There is no file {source}.")
    return read_document(path.read_text(encoding="utf-8"))


def _move(move: str, version: str, lender_code: str, by: str) -> None:
    from app.persistence.unit_of_work import unit_of_work
    from app.services import escalation_policies

    with unit_of_work() as work:
        row = _row(work.session, version, lender_code)
        getattr(escalation_policies, move)(work, row, by=operator_named(by), now=clock.now())
        click.echo(f"{escalation_policies.named(row)} is {row.status}.")


def _row(session: "Session", version: str, lender_code: str) -> "EscalationPolicyRow":
    from app.domain.errors import ValidationError
    from app.services.escalation_policies import get_version

    key, at, number = version.partition("@")
    if not at or not number.isdigit():
        raise ValidationError(f"{version} is not KEY@VERSION.")
    return get_version(session, _lender_id(session, lender_code), key, int(number))


def _lender_id(session: "Session", code: str) -> str:
    from app.domain.errors import NotFoundError
    from app.persistence.queries.lenders import find_lender

    lender = find_lender(session, code)
    if lender is None:
        raise NotFoundError(f"There is no lender {code} here.")
    return lender.id
