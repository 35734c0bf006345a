"""flask calendar: which days are business days, and a lender's own among them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
from flask.cli import AppGroup

from app import clock
from app.cli.refusals import says_why

if TYPE_CHECKING:
    from app.domain.calendars import CalendarDay
    from app.services.calendars import ShownYear

calendar_commands = AppGroup("calendar", help="Business days: the country's calendar and a lender's own days.")

_lender_option = click.option("--lender", required=True, help="Code of the lender.")
_day = click.DateTime(["%Y-%m-%d"])
_BY = "cli"


@calendar_commands.command("show")
@_lender_option
@click.option("--year", type=int, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, of the days alone.")
@says_why
def show(lender: str, year: int, as_json: bool) -> None:
    """Show the days of a year that the lender's calendar names: day, weekday, kind, name, source (country or own)."""
    from app.persistence.db import session
    from app.services.calendars import year_of
    from app.services.lenders import get_lender

    row = get_lender(session(), lender)
    shown = year_of(session(), row, year)
    if not as_json:
        click.echo(_headline(shown, year, f"{row.code} ({row.jurisdiction})"))
    for each in shown.days:
        values = {
            "day": each.day.isoformat(),
            "weekday": f"{each.day:%a}",
            "kind": each.kind.value,
            "name": each.name,
            "source": each.source,
        }
        click.echo(orjson.dumps(values).decode() if as_json else "\t".join(values.values()))


@calendar_commands.command("add")
@_lender_option
@click.option("--off", type=_day, multiple=True, help="A day without business, e.g. 2026-05-01; may be repeated.")
@click.option("--working", type=_day, multiple=True, help="A weekend day or holiday with business; may be repeated.")
@click.option("--name", required=True, help="Why, as people call it.")
@says_why
def add(lender: str, off: Sequence[datetime], working: Sequence[datetime], name: str) -> None:
    """Add own days of the lender, or change what it said of them."""
    from app.domain.calendars import CalendarDay, DayKind

    days = [CalendarDay(each.date(), DayKind.OFF, name) for each in off]
    days += [CalendarDay(each.date(), DayKind.WORKING, name) for each in working]
    if not days:
        raise click.UsageError("Name a day: --off or --working.")
    click.echo(_told(_put(lender, days)))


@calendar_commands.command("remove")
@_lender_option
@click.argument("days", type=_day, nargs=-1, required=True)
@says_why
def remove(lender: str, days: Sequence[datetime]) -> None:
    """Take own DAYS of the lender back; the country's calendar holds for them again."""
    from app.persistence.unit_of_work import unit_of_work
    from app.services.calendars import remove_days
    from app.services.lenders import get_lender

    wanted: set[date] = {each.date() for each in days}
    with unit_of_work() as work:
        remove_days(work, get_lender(work, lender), wanted)
    click.echo(f"{len(wanted)} removed")


@calendar_commands.command("import")
@_lender_option
@click.argument("path", type=click.Path(path_type=Path))
@says_why
def import_command(lender: str, path: Path) -> None:
    """Take own days of the lender from a file with the columns day,kind,name; kind is off or working.

    One wrong line refuses the whole file. Days it does not name stay as they are.
    """
    from app.services.calendar_files import read_days

    click.echo(_told(_put(lender, read_days(path))))


def _put(lender: str, days: Sequence["CalendarDay"]) -> Counter[str]:
    from app.persistence.unit_of_work import unit_of_work
    from app.services.calendars import put_days
    from app.services.lenders import get_lender

    with unit_of_work() as work:
        return put_days(work, get_lender(work, lender), days, now=clock.now(), by=_BY)


def _told(done: Counter[str]) -> str:
    return ", ".join(f"{done[what]} {what}" for what in ("added", "changed", "unchanged"))


def _headline(shown: "ShownYear", year: int, whose: str) -> str:
    weekend = " ".join(f"{date(2024, 1, 1 + day):%a}" for day in sorted(shown.calendar.weekend))  # a Monday the 1st
    stated = "stated in full" if shown.is_known else "NOT stated in full: weekends, and the days listed here"
    return f"{whose}, {year}: {stated}; weekend {weekend}; {shown.business_days} business days"
