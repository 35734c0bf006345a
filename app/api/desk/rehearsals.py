"""Staff have a policy rehearsed over their lender's book, and read what it would have done."""

from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.api.desk.staff import door
from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, refused_at
from app.persistence.models.rehearsals import RehearsalRow
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.rehearsals import get_rehearsal, iterate_lines, page_lines, page_rehearsals
from app.persistence.unit_of_work import Work, reading
from app.services.policy_versions import get_version
from app.services.rehearsals.pages import content_policy, title_of
from app.services.rehearsals.settings import DELIVERIES, MOST_DAYS, PAYMENTS, RehearsalSettings
from app.services.rehearsals.stored import STATES, ask_for, page_of_stored
from app.services.rehearsals.tables import TABLES
from app.services.rehearsals.texts import csv_lines
from app.web.answers import Answer, file_answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, PageQuerySchema, PatternField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.request_context import now

CSV, HTML = "text/csv", "text/html"
_VERSION = "(active|[a-z][a-z0-9-]{0,62}@[1-9][0-9]{0,6})"
_CONFLICTS = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


class RehearsalSettingsSchema(Schema):
    """What to rehearse: a policy by `version`, or a `document` that is kept nowhere else."""

    version = PatternField(_VERSION, metadata={"description": "POLICY@VERSION, or `active`: what is in force."})
    document = fields.Dict(keys=fields.String(), metadata={"description": "A policy document; your lender's own."})
    starts_on = DateField(
        required=True, data_key="from", metadata={"description": "First day, in the lender's zone; today: from now on."}
    )
    days = fields.Integer(required=True, validate=validate.Range(1, MOST_DAYS))
    against = PatternField(_VERSION, metadata={"description": "Say how contacts differ from those under this one."})
    payments = fields.String(load_default="none", validate=validate.OneOf(PAYMENTS))
    delivery = fields.String(load_default="unseen", validate=validate.OneOf(DELIVERIES))
    devices_percent = fields.Integer(
        load_default=0,
        validate=validate.Range(0, 100),
        metadata={"description": "Borrowers who are given a made-up device."},
    )
    seed = fields.Integer(load_default=0, validate=validate.Range(0, 2**31 - 1))

    @validates_schema
    def _one_policy(self, given: dict[str, Any], **_kwargs: Any) -> None:
        if ("version" in given) == ("document" in given):
            raise ValidationError("Name a `version` or send a `document`, one of the two.", "version")


class RehearsalSchema(Schema):
    """One rehearsal: what was asked, how far it is, what it came to."""

    id = IdField(required=True)
    policy = fields.String(required=True, metadata={"description": "POLICY@VERSION, or `active`."})
    starts_on = DateField(required=True, data_key="from")
    days = fields.Integer(required=True)
    zone = fields.String(required=True, metadata={"description": "Whose days they are."})
    against = fields.String(required=True, allow_none=True)
    payments = fields.String(required=True, metadata={"enum": list(PAYMENTS)})
    delivery = fields.String(required=True, metadata={"enum": list(DELIVERIES)})
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    borrowers_done = fields.Integer(required=True)
    borrowers_total = fields.Integer(required=True, metadata={"description": "0 until it is known."})
    digest = fields.String(
        required=True, allow_none=True, metadata={"description": "SHA-256 over every decision: equal for equal results."}
    )
    failure = fields.String(required=True, allow_none=True)
    by = fields.String(required=True)
    created_at = InstantField(required=True)
    finished_at = InstantField(required=True, allow_none=True)


class RehearsalsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(RehearsalSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class LinesQuerySchema(PageQuerySchema):
    """Which table of the result."""

    table = fields.String(load_default="outcomes", validate=validate.OneOf(tuple(TABLES)))


class LinesSchema(Schema):
    """A page of one table."""

    items = fields.List(
        fields.Dict(keys=fields.String()), required=True, metadata={"description": "Lines, each with the table's columns."}
    )
    next_cursor = fields.String(required=True, allow_none=True)


class TableQuerySchema(Schema):
    """Which table of the result."""

    table = fields.String(load_default="decisions", validate=validate.OneOf(tuple(TABLES)))


_ASKED = {"version": "harbour-cn@3", "from": "2026-12-01", "days": 60, "against": "active", "payments": "scheduled"}
_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "policy": "harbour-cn@3",
    "from": "2026-12-01",
    "days": 60,
    "zone": "Asia/Shanghai",
    "against": "active",
    "payments": "scheduled",
    "delivery": "unseen",
    "state": "waiting",
    "borrowers_done": 0,
    "borrowers_total": 0,
    "digest": None,
    "failure": None,
    "by": "staff:Wang Fang",
    "created_at": "2026-11-24T01:00:00Z",
    "finished_at": None,
}
_LINE = {"step": "d+3", "outcome": "SENT", "reason": "ON_SCHEDULE", "decisions": 812, "decisions_against": 803}
_DUMP = RehearsalSchema()


@door.post("/rehearsals")
@permits("rehearsals.run")
@door.takes(RehearsalSettingsSchema, example=_ASKED)
@answers(201, RehearsalSchema, example=_EXAMPLE, problems=_CONFLICTS)
def ask_for_rehearsal(body: dict[str, Any]) -> Answer:
    """Have a policy rehearsed over your lender's book: every contact it would make or not make, and why. Nothing is sent.

    It runs in the background; ask for it again to see how far it is. At most three of a lender wait or run at once.
    """
    who, at = desk(), now()

    def act(work: Work) -> Answer:
        lender = get_lender(work.session, who.lender_id)
        for name in ("version", "against"):
            version = body.get(name)
            if version is not None and version != "active":
                key, _, number = version.rpartition("@")
                try:
                    get_version(work.session, key, int(number), for_lender=who.lender_id)
                except NotFoundError as error:
                    raise refused_at(f"/{name}", f"{error} Name one of GET /v1/desk/policies, or `active`.") from None
        policy = body.get("version")
        if policy is None:
            policy = dict(body["document"])
            if policy.setdefault("lender", lender.code) != lender.code:
                raise ForbiddenError(
                    f"You rehearse policies of your own lender: leave `lender` out, or write {lender.code}."
                )
        names = ("starts_on", "days", "payments", "delivery", "devices_percent", "seed")
        settings = RehearsalSettings(
            policy, zone=lender.zone, lender=lender.code, against=body.get("against"), **{name: body[name] for name in names}
        )
        row = ask_for(work, settings, lender_id=who.lender_id, by=who.name, now=at)
        return Answer(_DUMP.dump(_view(row)), 201, dumped=True)

    return answer_once(act)


@door.get("/rehearsals")
@permits("rehearsals.read")
@door.asks(PageQuerySchema)
@answers(200, RehearsalsSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_rehearsals(query: dict[str, Any]) -> Answer:
    """List your lender's rehearsals, newest first."""
    begin = requested_key(query)
    with reading() as session:
        rows = page_rehearsals(
            session,
            lender_id=desk().lender_id,
            after=(begin.at, begin.row_id) if begin else None,
            limit=query["limit"] + 1,
        )
        return page_answer([_view(row) for row in rows], [Key(row.created_at, row.id) for row in rows], query)


@door.get("/rehearsals/<id:rehearsal_id>")
@permits("rehearsals.read")
@answers(200, RehearsalSchema, example=_EXAMPLE)
def get_one_rehearsal(rehearsal_id: str) -> dict[str, Any]:
    """Show what was asked for and how far it is."""
    with reading() as session:
        return _view(get_rehearsal(session, rehearsal_id, lender_id=desk().lender_id))


@door.get("/rehearsals/<id:rehearsal_id>/lines")
@permits("rehearsals.read")
@door.asks(LinesQuerySchema)
@answers(200, LinesSchema, example={"items": [_LINE], "next_cursor": None})
def list_rehearsal_lines(query: dict[str, Any], rehearsal_id: str) -> Answer:
    """Show one table of the result: decisions, outcomes, load, cost, delta or samples. Empty until it is done."""
    begin = requested_key(query)
    with reading() as session:
        row = get_rehearsal(session, rehearsal_id, lender_id=desk().lender_id)
        after = int(begin.row_id) if begin else 0
        lines = page_lines(session, row.id, table=query["table"], after=after, limit=query["limit"] + 1)
        keys = [Key(row.created_at, str(number)) for number, _ in lines]
    return page_answer([line for _, line in lines], keys, query)


@door.get("/rehearsals/<id:rehearsal_id>/csv")
@permits("rehearsals.read")
@door.asks(TableQuerySchema)
@answers(200, files=(CSV,), problems=("conflict",))
def get_rehearsal_csv(query: dict[str, Any], rehearsal_id: str) -> Response:
    """Hand out one table of the result as CSV."""
    table = query["table"]
    with reading() as session:
        row = _done(get_rehearsal(session, rehearsal_id, lender_id=desk().lender_id))
        lines = [line for _, line in iterate_lines(session, row.id, table)]
        return file_answer("".join(csv_lines(table, lines)).encode(), CSV, name=f"rehearsal-{table}.csv")


@door.get("/rehearsals/<id:rehearsal_id>/page")
@permits("rehearsals.read")
@answers(200, files=(HTML,), problems=("conflict",))
def get_rehearsal_page(rehearsal_id: str) -> Response:
    """Show the result as a page with charts."""
    with reading() as session:
        row = _done(get_rehearsal(session, rehearsal_id, lender_id=desk().lender_id))
        page = page_of_stored(row, iterate_lines(session, row.id))
    return Response(page, content_type=f"{HTML}; charset=utf-8", headers={"Content-Security-Policy": content_policy()})


def _done(row: RehearsalRow) -> RehearsalRow:
    if row.state != "done":
        raise ConflictError(f"The rehearsal is {row.state}; there is a result when it is done.")
    return row


def _view(row: RehearsalRow) -> dict[str, Any]:
    settings = RehearsalSettings.of_json(row.settings)
    return {
        "id": row.id,
        "policy": title_of(settings),
        "starts_on": settings.starts_on,
        "days": settings.days,
        "zone": settings.zone,
        "against": settings.against,
        "payments": settings.payments,
        "delivery": settings.delivery,
        "state": row.state,
        "borrowers_done": row.borrowers_done,
        "borrowers_total": row.borrowers_total,
        "digest": row.digest,
        "failure": row.failure,
        "by": row.by,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }
