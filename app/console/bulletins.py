"""Bulletins at the desk: begun, looked at, frozen, published by a second person, and looked into down to their rows."""

from typing import Any

from flask import Response, current_app, request
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, after, begin, listed
from app.domain.actors import same_person
from app.domain.bulletins import BulletinState, FigureCell
from app.domain.errors import ValidationError
from app.persistence.models.bulletins import BulletinRow
from app.persistence.queries.bulletins import get_bulletin, page_bulletins
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import bulletins as services
from app.services.bulletin_checks import Difference, Verification, verify_bulletin
from app.services.bulletin_drills import Drill, definition_of, drill_down, drill_of, export_csv
from app.services.bulletin_figures import definitions
from app.services.bulletins import WantedBulletin
from app.services.staff_proofs import require_fresh_proof
from app.web.auth import desk, permits
from app.web.fields import DateField, IdField, TextField
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads
from app.web.request_context import now
from app.wording.bulletin_words import cell_words

_PATH = "/bulletins"
_ONE = f"{_PATH}/<id:bulletin_id>"
LONGEST_NOTE = 400
ACTS = ("freeze", "publish", "discard")


class BulletinFormSchema(Schema):
    """What a bulletin is to be about."""

    first_on = DateField(required=True)
    last_on = DateField(required=True)
    corrects_id = IdField(load_default=None)
    note = TextField(LONGEST_NOTE, load_default=None)


class BulletinActSchema(Schema):
    """What is to become of it."""

    act = fields.String(required=True, validate=validate.OneOf(ACTS))


@pages.get(_PATH)
@permits("bulletins.read")
def bulletins() -> Response:
    """List bulletins of the lender and of the whole installation, newest first, with the form that begins one."""
    return _listed(Form())


@pages.post(_PATH)
@permits("bulletins.make")
def make_bulletin() -> BaseResponse:
    """Begin a bulletin of the lender."""
    who, at = desk(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        row = services.make_bulletin(work, WantedBulletin(lender_id=who.lender_id, **values), by=who.name, now=at)
        return f"{PREFIX}{_PATH}/{row.id}"

    return submit(BulletinFormSchema, act, lambda form: _listed(form, status=422))


@pages.get(_ONE)
@permits("bulletins.read")
def bulletin(bulletin_id: str) -> Response:
    """Show its numbers, of one's own lender those that are hidden too, and what can be done with it."""
    return _shown(bulletin_id, Form())


@pages.post(_ONE)
@permits("bulletins.publish")
def act_on_bulletin(bulletin_id: str) -> BaseResponse:
    """Freeze it, publish it, or put it aside. Publishing asks for a fresh code: it cannot be taken back."""
    who, at = desk(), now()
    if request.form.get("act") == "publish":
        require_fresh_proof(who)
    given: dict[str, Any] = {"by": who.name, "now": at, "lender_id": who.lender_id}

    def act(work: Work, values: dict[str, Any]) -> str:
        if values["act"] == "freeze":
            services.freeze_bulletin(work, bulletin_id, seed=current_app.config["SETTINGS"].bulletin_key, **given)
        elif values["act"] == "publish":
            services.publish_bulletin(work, bulletin_id, **given)
        else:
            services.discard_bulletin(work, bulletin_id, **given)
        return f"{PREFIX}{_PATH}/{bulletin_id}"

    return submit(BulletinActSchema, act, lambda form: _shown(bulletin_id, form, status=422))


@pages.get(f"{_ONE}/check")
@permits("bulletins.read")
def check_bulletin(bulletin_id: str) -> Response:
    """Count a frozen bulletin anew, as it was known then, and say whether it is equal."""
    end_reads()
    with reading() as session:
        row = get_bulletin(session, bulletin_id, lender_id=desk().lender_id)
        found: Verification | None = None
        differences: list[Difference] = []
        later: list[Difference] = []
        if row.frozen_at is not None:
            found = verify_bulletin(session, row, now=now())
            seen = {(each.key, each.cell, each.currency) for each in _numbers(session, row)}
            is_own = row.lender_id is not None
            differences = [each for each in found.differences if is_own or (each.key, each.cell, each.currency) in seen]
            later = list(found.later) if is_own else []  # of the installation a correction says it, as far as it may be told
        return page(
            "bulletins/check.html", row=row, found=found, differences=differences, later=later, names=_names(), cell=_cell
        )


@pages.get(f"{_ONE}/figures/<number:figure>")
@permits("bulletins.read")
def bulletin_rows(bulletin_id: str, figure: str) -> Response:
    """Show the rows behind a number, those of the lender; each look is written down."""
    who = desk()
    drill = _asked(figure)
    start = begin(cell=drill.cell, currency=drill.currency)
    end_reads()
    with unit_of_work() as work:
        row = get_bulletin(work.session, bulletin_id, lender_id=who.lender_id)
        rows = drill_down(
            work, row, drill, lender_id=who.lender_id, by=who.name, now=now(),
            after=None if start is None else start.row_id, limit=SIZE + 1,
        )  # fmt: skip
        keys = [Key(row.made_at, each.key) for each in rows]
        numbers = [each for each in _numbers(work.session, row) if each.key == figure]
        own = [each for each in numbers if (each.cell, each.currency or None) == (drill.cell, drill.currency)]
        return page(
            "bulletins/rows.html", row=row, is_own=row.lender_id is not None, drill=drill,
            definition=definition_of(figure), figure=own[0] if own else None,
            found=listed(rows, keys, cell=drill.cell, currency=drill.currency), cell=_cell, names=_names(),
        )  # fmt: skip


@pages.get(f"{_ONE}/figures/<number:figure>/csv")
@permits("bulletins.export")
def bulletin_csv(bulletin_id: str, figure: str) -> Response:
    """Take out all rows behind a number; asks for a fresh code, and is written down."""
    who = desk()
    require_fresh_proof(who)
    drill = _asked(figure)
    end_reads()
    with unit_of_work() as work:
        row = get_bulletin(work.session, bulletin_id, lender_id=who.lender_id)
        text = export_csv(work, row, drill, lender_id=who.lender_id, by=who.name, now=now())
    made = Response(text, content_type="text/csv; charset=utf-8")
    made.headers["Content-Disposition"] = f'attachment; filename="{figure}.csv"'
    made.headers["Cache-Control"] = "no-store"
    return made


def _asked(key: str) -> Drill:
    try:
        return drill_of(key, request.args.get("cell"), request.args.get("currency"))
    except ValidationError:
        return drill_of(key, None, None)


def _listed(form: Form, *, status: int = 200) -> Response:
    start = after()
    end_reads()
    with reading() as session:
        rows = page_bulletins(session, lender_id=desk().lender_id, after=start, limit=SIZE + 1)
        found = listed(rows, [Key(row.made_at, row.id) for row in rows])
        return page("bulletins/index.html", status=status, found=found, form=form)


def _shown(bulletin_id: str, form: Form, *, status: int = 200) -> Response:
    end_reads()
    with reading() as session:
        row = get_bulletin(session, bulletin_id, lender_id=desk().lender_id)
        numbers = _numbers(session, row)
        return page(
            "bulletins/bulletin.html", status=status, row=row, form=form, is_own=row.lender_id is not None,
            sections=_sections(numbers), acts=_acts(row), cell=_cell,
        )  # fmt: skip


def _numbers(session: Session, row: BulletinRow) -> list[FigureCell]:
    return services.shown_to(row, desk().lender_id, services.figures_of(session, row, now=now()))


def _sections(numbers: Any) -> list[tuple[str, list[Any]]]:
    locale, found = request_locale(), []
    for section, words in definitions().sections.items():
        figures = [
            (each, [number for number in numbers if number.key == each.key])
            for each in definitions().figures.values()
            if each.section == section
        ]
        found.append((words[locale], figures))
    return found


def _acts(row: BulletinRow) -> list[str]:
    who = desk()
    if row.lender_id is None:
        return []
    if row.state == BulletinState.DRAFT.value:
        return ["freeze", "discard"] if now() >= services.period_of(row).end_at else ["discard"]
    if row.state == BulletinState.FROZEN.value:
        is_first = any(same_person(who.name, each) for each in (row.made_by, row.frozen_by))
        return ["discard"] if is_first else ["publish", "discard"]
    return []


def _names() -> dict[str, str]:
    return {key: each.names[request_locale()] for key, each in definitions().figures.items()}


def _cell(cell: str) -> str:
    return cell_words(cell.split("|"), request_locale()) if cell else ""
