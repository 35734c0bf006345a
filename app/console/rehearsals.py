"""Rehearsals of policies: asked for, followed, and read as charts and tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.charts import Chart, Series, bars, figure, stacked_bars
from app.console.forms import Form, submit
from app.console.frame import PREFIX, fragment, page, pages
from app.console.lists import SIZE, after, listed
from app.domain.times import parse_instant
from app.persistence.models.rehearsals import RehearsalRow
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.rehearsals import get_rehearsal, iterate_lines, page_rehearsals
from app.persistence.unit_of_work import Work, reading
from app.services.policy_versions import get_version, named
from app.services.rehearsals.pages import title_of
from app.services.rehearsals.settings import DELIVERIES, PAYMENTS, RehearsalSettings
from app.services.rehearsals.stored import ask_for
from app.web.auth import desk, permits
from app.web.fields import DateField
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads
from app.web.request_context import now
from app.wording.console_words import code_words, console_words

LONGEST = 120
"""Days that one asks for here; more by the API."""
_CONTACTED = ("SENT", "CONSOLIDATED", "TASK_CREATED")
_MOST_LINES = 200


class AskSchema(Schema):
    """What to rehearse a version with."""

    starts_on = DateField(required=True)
    days = fields.Integer(required=True, validate=validate.Range(1, LONGEST))
    payments = fields.String(load_default="none", validate=validate.OneOf(PAYMENTS))
    delivery = fields.String(load_default="unseen", validate=validate.OneOf(DELIVERIES))
    devices_percent = fields.Integer(load_default=0, validate=validate.Range(0, 100))
    against_active = fields.Boolean(load_default=False)


@pages.get("/policies/<number:key>/<int:version_no>/rehearse")
@permits("rehearsals.run")
def ask_rehearsal(key: str, version_no: int) -> Response:
    """Show what a rehearsal can be asked for."""
    return _asked(key, version_no, Form())


@pages.post("/policies/<number:key>/<int:version_no>/rehearse")
@permits("rehearsals.run")
def start_rehearsal(key: str, version_no: int) -> BaseResponse:
    """Have a version rehearsed over the lender's book. Nothing is sent."""
    who, at = desk(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        lender = get_lender(work.session, who.lender_id)
        version = get_version(work.session, key, version_no, for_lender=who.lender_id)
        against = "active" if values.pop("against_active") else None
        settings = RehearsalSettings(named(version), zone=lender.zone, lender=lender.code, against=against, **values)
        row = ask_for(work, settings, lender_id=who.lender_id, by=who.name, now=at)
        return f"{PREFIX}/policies/rehearsals/{row.id}"

    return submit(AskSchema, act, lambda form: _asked(key, version_no, form, status=422))


@pages.get("/policies/rehearsals")
@permits("rehearsals.read")
def rehearsals() -> Response:
    """List the lender's rehearsals, newest first."""
    begin = after()
    end_reads()
    with reading() as session:
        rows = page_rehearsals(session, lender_id=desk().lender_id, after=begin, limit=SIZE + 1)
        shown = [(row, title_of(settings_of(row)), settings_of(row)) for row in rows]
        return page("policies/rehearsals.html", found=listed(shown, [Key(row.created_at, row.id) for row in rows]))


@pages.get("/policies/rehearsals/<id:rehearsal_id>")
@permits("rehearsals.read")
def rehearsal(rehearsal_id: str) -> Response:
    """Show one: how far it is, then what it came to."""
    return page("policies/rehearsal.html", **_result(rehearsal_id))


@pages.get("/policies/rehearsals/<id:rehearsal_id>/now")
@permits("rehearsals.read")
def rehearsal_now(rehearsal_id: str) -> Response:
    """Show the same part again, as far as it is by now."""
    return fragment("policies/_rehearsal.html", **_result(rehearsal_id))


def settings_of(row: RehearsalRow) -> RehearsalSettings:
    """Return what a rehearsal was asked for."""
    return RehearsalSettings.of_json(row.settings)


def _asked(key: str, version_no: int, form: Form, *, status: int = 200) -> Response:
    end_reads()
    with reading() as session:
        row = get_version(session, key, version_no, for_lender=desk().lender_id)
        return page(
            "policies/rehearse.html", status=status, row=row, form=form, payments=PAYMENTS, deliveries=DELIVERIES,
            tomorrow=now().date() + timedelta(days=1), longest=LONGEST,
        )  # fmt: skip


def _result(rehearsal_id: str) -> dict[str, Any]:
    end_reads()
    with reading() as session:
        row = get_rehearsal(session, rehearsal_id, lender_id=desk().lender_id)
        settings = settings_of(row)
        found: dict[str, list[Mapping[str, Any]]] = {}
        if row.state == "done":
            for name, line in iterate_lines(session, row.id):
                found.setdefault(name, []).append(line)
        session.expunge(row)
    days = [settings.starts_on + timedelta(days=each) for each in range(settings.days)]
    charts = [] if not found else [
        _messages(found.get("load", ()), days, settings.zone),
        _decided(found.get("decisions", ()), days),
        _differences(found.get("delta", ())),
    ]  # fmt: skip
    over = [each for each in found.get("load", ()) if each["is_over"]]
    return {
        "row": row, "settings": settings, "name": title_of(settings), "charts": [each for each in charts if each],
        "costs": found.get("cost", ()), "delta": found.get("delta", ()), "samples": found.get("samples", ()),
        "outcomes": found.get("outcomes", ())[:_MOST_LINES], "over": over,
    }  # fmt: skip


def _messages(lines: Sequence[Mapping[str, Any]], days: Sequence[date], zone: str) -> Any:
    where, sent = ZoneInfo(zone), Counter[tuple[str, date]]()
    for line in lines:
        sent[line["channel"], parse_instant(line["hour"]).astimezone(where).date()] += line["messages"]
    return _stacked("messages", sorted({channel for channel, _ in sent}), days, sent)


def _decided(lines: Sequence[Mapping[str, Any]], days: Sequence[date]) -> Any:
    made = Counter[tuple[str, date]]()
    for line in lines:
        if line["outcome"] in _CONTACTED:
            made[line["outcome"], date.fromisoformat(line["day"])] += line["events"]
    return _stacked("decided", [each for each in _CONTACTED if any(name == each for name, _ in made)], days, made)


def _stacked(key: str, names: Sequence[str], days: Sequence[date], counts: Counter[tuple[str, date]]) -> Any:
    if not names:
        return None
    locale = request_locale()
    chart = Chart(
        console_words(f"rehearsals.{key}_chart", locale),
        [f"{day:%m-%d}" for day in days],
        [Series(code_words("", name, locale), [counts[name, day] for day in days]) for name in names],
        about=console_words("rehearsals.chart_about", locale, {"count": sum(counts.values()), "days": len(days)}),
        locale=locale,
    )
    return figure(chart, stacked_bars(chart), numbers=console_words("rehearsals.as_numbers", locale))


def _differences(lines: Sequence[Mapping[str, Any]]) -> Any:
    if not lines:
        return None
    locale = request_locale()
    chart = Chart(
        console_words("rehearsals.delta_chart", locale),
        [console_words(f"rehearsals.delta_{line['kind']}", locale) for line in lines],
        [Series(console_words("rehearsals.contacts", locale), [line["contacts"] for line in lines])],
        about=console_words("rehearsals.delta_about", locale),
        locale=locale,
    )
    return figure(chart, bars(chart), numbers=console_words("rehearsals.as_numbers", locale))
