"""Admins wind the lender down: no new loans, collection only."""

from typing import Any

from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.domain.wind_downs import LONGEST_CONTACT, LONGEST_REASON, WindDownState, WindDownTerms
from app.persistence.db import vault
from app.persistence.queries import wind_downs as queries
from app.persistence.unit_of_work import Work
from app.services import wind_downs
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now

_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight", "step-up-required")


class NewWindDownSchema(Schema):
    """Why, and what goes on."""

    reason = TextField(LONGEST_REASON, required=True)
    longer_plans = fields.Boolean(
        load_default=False, truthy={True}, falsy={False},
        metadata={"description": "Plans that lengthen what is owed are still offered."},
    )  # fmt: skip
    contact = TextField(
        LONGEST_CONTACT, load_default=None, allow_none=True, metadata={"description": "Whom borrowers ask; shown to them."}
    )


class WindDownSchema(Schema):
    """A lender's word that it takes no new loans."""

    id = IdField(required=True)
    state = fields.String(required=True, metadata={"enum": [state.value for state in WindDownState]})
    reason = fields.String(required=True)
    longer_plans = fields.Boolean(required=True)
    contact = fields.String(required=True, allow_none=True)
    since_at = InstantField(
        required=True, allow_none=True, metadata={"description": "Of one in force: since when, through its corrections."}
    )
    requested_by = fields.String(required=True)
    requested_at = InstantField(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = InstantField(required=True, allow_none=True)
    declined_reason = fields.String(required=True, allow_none=True)
    told_at = InstantField(required=True, allow_none=True, metadata={"description": "When every borrower had been told."})
    ended_by = fields.String(required=True, allow_none=True)
    ended_at = InstantField(required=True, allow_none=True)


class WindDownsSchema(Schema):
    """All of the lender's, newest first."""

    items = fields.List(fields.Nested(WindDownSchema), required=True)


class DeclineWindDownSchema(Schema):
    """Why it goes on as before."""

    reason = TextField(200, required=True)


_EXAMPLE = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057", "state": "waiting", "reason": "The platform closes.",
    "longer_plans": True, "contact": "400-000-0000", "since_at": None, "requested_by": "staff:Ann",
    "requested_at": "2026-06-01T01:00:00Z",
    "decided_by": None, "decided_at": None, "declined_reason": None, "told_at": None, "ended_by": None, "ended_at": None,
}  # fmt: skip
_DUMP = WindDownSchema()
_IN_FORCE = WindDownState.ACTIVE.value


@door.get("/wind-downs")
@permits("account.use")
@answers(200, WindDownsSchema, example={"items": [_EXAMPLE]})
def list_wind_downs() -> dict[str, Any]:
    """Show whether your lender winds down, and since when: every page of the desk says so."""
    return {"items": [view(row) for row in queries.list_wind_downs(reads(), desk().lender_id)]}


@door.post("/wind-downs")
@permits("wind_down.set")
@door.takes(NewWindDownSchema, example={"reason": "The platform closes.", "longer_plans": True, "contact": "400-000-0000"})
@answers(201, WindDownSchema, example=_EXAMPLE, problems=_ONCE)
def post_wind_down(body: dict[str, Any]) -> Answer:
    """Ask to wind down, or for other terms while you do; another admin approves it. Needs a fresh second factor."""
    at, staff = now(), acting()
    require_fresh_proof(desk())
    terms = WindDownTerms(body["longer_plans"], body["contact"])

    def act(work: Work) -> Answer:
        return _answer(work, wind_downs.ask_wind_down(work, body["reason"], terms, staff=staff, now=at), 201)

    return answer_once(act)


@door.post("/wind-downs/<id:wind_down_id>/approve")
@permits("wind_down.set")
@answers(200, WindDownSchema, example={**_EXAMPLE, "state": "active"}, problems=_ONCE)
def approve_wind_down(wind_down_id: str) -> Answer:
    """Switch it on, as another admin: new loans are refused from now on, and each borrower is told once.

    One that is in force already is ended: this one takes its place.
    """
    require_fresh_proof(desk())
    return _decide(wind_down_id, approve=True)


@door.post("/wind-downs/<id:wind_down_id>/decline")
@permits("wind_down.set")
@door.takes(DeclineWindDownSchema, example={"reason": "not yet"})
@answers(200, WindDownSchema, example={**_EXAMPLE, "state": "declined"}, problems=_ONCE)
def decline_wind_down(body: dict[str, Any], wind_down_id: str) -> Answer:
    """Go on as before."""
    return _decide(wind_down_id, approve=False, reason=body["reason"])


@door.post("/wind-downs/<id:wind_down_id>/end")
@permits("wind_down.set")
@answers(200, WindDownSchema, example={**_EXAMPLE, "state": "ended"}, problems=_ONCE)
def end_wind_down(wind_down_id: str) -> Answer:
    """Take new loans again, as an admin who did not switch it on."""
    at, staff = now(), acting()
    require_fresh_proof(desk())

    def act(work: Work) -> Answer:
        wind_downs.end_wind_down(work, wind_down_id, staff=staff, now=at)
        return _answer(work, wind_down_id, 200)

    return answer_once(act)


def view(row: Any) -> dict[str, Any]:
    """Return one as the schema says it."""
    terms, (reason, declined_reason) = wind_downs.terms_of(row), wind_downs.words_of(vault(), row)
    return {
        **row._mapping, "longer_plans": terms.longer_plans, "contact": terms.contact, "reason": reason,
        "declined_reason": declined_reason, "since_at": wind_downs.since_of(row) if row.state == _IN_FORCE else None,
    }  # fmt: skip


def _decide(wind_down_id: str, *, approve: bool, reason: str | None = None) -> Answer:
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        wind_downs.decide_wind_down(work, wind_down_id, approve=approve, staff=staff, now=at, reason=reason)
        return _answer(work, wind_down_id, 200)

    return answer_once(act)


def _answer(work: Work, wind_down_id: str, status: int) -> Answer:
    work.session.flush()
    row = queries.get_wind_down(work.session, desk().lender_id, wind_down_id)
    return Answer(_DUMP.dump(view(row)), status, dumped=True)
