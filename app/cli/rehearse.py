"""flask rehearse: a policy over the real book for the next days, or for a stretch of the past, without sending anything."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import current_app

from app import clock
from app.cli.refusals import says_why
from app.persistence.db import db


@click.command("rehearse")
@click.option("--policy", required=True, metavar="FILE|KEY@VERSION|active", help="What to rehearse.")
@click.option(
    "--from", "starts_on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day, from 00:00 in --zone."
)
@click.option("--days", type=int, required=True, help="How many days.")
@click.option("--zone", help="Zone of the days. Default: the lender's with --lender, else UTC.")
@click.option("--against", metavar="KEY@VERSION|active", help="Say how contacts differ from those under this one.")
@click.option("--payments", type=click.Choice(["none", "scheduled", "history"]), default="none", show_default=True,
              help="scheduled: what falls due is paid at 12:00 that day; history: as the book knows it.")  # fmt: skip
@click.option("--delivery", type=click.Choice(["unseen", "seen"]), default="unseen", show_default=True,
              help="What becomes of messages.")  # fmt: skip
@click.option("--synthetic-devices", type=click.IntRange(0, 100), default=0, help="Percent of borrowers given a device.")
@click.option("--seed", type=int, default=0, help="Chooses which borrowers those are.")
@click.option("--lender", metavar="CODE", help="Only borrowers of this lender, and only what is about its loans.")
@click.option("--channels", metavar="push,sms,...", help="Do as if these outward channels had providers.")
@click.option("--forget-contacts", is_flag=True, help="As a replay does: what was really sent so far is not known.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes. Default: one for each processor.")
@click.option("--channel-figures", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Limits and prices of your providers instead of the product's examples.")  # fmt: skip
@click.option("--csv", "csv_folder", type=click.Path(file_okay=False, path_type=Path), help="Also write tables there.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page with charts.")
@click.option("--store", is_flag=True, help="Also keep the result in the book, for the desk.")
@says_why
def rehearse_command(
    policy: str, starts_on: datetime, days: int, zone: str | None, csv_folder: Path | None, html_file: Path | None,
    workers: int | None, channel_figures: Path | None, channels: str | None, store: bool, lender: str | None, **given: Any,
) -> None:  # fmt: skip
    """Rehearse a policy: every contact it would make, every one it would not, and why. A rehearsal cannot send."""
    from app.services.rehearsals.channel_figures import load_figures
    from app.services.rehearsals.pages import page_of
    from app.services.rehearsals.runs import rehearse
    from app.services.rehearsals.settings import RehearsalSettings
    from app.services.rehearsals.stored import store_result
    from app.services.rehearsals.texts import describe, write_csv

    settings = RehearsalSettings(
        policy=_policy(policy),
        starts_on=starts_on.date(),
        days=days,
        zone=zone or _zone_of(lender),
        against=given["against"],
        payments=given["payments"],
        delivery=given["delivery"],
        devices_percent=given["synthetic_devices"],
        seed=given["seed"],
        lender=lender,
        channels=None if channels is None else tuple(name.strip() for name in channels.split(",") if name.strip()),
        forgets_contacts=given["forget_contacts"],
    )
    figures = load_figures(channel_figures)
    now = clock.now()
    url = current_app.config["SETTINGS"].database_url
    db.session.remove()
    db.engine.dispose()  # processes are forked off: none may share a connection
    with click.progressbar(length=1, label="rehearsing", file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        try:
            result = rehearse(url, settings, now=now, workers=workers or os.cpu_count() or 1, progress=show)
        except KeyboardInterrupt:
            raise click.ClickException("Stopped; nothing was kept.") from None
    click.echo(describe(result, settings, figures))
    if csv_folder is not None:
        write_csv(csv_folder, result, figures)
        click.echo(f"tables: {csv_folder}")
    if html_file is not None:
        html_file.write_text(page_of(result, settings, figures), encoding="utf-8")
        click.echo(f"page: {html_file}")
    if store:
        click.echo(f"kept as rehearsal {store_result(result, settings, figures, by='cli', now=now)}")


def _policy(given: str) -> dict[str, Any] | str:
    from app.services.policy_files import read_document

    path = Path(given)
    if not path.is_file():
        return given
    document: dict[str, Any] = read_document(path.read_text(encoding="utf-8"))
    return document


def _zone_of(lender_code: str | None) -> str:
    from app.persistence.queries.lenders import find_lender
    from app.persistence.unit_of_work import reading

    if lender_code is None:
        return "UTC"
    with reading() as session:
        lender = find_lender(session, lender_code)
        return "UTC" if lender is None else lender.zone
