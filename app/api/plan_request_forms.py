"""How requests for another plan, offers and arrangements are told, to their borrower and at the desk alike."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.arrangements import ArrangementState, FallBack
from app.domain.plan_requests import PLAN_KINDS, RequestState
from app.services.plan_requests import LONGEST_WHY, ShownRequest
from app.web.fields import DateField, IdField, InstantField, TextField


class NewPlanRequestSchema(Schema):
    """Which option is wanted, with the terms as the list of options shows them."""

    kind = fields.String(required=True, validate=validate.OneOf([kind.value for kind in PLAN_KINDS]))
    terms = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": 'As the option says them: {"day": 25}, {"rows": 6}, {"instalments": 3}.'},
    )
    why = TextField(
        LONGEST_WHY,
        load_default=None,
        allow_none=True,
        metadata={"description": "In your own words, for whoever decides."},
    )


class PlanRequestSchema(Schema):
    """A request, and what is offered on it."""

    id = IdField(required=True)
    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": [kind.value for kind in PLAN_KINDS]})
    terms = fields.Dict(keys=fields.String(), required=True)
    state = fields.String(
        required=True,
        metadata={
            "enum": [state.value for state in RequestState],
            "description": "requested: waits for the lender; offered: waits for the borrower until `stands_until`.",
        },
    )
    why = fields.String(required=True, allow_none=True)
    approvals_needed = fields.Integer(required=True, metadata={"description": "0: offered at once."})
    requested_at = InstantField(required=True)
    offered_at = InstantField(required=True, allow_none=True)
    stands_until = InstantField(required=True, metadata={"description": "Exclusive."})
    document = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "The whole consequence, as the option showed it."}
    )
    document_sha256 = fields.String(required=True, metadata={"description": "Accepting names it: what was read is agreed."})
    ended_at = InstantField(required=True, allow_none=True)
    ended_reason = fields.String(required=True, allow_none=True)
    arrangement_id = IdField(required=True, allow_none=True, metadata={"description": "What came of it, once accepted."})


class WatchedRowSchema(Schema):
    """A row of the new plan that has to be paid."""

    row_no = fields.Integer(required=True)
    due_on = DateField(required=True)


class ArrangementSchema(Schema):
    """An agreed change of the plan."""

    id = IdField(required=True)
    request_id = IdField(required=True)
    loan_id = IdField(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": [state.value for state in ArrangementState]})
    agreed_on = DateField(required=True)
    agreed_at = InstantField(required=True)
    anchor_no = fields.Integer(required=True, metadata={"description": "The plan version that it made."})
    document_sha256 = fields.String(required=True)
    rows_to_keep = fields.List(fields.Nested(WatchedRowSchema), required=True)
    grace_days = fields.Integer(
        required=True, metadata={"description": "A row paid so many days after its due day is still kept."}
    )
    fall_back = fields.String(
        required=True,
        metadata={
            "enum": [each.value for each in FallBack],
            "description": "When a row is not kept. stays: the new plan goes on; returns: the plan before comes back, and "
            "what was paid stays paid; review: a person decides.",
        },
    )
    ended_at = InstantField(required=True, allow_none=True)
    ended_reason = fields.String(required=True, allow_none=True)


def request_view(shown: ShownRequest) -> dict[str, Any]:
    """Return the values of `PlanRequestSchema`."""
    return {**shown.row._mapping, "document": shown.document, "why": shown.why}


def arrangement_view(row: Any) -> dict[str, Any]:
    """Return the values of `ArrangementSchema` of a row of arrangements, or of its columns."""
    values: Mapping[str, Any] = row._mapping if hasattr(row, "_mapping") else {name: getattr(row, name) for name in _COLUMNS}
    return {
        **{name: values[name] for name in _COLUMNS},
        "rows_to_keep": [{"row_no": number, "due_on": date.fromisoformat(on)} for number, on in values["watched"]],
        "grace_days": values["rule"]["grace_days"],
        "fall_back": values["rule"]["fall_back"],
    }


_COLUMNS = (
    "id", "request_id", "loan_id", "kind", "state", "agreed_on", "agreed_at", "anchor_no", "document_sha256", "watched",
    "rule", "ended_at", "ended_reason",
)  # fmt: skip

_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ASKED_EXAMPLE = {"kind": "catch_up", "terms": {"rows": 6}, "why": "My hours were cut in October."}
REQUEST_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "loan_id": _ID,
    "loan_no": "CN-1001",
    **ASKED_EXAMPLE,
    "state": "offered",
    "approvals_needed": 0,
    "requested_at": "2026-11-23T09:00:00Z",
    "offered_at": "2026-11-23T09:00:00Z",
    "stands_until": "2026-11-30T16:00:00Z",
    "document": {"kind": "catch_up", "terms": {"rows": 6}},
    "document_sha256": _SHA256,
    "ended_at": None,
    "ended_reason": None,
    "arrangement_id": None,
}
ARRANGEMENT_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "request_id": _ID,
    "loan_id": _ID,
    "kind": "catch_up",
    "state": "active",
    "agreed_on": "2026-11-23",
    "agreed_at": "2026-11-23T09:12:00Z",
    "anchor_no": 2,
    "document_sha256": _SHA256,
    "rows_to_keep": [{"row_no": 7, "due_on": "2026-12-20"}],
    "grace_days": 5,
    "fall_back": "returns",
    "ended_at": None,
    "ended_reason": None,
}
