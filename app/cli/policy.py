"""flask policy: reminder policies, from the first check to the day one is in force."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.domain.errors import FieldError
    from app.domain.policies import Policy
    from app.persistence.models.reminders import PolicyRow

policy_commands = AppGroup("policy", help="Reminder policies: check, compare, submit, approve, activate.")

_by = click.option("--by", required=True, help="Your name, for the audit trail.")
_version = click.argument("version", metavar="KEY@VERSION")
_file = click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@policy_commands.command("check")
@_file
@click.option(
    "--jurisdiction", "jurisdictions", multiple=True, help="Hold it against this law too, e.g. CN; may be repeated."
)
@says_why
def check(path: Path, jurisdictions: tuple[str, ...]) -> None:
    """Check a policy FILE: its form, what it means, and the law of those it is for. Exit code 1 when anything is wrong."""
    from app.persistence.db import session
    from app.services.law_packs import get_pack
    from app.services.policy_review import review_document

    for name in jurisdictions:
        get_pack(name)
    document = _read(path)
    named = isinstance(document, dict) and (document.get("jurisdictions") or jurisdictions) and "lender" not in document
    review = review_document(None if named else session(), document, on=clock.now().date(), asked=jurisdictions)
    if review.problems:
        _tell(review.problems)
        raise click.ClickException(f"{path.name} has {len(review.problems)} problem{'s' * (len(review.problems) > 1)}.")
    law = (
        f"held against the law of {', '.join(review.packs)}"
        if review.packs
        else "no law: it names no jurisdiction or lender"
    )
    assert review.policy is not None
    click.echo(f"{review.policy.key}@{review.policy.version_no} is in order: {len(review.policy.steps)} steps; {law}.")


@policy_commands.command("diff")
@click.argument("old", metavar="FILE|KEY@VERSION")
@click.argument("new", metavar="FILE|KEY@VERSION")
@says_why
def diff(old: str, new: str) -> None:
    """Say in words how two policies differ: steps, times, ladders, audiences, caps, hours."""
    from app.domain.policy_diff import diff_policies

    changes = diff_policies(_policy(old), _policy(new))
    for change in changes:
        click.echo(f"{change.kind}\t{change.words}")
    if not changes:
        click.echo("No difference: both decide the same.")


@policy_commands.command("submit")
@_file
@_by
@says_why
def submit(path: Path, by: str) -> None:
    """Keep a policy FILE as a version and hand it over for approval."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.policy_versions import named, save_draft, submit_policy

    document = _read(path)
    with _tells_all(), unit_of_work() as work:
        row = save_draft(work, document, by=_staff(by), now=clock.now())
        submit_policy(work, row.key, row.version_no, by=_staff(by), now=clock.now())
        click.echo(f"{named(row)} waits for approval by somebody other than {by}.")


@policy_commands.command("approve")
@_version
@_by
@says_why
def approve(version: str, by: str) -> None:
    """Approve a submitted version; from then on it never changes. Not its author."""
    from app.services.policy_versions import approve_policy

    click.echo(_done(approve_policy, version, by))


@policy_commands.command("return")
@_version
@_by
@says_why
def return_command(version: str, by: str) -> None:
    """Give a submitted version back to its author."""
    from app.services.policy_versions import return_policy

    click.echo(_done(return_policy, version, by))


@policy_commands.command("activate")
@_version
@_by
@says_why
def activate(version: str, by: str) -> None:
    """Put an approved version in force, or an older one again."""
    from app.services.policy_versions import activate_policy

    click.echo(_done(activate_policy, version, by))


@policy_commands.command("retire")
@_version
@_by
@says_why
def retire(version: str, by: str) -> None:
    """Take a version out of use."""
    from app.services.policy_versions import retire_policy

    click.echo(_done(retire_policy, version, by))


@policy_commands.command("list")
@click.option("--key", help="Only versions of this policy.")
@says_why
def list_command(key: str | None) -> None:
    """List versions, newest first: name, status, lender, author, approved by, in force since."""
    from app.domain.times import rfc3339
    from app.persistence.db import session
    from app.persistence.queries.policies import page_policies
    from app.services.policy_versions import named

    after: tuple[datetime, str] | None = None
    while rows := page_policies(session(), key=key, after=after, limit=200):
        for row in rows:
            since = rfc3339(row.activated_at) if row.activated_at else "-"
            lender = row.document.get("lender", "everyone else")
            click.echo("\t".join([named(row), row.status, lender, row.author, row.approved_by or "-", since]))
        after = (rows[-1].created_at, rows[-1].id)


@policy_commands.command("show")
@_version
@says_why
def show(version: str) -> None:
    """Print the document of a version, as YAML."""
    import yaml

    click.echo(yaml.safe_dump(_stored(version).document, sort_keys=False, allow_unicode=True), nl=False)


def _done(act: Callable[..., "PolicyRow"], version: str, by: str) -> str:
    from app.persistence.unit_of_work import unit_of_work
    from app.services.policy_versions import named

    key, version_no = _named(version)
    with _tells_all(), unit_of_work() as work:
        row = act(work, key, version_no, by=_staff(by), now=clock.now())
        return f"{named(row)} is {row.status}."


def _policy(which: str) -> "Policy":
    from app.services.policy_documents import check_document, parse_policy

    if Path(which).is_file():
        document = _read(Path(which))
        with _tells_all():
            check_document(document)
        return parse_policy(document, "")
    return parse_policy(_stored(which).document, "")


def _stored(version: str) -> "PolicyRow":
    from app.persistence.db import session
    from app.services.policy_versions import get_version

    return get_version(session(), *_named(version))


def _read(path: Path) -> Any:
    from app.services.policy_files import read_document

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.ClickException(f"{path.name} is not UTF-8.") from None
    with _tells_all():
        return read_document(text)


def _named(version: str) -> tuple[str, int]:
    key, at, number = version.rpartition("@")
    if not at or not number.isdecimal() or len(number) > 7:
        raise click.UsageError(f"{version!r} names no version; write it like consumer-cn@3.")
    return key, int(number)


def _staff(by: str) -> str:
    return f"staff:{by.strip()}"


def _tell(problems: "Sequence[FieldError]") -> None:
    for problem in problems:
        click.echo(f"{problem.pointer or '/'}: {problem.detail}", err=True)


@contextmanager
def _tells_all() -> Iterator[None]:
    """Print every problem of a refusal, not only the first."""
    from app.domain.errors import DomainError

    try:
        yield
    except DomainError as refusal:
        if not refusal.errors:
            raise
        _tell(refusal.errors)
        raise click.ClickException(f"Refused for {len(refusal.errors)} reason{'s' * (len(refusal.errors) > 1)}.") from None
