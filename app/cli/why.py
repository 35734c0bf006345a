"""flask why: why a borrower was contacted or not, and whom a reason has touched."""

from datetime import datetime
from typing import TYPE_CHECKING

import click
import orjson

from app import clock
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.services.explained import Explanation, RuleShown, StepShown

_PAGE = 500


@click.command("why")
@click.argument("borrower_no", required=False)
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The date where the borrower is; default: today.")
@click.option("--reason", help="Instead of one borrower: everyone this reason has touched.")
@click.option("--since", help="With --reason: from this instant or date on (UTC).")
@click.option("--lender", help="Only loans of this lender, by code.")
@click.option(
    "--lang", type=click.Choice(["en", "zh-CN"]), default="en", show_default=True, help="Language of the sentences."
)
@click.option("--json", "as_json", is_flag=True, help="JSON: one object, or with --reason one a line.")
@says_why
def why_command(
    borrower_no: str | None, on: datetime | None, reason: str | None, since: str | None, lender: str | None, lang: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Say why a borrower was (not) contacted around a day, or with --reason whom a reason has touched.

    Every step of the policy near the day is told: what was decided by which rule, or why there was nothing to decide.
    """
    if (borrower_no is None) == (reason is None):
        raise click.UsageError("Name a borrower, or a reason with --reason.")
    if reason is not None:
        _touched(reason.upper(), since, lender, as_json=as_json)
        return
    assert borrower_no is not None
    from app.domain.times import business_date
    from app.persistence.queries.borrowers import get_borrower_id
    from app.persistence.unit_of_work import reading_one_state
    from app.services.explanations import explain

    now = clock.now()
    day = on.date() if on is not None else business_date(now, "UTC")
    with reading_one_state() as session:
        borrower_id = get_borrower_id(session, borrower_no)
        found = explain(session, borrower_id, day, now=now, locale=lang, lender_id=_lender_id(lender))
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        _print(found)


def _lender_id(code: str | None) -> str | None:
    from app.persistence.db import session
    from app.persistence.queries.lenders import find_lender

    if code is None:
        return None
    lender = find_lender(session(), code)
    if lender is None:
        raise click.ClickException(f"There is no lender {code!r}.")
    return lender.id


def _touched(reason: str, since: str | None, lender: str | None, *, as_json: bool) -> None:
    from app.domain.times import parse_instant
    from app.persistence.unit_of_work import reading
    from app.services.explanations import page_touched

    if since is None:
        raise click.UsageError("--reason needs --since.")
    start = parse_instant(since if "T" in since else f"{since}T00:00:00Z")
    before: tuple[datetime, str] | None = None
    borrowers: set[str] = set()
    count = 0
    while True:
        with reading() as session:
            page = page_touched(session, reason, since=start, lender_id=_lender_id(lender), before=before, limit=_PAGE)
        for each in page:
            borrowers.add(each.borrower_no)
            count += 1
            if as_json:
                click.echo(orjson.dumps(each))
            else:
                click.echo(
                    f"{each.at:%Y-%m-%dT%H:%M:%SZ}  {each.borrower_no}  {each.lender}/{each.loan_no} row {each.row_no}  "
                    f"{each.step} of {each.local_date}  now {each.outcome}/{each.reason}"
                )
        if len(page) < _PAGE:
            break
        before = page[-1].at, page[-1].decision_id
    click.echo(f"{count} decision(s) of {len(borrowers)} borrower(s) touched by {reason}.", err=as_json)


def _print(found: "Explanation") -> None:
    contacted = "contacted" if found.was_contacted else "not contacted"
    click.echo(f"Borrower {found.borrower_no} on {found.on}: {contacted}. As of {found.as_of:%Y-%m-%dT%H:%M:%SZ}.")
    if found.sentence:
        click.echo(f"  {found.sentence}.")
    for notice in found.notices:
        why = f" ({notice.reason})" if notice.reason else f", push {notice.push}" if notice.push else ""
        about = f" on loan {notice.loan_no}" if notice.loan_no else ""
        click.echo(f"  Notice {notice.template}{about}: {notice.status}{why} at {notice.at:%H:%M}Z")
    for manual in found.manual:
        click.echo(f"  By a person: {manual.message_class} by {', '.join(manual.channels) or 'call'} at {manual.at:%H:%M}Z")
        if manual.sentence:
            click.echo(f"    {manual.sentence}.")
        if manual.override_reason:
            click.echo(f"    Reason given: {manual.override_reason}")
    for loan in found.loans:
        click.echo(f"\nLoan {loan.lender}/{loan.loan_no}" + (f": {loan.sentence}." if loan.sentence else ""))
        for subject in loan.subjects:
            if subject.kind == "promise":
                click.echo(f"  Promise {subject.plan_version}, for {subject.due_on}")
            else:
                click.echo(f"  Instalment {subject.row_no}, due {subject.due_on} (plan {subject.plan_version})")
            for step in subject.steps:
                _print_step(step, on_the_day=step.local_date == found.on)


def _print_step(step: "StepShown", *, on_the_day: bool) -> None:
    mark = ">" if on_the_day else " "
    click.echo(f"  {mark} {step.step:8} {step.local_date} {step.code:14} {step.sentence}.")
    for event in step.events if len(step.events) > 1 else ():
        click.echo(f"        {event.at:%Y-%m-%dT%H:%M:%SZ}  {event.sentence}.")
    if step.events:
        last = step.events[-1]
        _print_law(last.law)
        if last.facts:
            click.echo(f"        facts: {orjson.dumps(last.facts).decode()}")
        click.echo(f"        can be changed by: {last.owner}")
    if step.expected is not None:
        click.echo(f"        as things stand: {step.expected.sentence}." + _on(step.expected.channels))
        _print_law(step.expected.law)
    for message in step.messages:
        said = f" ({message.sentence})" if message.sentence else ""
        tries = "".join(f"; {attempt.provider} {attempt.outcome}" for attempt in message.attempts)
        click.echo(f"        {message.channel}: {message.state}{said}{tries}")
    for task in step.tasks:
        click.echo(f"        task for {task.queue}: {task.kind}, {task.state}")


def _on(channels: list[str]) -> str:
    return f" On {', '.join(channels)}." if channels else ""


def _print_law(law: "RuleShown | None") -> None:
    if law is not None:
        unsure = "recalled, NOT verified as law" if law.is_recalled else f"read: {law.evidence}"
        click.echo(f"        rule {law.id}: {law.title}, {law.paragraph} ({unsure})")
