"""Service levels in the browser: by when the desk answers, by kind and priority, and its opening hours."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from marshmallow import EXCLUDE, Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.domain.conversations import KINDS, PRIORITIES
from app.domain.errors import refused_at
from app.domain.service_levels import DAYS, MOST_MINUTES
from app.persistence.unit_of_work import Work, reading
from app.services import service_levels
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.reads import end_reads
from app.web.request_context import now

_PATH = "/service-levels"
_TARGETS = ("first_minutes", "next_minutes", "resolution_minutes")
_NUMBERS = {
    "soon_minutes": (1, MOST_MINUTES), "reopen_days": (0, 366), "on_duty_minutes": (1, MOST_MINUTES), "most_open": (1, 1000),
}  # fmt: skip
_MOST_RULES = 50
_MORE = 2
"""Empty rows, for a kind together with a priority."""


class _LevelsBaseSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    version = fields.Integer(required=True, validate=validate.Range(0, 10**9))


def _rule_fields(index: int) -> dict[str, fields.Field[Any]]:
    return {
        f"levels/{index}/kind": fields.String(load_default=None, validate=validate.OneOf(KINDS)),
        f"levels/{index}/priority": fields.String(load_default=None, validate=validate.OneOf(PRIORITIES)),
        **{
            f"levels/{index}/{target}": fields.Integer(load_default=None, validate=validate.Range(1, MOST_MINUTES))
            for target in _TARGETS
        },
    }


LevelsFormSchema = _LevelsBaseSchema.from_dict(
    {
        **{f"hours/{day}": TextField(200, load_default="") for day in DAYS},
        "makeup": TextField(200, load_default=""),
        **{name: fields.Integer(required=True, validate=validate.Range(*ends)) for name, ends in _NUMBERS.items()},
        **{name: each for index in range(_MOST_RULES) for name, each in _rule_fields(index).items()},
    },
    name="LevelsFormSchema",
)
"""The whole page; fields are called as refusals point at them."""


@pages.get(_PATH)
@permits("service_levels.read")
def service_level_page() -> Response:
    """Show the targets and the opening hours; who may, sets them here."""
    return _shown(Form())


@pages.post(_PATH)
@permits("service_levels.set")
def set_service_levels() -> BaseResponse:
    """Set them; they count from the next word or act on."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        service_levels.put_levels(work, who.lender_id, _document(values), version=values["version"], by=who.name, now=at)
        return f"{PREFIX}{_PATH}"

    return submit(LevelsFormSchema, act, lambda form: _shown(form, status=422))


def _document(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form says. A row without any target is no rule."""
    rules = []
    for index in range(_MOST_RULES):
        given = {name: values[f"levels/{index}/{name}"] for name in ("kind", "priority", *_TARGETS)}
        if any(given[target] is not None for target in _TARGETS):
            rules.append({name: value for name, value in given.items() if value is not None})
    return {
        "hours": {day: _spans(values[f"hours/{day}"], f"/hours/{day}") for day in DAYS},
        "makeup": _spans(values["makeup"], "/makeup"),
        **{name: values[name] for name in _NUMBERS},
        "levels": rules,
    }


def _spans(text: str, at: str) -> list[list[str]]:
    """Return the spans of "09:00-12:00, 13:00-18:00". Raises ValidationError that names the field."""
    spans = []
    for part in text.replace("，", ",").replace("–", "-").split(","):
        if not part.strip():
            continue
        begin, dash, end = (each.strip() for each in part.partition("-"))
        if not dash:
            raise refused_at(at, "Write hours like 09:00-12:00, 13:00-18:00.")
        spans.append([begin.rjust(5, "0"), end.rjust(5, "0")])
    return spans


def _written(spans: Sequence[Sequence[str]]) -> str:
    return ", ".join("-".join(span) for span in spans)


def _shown(form: Form, *, status: int = 200) -> Response:
    end_reads()
    with reading() as session:
        levels = service_levels.shown_levels(session, desk().lender_id)
    document = levels.document
    return page(
        "service_levels.html", status=status, form=form, levels=levels, document=document, days=DAYS, kinds=KINDS,
        priorities=PRIORITIES, targets=_TARGETS, numbers=_NUMBERS, rows=_rows(document["levels"]), most=MOST_MINUTES,
        hours={day: _written(document["hours"].get(day, ())) for day in DAYS},
        makeup=_written(document.get("makeup", ())),
    )  # fmt: skip


def _rows(rules: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rules as rows of the form: those there are, those for one kind or priority that are not, and empty ones."""
    named = {(rule.get("kind"), rule.get("priority")) for rule in rules}
    singles = [(None, None), *((kind, None) for kind in KINDS), *((None, priority) for priority in PRIORITIES)]
    missing = [{"kind": kind, "priority": priority} for kind, priority in singles if (kind, priority) not in named]
    return [*rules, *missing, *({} for _ in range(_MORE))][:_MOST_RULES]
