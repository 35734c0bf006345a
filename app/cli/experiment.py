"""flask experiment: what the arms of experiments and holdouts did, against their control."""

import csv
import re
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.services.experiments import Listed, MeasuredArm, Report

experiment_commands = AppGroup("experiment", help="Experiments and holdouts: arms, effect on payment, guardrails.")

_DAYS = re.compile(r"P?([0-9]{1,3})D", re.IGNORECASE)
_NAMES = {"paid_in_full": "instalment paid in full", "paid_anything": "any payment on the loan"}
COLUMNS = ("kind", "measure", "arm", "count", "of", "rate", "rate_low", "rate_high", "difference", "difference_low",
           "difference_high", "p_value", "p_adjusted", "test", "detectable")  # fmt: skip


class _Within(click.ParamType[int]):
    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _DAYS.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a number of days like 3d.", param, ctx)
        return int(match[1])


def _lender_id(code: str | None) -> str | None:
    from app.persistence.db import session
    from app.services.lenders import get_lender

    return get_lender(session(), code).id if code is not None else None


@experiment_commands.command("list")
@click.option("--lender", help="Only its own and everyone's policies, and loans of it, by code.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@says_why
def list_command(lender: str | None, as_json: bool) -> None:
    """List the experiments and holdouts of policies that are or were in force, with how many are in which arm."""
    from app.persistence.unit_of_work import reading_one_state
    from app.services.experiments import list_experiments

    with reading_one_state() as session:
        found = list_experiments(session, lender_id=_lender_id(lender))
    for each in found:
        click.echo(orjson.dumps(each) if as_json else _line(each))
    if not found and not as_json:
        click.echo("No policy that is or was in force has an experiment or a holdout.")


@experiment_commands.command("report")
@click.argument("key")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First exposed from this day on (UTC).")
@click.option("--to", "until", type=click.DateTime(["%Y-%m-%d"]), help="First exposed before this day (UTC).")
@click.option("--within", type=_Within(), help="Paid within so many days of the decision, 3d; default: the policy's.")
@click.option("--control", help="The arm to compare to; default: the control, or the first that gets no message.")
@click.option("--lender", help="Only loans of this lender, by code.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures, one a row.")
@says_why
def report_command(
    key: str, first: datetime | None, until: datetime | None, within: int | None, control: str | None, lender: str | None,
    as_json: bool, csv_file: Path | None,
) -> None:  # fmt: skip
    """Report on the experiment or holdout KEY: borrowers by arm, effect on payment, guardrails, and what to doubt."""
    from app.persistence.unit_of_work import reading_one_state
    from app.services.experiments import report_experiment

    with reading_one_state() as session:
        found = report_experiment(
            session, key, now=clock.now(), lender_id=_lender_id(lender), first_on=_day(first), until=_day(until),
            within_days=within, control=control,
        )  # fmt: skip
    if csv_file is not None:
        _write(csv_file, found)
        click.echo(f"Written to {csv_file}.", err=True)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        _print(found)


def _day(at: datetime | None) -> date | None:
    return at.date() if at is not None else None


def _line(one: "Listed") -> str:
    arms = ", ".join(f"{arm.arm} {'?' if arm.percent is None else arm.percent} % {arm.borrowers}" for arm in one.arms)
    span = f"{one.first_at:%Y-%m-%d} to {one.last_at:%Y-%m-%d}" if one.first_at and one.last_at else "nobody yet"
    return f"{one.key}\t{one.kind}\t{'live' if one.is_live else 'over'}\t{arms}\t{span}\t{', '.join(one.policies)}"


def _print(found: "Report") -> None:
    click.echo(f"{found.kind.capitalize()} {found.key} as of {found.as_of:%Y-%m-%dT%H:%M:%SZ} ({', '.join(found.policies)})")
    span = f"from {found.first_on or 'the start'} until before {found.until or 'now'}"
    click.echo(f"Borrowers by first exposure {span}; outcome within {found.within_days} day(s); control: {found.control}")
    for warning in found.warnings:
        click.echo(f"WARNING {warning.code}: {warning.text}")
    click.echo(f"\n{'arm':20}{'share':>7}{'borrowers':>11}{'exposures':>11}{'through':>9}")
    for arm in found.arms:
        click.echo(f"{arm.arm:20}{arm.percent:>5} %{arm.borrowers:>11}{arm.exposures:>11}{arm.mature:>9}")
    ratio = found.sample_ratio.p_value
    click.echo(f"Sizes against shares: {'nothing to test' if ratio is None else f'p = {ratio:.3g}'}")
    for title, measures in (("Outcome", found.outcomes), ("Guardrail", found.guardrails)):
        for measure in measures:
            click.echo(f"\n{title}: {_NAMES.get(measure.name, measure.name.replace('_', ' '))}")
            for one in measure.arms:
                click.echo(f"  {one.arm:18}{_told(one)}")
    left = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in found.exclusions.items())
    click.echo(f"\nNot compared: {left}")


def _told(one: "MeasuredArm") -> str:
    rate, difference = one.rate, one.difference
    if rate.rate is None or rate.low is None or rate.high is None:
        return "nobody yet"
    text = f"{100 * rate.rate:6.2f} % [{100 * rate.low:.2f}, {100 * rate.high:.2f}]  {rate.count} of {rate.of}"
    if difference is None:
        return text
    text += f"; {100 * difference.difference:+.2f} points [{100 * difference.low:+.2f}, {100 * difference.high:+.2f}]"
    text += f", p = {difference.p_value:.3g}"
    if difference.p_adjusted != difference.p_value:
        text += f" (Holm {difference.p_adjusted:.3g})"
    if difference.detectable is not None:
        text += f"; shows rises from {100 * difference.detectable:.2f} points on (80 % power)"
    return text


def _write(path: Path, found: "Report") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for kind, measures in (("outcome", found.outcomes), ("guardrail", found.guardrails)):
            for measure in measures:
                for one in measure.arms:
                    rate, than = one.rate, one.difference
                    figures = (
                        (than.difference, than.low, than.high, than.p_value, than.p_adjusted, than.test, than.detectable)
                        if than is not None
                        else (None,) * 7
                    )
                    known = (rate.count, rate.of, rate.rate, rate.low, rate.high)
                    rows.writerow((kind, measure.name, one.arm, *known, *figures))
