"""Staff look after the holds of a borrower: what stops or limits contact, until when, and why."""

from typing import Any

from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.api.hold_forms import HoldValuesSchema
from app.domain.hold_terms import KINDS, HoldValues
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.holds import get_hold
from app.persistence.unit_of_work import Work
from app.services import holds
from app.services.holds import Teller
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, IdField, InstantField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class NewHoldSchema(HoldValuesSchema):
    """A hold put at the desk."""

    reference = PatternField(
        NUMBER_PATTERN,
        load_default=None,
        allow_none=True,
        metadata={"description": "The lender's own number of it: telling twice makes one hold."},
    )


class HoldSchema(Schema):
    """One hold. It is never deleted: that it stood is part of the answer to why somebody was not contacted."""

    id = IdField(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    loan_no = fields.String(required=True, allow_none=True, metadata={"description": "null: all loans of the borrower."})
    from_at = InstantField(data_key="from", required=True)
    until_at = InstantField(data_key="until", required=True, allow_none=True)
    stands = fields.Boolean(required=True, metadata={"description": "Now."})
    form = fields.String(required=True, allow_none=True)
    by = fields.String(
        required=True, metadata={"description": "Who put it: borrower, core:CODE, staff:NAME, operator:NAME."}
    )
    evidence = fields.String(required=True, allow_none=True)
    reference = fields.String(required=True, allow_none=True)
    recorded_at = InstantField(required=True, metadata={"description": "Since when it is known here."})
    released_at = InstantField(required=True, allow_none=True)
    released_by = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True)


class HoldsSchema(Schema):
    """All holds, newest first."""

    items = fields.List(fields.Nested(HoldSchema), required=True)


class ReleaseSchema(Schema):
    """Why a hold is over."""

    reason = TextField(200, required=True, metadata={"description": "For the audit trail."})


class UntilSchema(Schema):
    """Until when a hold stands."""

    until_at = InstantField(
        data_key="until", required=True, allow_none=True, metadata={"description": "Exclusive; null: what the kind says."}
    )


_TOLD = {
    "kind": "breathing_space",
    "from": "2026-11-01T00:00:00Z",
    "form": "electronic",
    "evidence": "BS-2026-0417",
    "reference": "BS-2026-0417",
}
_EXAMPLE: dict[str, Any] = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "loan_no": None,
    **_TOLD,
    "until": "2026-12-31T00:00:00Z",
    "stands": True,
    "by": "staff:Wang Fang",
    "recorded_at": "2026-11-03T09:00:00Z",
    "released_at": None,
    "released_by": None,
    "version": 1,
}
_DUMP = HoldSchema()
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


@door.get("/borrowers/<number:borrower_no>/holds")
@permits("holds.read")
@answers(200, HoldsSchema, example={"items": [_EXAMPLE]})
def list_holds(borrower_no: str) -> dict[str, Any]:
    """List what stops or limits contact with a borrower, also what no longer does."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    return {"items": holds.list_holds(reads(), borrower_id, now=now(), lender_id=lender_id)}


@door.post("/borrowers/<number:borrower_no>/holds")
@permits("holds.put")
@door.takes(NewHoldSchema, example=_TOLD)
@answers(201, HoldSchema, example=_EXAMPLE, also=(200,), problems=_ONCE)
def post_hold(body: dict[str, Any], borrower_no: str) -> Answer:
    """Put a hold. What is queued and it stops is cancelled before the answer is out.

    Under a reference told before, its until is brought up to date (200). An Idempotency-Key is honoured.
    """
    at, teller = now(), _teller()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, desk().lender_id, borrower_no)
        result = holds.put_hold(work, borrower_id, HoldValues(**body), teller=teller, now=at)
        row = get_hold(work.session, borrower_id, result.id)
        return _answer(work, row, 201 if result.created else 200)

    return answer_once(act)


@door.post("/borrowers/<number:borrower_no>/holds/<id:hold_id>/release")
@permits("holds.release")
@door.takes(ReleaseSchema, example={"reason": "The dispute was settled, ticket 8123."})
@answers(200, HoldSchema, example=_EXAMPLE, problems=_ONCE)
def release_hold(body: dict[str, Any], borrower_no: str, hold_id: str) -> Answer:
    """End a hold now. Ending it twice changes nothing.

    What protects by law (deceased, insolvent, represented, cease_contact, breathing_space, mental_health_crisis,
    identity_theft, litigation, staff_excluded) is released by a supervisor, compliance or admin.
    """
    at, teller = now(), _teller()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, desk().lender_id, borrower_no)
        row = holds.release_hold(work, borrower_id, hold_id, teller=teller, now=at, reason=body["reason"])
        return _answer(work, row, 200)

    return answer_once(act)


@door.post("/borrowers/<number:borrower_no>/holds/<id:hold_id>/until")
@permits("holds.release")
@door.takes(UntilSchema, example={"until": "2027-01-15T00:00:00Z"})
@answers(200, HoldSchema, example=_EXAMPLE, problems=_ONCE)
def change_hold_until(body: dict[str, Any], borrower_no: str, hold_id: str) -> Answer:
    """Say anew until when a hold stands. To shorten what protects by law takes who may release it."""
    at, teller = now(), _teller()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, desk().lender_id, borrower_no)
        row = holds.change_until(work, borrower_id, hold_id, body["until_at"], teller=teller, now=at)
        return _answer(work, row, 200)

    return answer_once(act)


def _teller() -> Teller:
    who = desk()
    return Teller(who.name, who.lender_id, who.role)


def _answer(work: Work, row: Any, status: int) -> Answer:
    view = holds.shown(row, holds.loan_no_of(work, row), now=now())
    return Answer(_DUMP.dump(view), status, dumped=True)
