"""Bulletins at the desk: the numbers that staff see, those that are hidden too, and the rows behind each of them."""

from typing import Any

from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.domain.bulletins import BulletinState
from app.persistence.queries.bulletins import get_bulletin
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import bulletins as services
from app.services.bulletin_drills import drill_down, drill_of
from app.services.bulletin_hiding import HIDDEN
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, PageQuerySchema, PatternField
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads
from app.web.request_context import now

_CELL = r"[^\x00-\x1f\x7f]{0,120}"


class BulletinRowsQuerySchema(PageQuerySchema):
    """Which number is looked into."""

    cell = PatternField(
        _CELL, load_default=None,
        metadata={"description": "Values of the figure's dimensions, joined by |; * is all of one. Without: the total."},
    )  # fmt: skip
    currency = PatternField("[A-Z]{3}", load_default=None, metadata={"description": "Of amounts; without: of each."})


class BulletinRowSchema(Schema):
    """One row behind a number, by numbers and never by name. Of figures that count people: one person."""

    row_id = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "What it is: message, letter, call, dispute, payment ..."})
    at = InstantField(required=True, allow_none=True)
    on = DateField(required=True, allow_none=True, metadata={"description": "Of what has a day and no instant."})
    borrower_no = fields.String(required=True, allow_none=True)
    loan_no = fields.String(required=True, allow_none=True)
    of = fields.List(fields.String(), required=True, metadata={"description": "Values of the dimensions; - is none stated."})
    currency = fields.String(required=True, allow_none=True)
    amount = fields.Integer(required=True, metadata={"description": "Minor units of an amount; of what is counted: 1."})
    rows = fields.Integer(required=True, metadata={"description": "Of a person: how many rows of theirs there are."})


class BulletinRowsSchema(Schema):
    """A page of rows, in the order of their ids."""

    items = fields.List(fields.Nested(BulletinRowSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DeskBulletinNumberSchema(Schema):
    """One number as staff see it."""

    key = fields.String(required=True)
    cell = fields.String(required=True, metadata={"description": "What `cell` asks the rows of it for."})
    currency = fields.String(required=True, allow_none=True)
    value = fields.Integer(required=True, metadata={"description": "A count, or minor units."})
    people = fields.Integer(
        required=True, metadata={"description": "Whom it concerns; 0 of the whole installation, of which that is not told."}
    )
    hidden = fields.String(required=True, allow_none=True, metadata={"enum": [*HIDDEN, None]})


class DeskBulletinSchema(Schema):
    """A bulletin as staff see it: of a draft, the numbers as they are now."""

    id = IdField(required=True)
    first_on = DateField(required=True)
    last_on = DateField(required=True, metadata={"description": "Inclusive."})
    zone = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": [each.value for each in BulletinState]})
    is_own = fields.Boolean(required=True, metadata={"description": "Of one's lender, and not of the whole installation."})
    known_at = InstantField(required=True, metadata={"description": "What is recorded later is not in the numbers."})
    sha256 = fields.String(required=True, allow_none=True)
    numbers = fields.List(fields.Nested(DeskBulletinNumberSchema), required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_ROW = {
    "row_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11", "kind": "letter", "at": "2020-03-26T02:00:00Z", "on": None,
    "borrower_no": "B-1001", "loan_no": "CN-1001", "of": ["repayment_letter"], "currency": None, "amount": 1, "rows": 1,
}  # fmt: skip
_BULLETIN: dict[str, Any] = {
    "id": _ID, "first_on": "2020-03-18", "last_on": "2020-04-26", "zone": "Asia/Shanghai", "state": "frozen",
    "is_own": True, "known_at": "2020-04-27T02:00:00Z", "sha256": "9f86d081884c7d659a2feaa0c55ad015",
    "numbers": [
        {"key": "letters_sent", "cell": "*", "currency": None, "value": 11894, "people": 11894, "hidden": None},
    ],
}  # fmt: skip


@door.get("/bulletins/<id:bulletin_id>")
@permits("bulletins.read")
@answers(200, DeskBulletinSchema, example=_BULLETIN)
def get_desk_bulletin(bulletin_id: str) -> dict[str, Any]:
    """Show the numbers of a bulletin: of one's lender all, and why one is hidden; of the installation what is public."""
    who, at = desk(), now()
    end_reads()
    with reading() as session:
        row = get_bulletin(session, bulletin_id, lender_id=who.lender_id)
        numbers = services.shown_to(row, who.lender_id, services.figures_of(session, row, now=at))
        return {
            **{name: getattr(row, name) for name in ("id", "first_on", "last_on", "zone", "state", "sha256")},
            "is_own": row.lender_id is not None,
            "known_at": row.frozen_at or at,
            "numbers": [
                {
                    "key": each.key, "cell": each.cell, "currency": each.currency or None, "value": each.value,
                    "people": each.people, "hidden": each.hidden,
                }
                for each in numbers
            ],
        }  # fmt: skip


@door.get("/bulletins/<id:bulletin_id>/figures/<number:figure>/rows")
@permits("bulletins.read")
@door.asks(BulletinRowsQuerySchema)
@answers(200, BulletinRowsSchema, example={"items": [_ROW], "next_cursor": None})
def list_bulletin_rows(query: dict[str, Any], bulletin_id: str, figure: str) -> Answer:
    """List the rows that make a number, those of one's lender. Who looked, and at what, is in the audit trail."""
    who, at = desk(), now()
    drill = drill_of(figure, query["cell"], query["currency"])
    start = requested_key(query)
    end_reads()
    with unit_of_work() as work:
        row = get_bulletin(work.session, bulletin_id, lender_id=who.lender_id)
        rows = drill_down(
            work, row, drill, lender_id=who.lender_id, by=who.name, now=at,
            after=None if start is None else start.row_id, limit=query["limit"] + 1,
        )  # fmt: skip
        keys = [Key(row.made_at, each.key) for each in rows]
    return page_answer([each.as_told() for each in rows], keys, query)
