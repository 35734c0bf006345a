"""Compliance reads who did what: the audit trail of one lender, and whether it is sealed."""

from typing import Any

from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.domain.errors import refused_at
from app.persistence.queries.borrowers import find_borrowers_of_lender
from app.persistence.unit_of_work import reading
from app.services import audit_trail
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, InstantField, PageQuerySchema, PatternField
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads

_ACTION = "[a-z_-]{1,40}(\\.[a-z_-]{1,40})?"


class AuditQuerySchema(PageQuerySchema):
    """Which rows."""

    borrower_no = PatternField(NUMBER_PATTERN, load_default=None)
    actor = fields.String(
        load_default=None, validate=lambda text: len(text) <= 80, metadata={"maxLength": 80, "description": "staff:NAME ..."}
    )
    action = PatternField(
        _ACTION, load_default=None, metadata={"description": "Whole (`hold.put`), or the noun of it (`hold`)."}
    )
    since = InstantField(load_default=None)
    until = InstantField(load_default=None, metadata={"description": "Exclusive."})


class AuditRowSchema(Schema):
    """Who did what. `facts`: ids and counts."""

    id = IdField(required=True)
    at = InstantField(required=True)
    actor = fields.String(required=True)
    action = fields.String(required=True)
    borrower_no = fields.String(required=True, allow_none=True)
    facts = fields.Dict(required=True)
    seq = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Place in the chain; null: not sealed yet."}
    )


class AuditPageSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(AuditRowSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AuditHeadSchema(Schema):
    """Where the chain of the whole installation ends."""

    seq = fields.Integer(required=True)
    chain = fields.String(required=True, metadata={"description": "Kept elsewhere, it shows that the end was not cut off."})
    sealed_at = InstantField(required=True, allow_none=True)
    unsealed = fields.Integer(required=True)


_ROW = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "at": "2026-11-26T09:00:00Z",
    "actor": "staff:Wang Fang",
    "action": "hold.put",
    "borrower_no": "B-1001",
    "facts": {"kind": "dispute"},
    "seq": 4711,
}
_HEAD = {"seq": 4711, "chain": "01981e6a-7c1e-4000-8000-3f1c2a5b9d10", "sealed_at": "2026-11-26T09:00:10Z", "unsealed": 0}


@door.get("/audit")
@permits("audit.read")
@door.asks(AuditQuerySchema)
@answers(200, AuditPageSchema, example={"items": [_ROW], "next_cursor": None})
def list_audit(query: dict[str, Any]) -> Answer:
    """List who did what for this lender, and what its borrowers and the engine did, newest first."""
    lender_id, before = desk().lender_id, requested_key(query)
    number = query["borrower_no"]
    borrower_id = None if number is None else find_borrowers_of_lender(reads(), lender_id, [number]).get(number)
    if number is not None and borrower_id is None:
        raise refused_at("/query/borrower_no", f"There is no borrower {number} with a loan of this lender.")
    end_reads()
    with reading() as session:
        found = audit_trail.page_audit(
            session, lender_id=lender_id, borrower_id=borrower_id, before=before, limit=query["limit"] + 1,
            **{name: query[name] for name in ("actor", "action", "since", "until")},
        )  # fmt: skip
    return page_answer(found, [Key(each.at, each.id) for each in found], query)


@door.get("/audit/head")
@permits("audit.read")
@answers(200, AuditHeadSchema, example=_HEAD)
def show_audit_head() -> Any:
    """Say where the chain ends, and how many rows wait for their place in it."""
    end_reads()
    with reading() as session:
        return audit_trail.head(session)
