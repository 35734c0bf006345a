"""By when the desk answers, in its opening hours; and whether you are away."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.conversations import KINDS, PRIORITIES
from app.domain.errors import ForbiddenError
from app.domain.service_levels import DAYS, MOST_MINUTES
from app.persistence.unit_of_work import Work, reading
from app.services import assignments, service_levels
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import InstantField, PatternField
from app.web.idempotency import answer_once
from app.web.reads import end_reads
from app.web.request_context import now

_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]|24:00"


def _minutes() -> fields.Integer:
    return fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(1, MOST_MINUTES),
        metadata={"description": "Minutes of business; null: no target."},
    )  # fmt: skip


def _spans() -> Any:
    span = fields.List(PatternField(_TIME), validate=validate.Length(equal=2))
    return fields.List(span, load_default=list, validate=validate.Length(max=12))


class ServiceLevelSchema(Schema):
    """Targets, for threads of a kind or priority; null: of any. The most exact counts."""

    kind = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(KINDS))
    priority = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(PRIORITIES))
    first_minutes = _minutes()
    next_minutes = _minutes()
    resolution_minutes = _minutes()


OpeningHoursSchema = Schema.from_dict({day: _spans() for day in DAYS}, name="OpeningHoursSchema")


class ServiceLevelsSchema(Schema):
    """Opening hours and targets."""

    hours = fields.Nested(OpeningHoursSchema, required=True, metadata={"description": "Wall time where the lender is."})
    makeup = _spans()
    soon_minutes = fields.Integer(strict=True, load_default=60, validate=validate.Range(1, MOST_MINUTES))
    reopen_days = fields.Integer(strict=True, load_default=14, validate=validate.Range(0, 366))
    on_duty_minutes = fields.Integer(strict=True, load_default=720, validate=validate.Range(1, MOST_MINUTES))
    most_open = fields.Integer(strict=True, load_default=30, validate=validate.Range(1, 1000))
    levels = fields.List(fields.Nested(ServiceLevelSchema), required=True, validate=validate.Length(min=1, max=50))


class PutLevelsSchema(ServiceLevelsSchema):
    """Opening hours and targets, in place of those of a version."""

    version = fields.Integer(
        strict=True, required=True, validate=validate.Range(0, 10**9), metadata={"description": "As read; 0: of none."}
    )


class ShownLevelsSchema(ServiceLevelsSchema):
    """Opening hours and targets as they count now."""

    version = fields.Integer(required=True, metadata={"description": "0: those that come with the product."})
    changed_at = InstantField(required=True, allow_none=True)
    changed_by = fields.String(required=True, allow_none=True)
    timezone = fields.String(required=True)


class StaffDutySchema(Schema):
    """Whether threads are given to you."""

    is_away = fields.Boolean(required=True, truthy={True}, falsy={False})


_HOURS = {**{day: [["09:00", "18:00"]] for day in DAYS[:5]}, "sat": [], "sun": []}
_LEVEL = {"kind": None, "priority": None, "first_minutes": 240, "next_minutes": 240, "resolution_minutes": 1620}
_LEVELS = {
    "hours": _HOURS, "makeup": [["09:00", "18:00"]], "soon_minutes": 60, "reopen_days": 14, "on_duty_minutes": 720,
    "most_open": 30, "levels": [_LEVEL],
}  # fmt: skip
_SHOWN = {
    **_LEVELS, "version": 1, "changed_at": "2026-11-23T09:00:00Z", "changed_by": "staff:Wang Fang",
    "timezone": "Asia/Shanghai",
}  # fmt: skip
_DUMP, _DUTY = ShownLevelsSchema(), StaffDutySchema()


@door.get("/service-levels")
@permits("service_levels.read")
@answers(200, ShownLevelsSchema, example=_SHOWN)
def get_service_levels() -> dict[str, Any]:
    """Show by when the desk answers: targets in minutes of business, and its opening hours."""
    end_reads()
    with reading() as session:
        return _view(service_levels.shown_levels(session, desk().lender_id))


@door.put("/service-levels")
@permits("service_levels.set")
@door.takes(PutLevelsSchema, example={**_LEVELS, "version": 0})
@answers(200, ShownLevelsSchema, example=_SHOWN, problems=("stale-version", "conflict"))
def put_service_levels(body: dict[str, Any]) -> Answer:
    """Set them; they count from the next word or act on. Targets that run already stay until then."""
    at, who, version = now(), desk(), body.pop("version")
    body["levels"] = [{name: value for name, value in each.items() if value is not None} for each in body["levels"]]

    def act(work: Work) -> Answer:
        shown = service_levels.put_levels(work, who.lender_id, body, version=version, by=who.name, now=at)
        return Answer(_DUMP.dump(_view(shown)), 200, dumped=True)

    return answer_once(act)


@door.get("/me/duty")
@permits("conversations.act")
@answers(200, StaffDutySchema, example={"is_away": False})
def get_duty() -> dict[str, Any]:
    """Show whether conversations are given to you."""
    end_reads()
    with reading() as session:
        return {"is_away": assignments.is_away(session, desk().lender_id, desk().staff_id)}


@door.put("/me/duty")
@permits("conversations.act")
@door.takes(StaffDutySchema, example={"is_away": True})
@answers(200, StaffDutySchema, example={"is_away": True}, problems=("forbidden",))
def put_duty(body: dict[str, Any]) -> Answer:
    """Say that you are away, and are given no conversations; what you have stays yours."""
    at, who = now(), desk()
    if who.staff_id is None:
        raise ForbiddenError("A key has no account: conversations are given to people with one.")
    staff_id = who.staff_id

    def act(work: Work) -> Answer:
        assignments.put_absence(work, who.lender_id, staff_id, is_away=body["is_away"], by=who.name, now=at)
        return Answer(_DUTY.dump(body), 200, dumped=True)

    return answer_once(act)


def _view(shown: service_levels.ShownLevels) -> dict[str, Any]:
    nothing = {"kind": None, "priority": None, "first_minutes": None, "next_minutes": None, "resolution_minutes": None}
    document = {**shown.document, "levels": [{**nothing, **each} for each in shown.document["levels"]]}
    return {
        **document, "version": shown.version, "changed_at": shown.changed_at, "changed_by": shown.changed_by,
        "timezone": shown.zone,
    }  # fmt: skip
