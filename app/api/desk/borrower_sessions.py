"""Staff see where a borrower is signed in, and sign them out."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.unit_of_work import Work
from app.services import borrower_sessions, sessions
from app.services.borrower_sessions import LONGEST_REASON
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class BorrowerSessionSchema(Schema):
    """One sign-in of a borrower on one device."""

    id = IdField(required=True)
    device_label = fields.String(required=True, allow_none=True)
    created_at = InstantField(required=True)
    last_used_at = InstantField(required=True)
    expires_at = InstantField(required=True)


class BorrowerSessionsSchema(Schema):
    """Sessions that can still be used, newest first, at most 100."""

    items = fields.List(fields.Nested(BorrowerSessionSchema), required=True)


class EndSessionsSchema(Schema):
    """Which are to end, and why."""

    session_ids = fields.List(
        IdField(),
        load_default=None,
        allow_none=True,
        validate=validate.Length(min=1, max=100),
        metadata={"description": "Only these; without it all."},
    )
    reason = TextField(LONGEST_REASON, required=True, metadata={"description": "For the audit trail, without names."})


class EndedSessionsSchema(Schema):
    """What ended."""

    ended = fields.Integer(required=True)


_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "device_label": "Pixel 9",
    "created_at": "2026-11-23T09:00:00Z",
    "last_used_at": "2026-11-23T09:40:00Z",
    "expires_at": "2027-05-22T09:00:00Z",
}


@door.get("/borrowers/<number:borrower_no>/sessions")
@permits("sessions.read")
@answers(200, BorrowerSessionsSchema, example={"items": [_EXAMPLE]})
def list_borrower_sessions(borrower_no: str) -> dict[str, Any]:
    """List where a borrower is signed in."""
    borrower_id = get_borrower_of_lender(reads(), desk().lender_id, borrower_no)
    return {"items": sessions.live_sessions(reads(), borrower_id, now=now())}


@door.post("/borrowers/<number:borrower_no>/sessions/end")
@permits("sessions.end")
@door.takes(EndSessionsSchema, example={"reason": "The phone was stolen."})
@answers(
    200, EndedSessionsSchema, example={"ended": 2}, problems=("conflict", "idempotency-mismatch", "idempotency-in-flight")
)
def end_borrower_sessions(body: dict[str, Any], borrower_no: str) -> Answer:
    """Sign a borrower out on all devices, or on some. They are told by a notice, which they find when they sign in again."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, staff.lender_id, borrower_no)
        ended = borrower_sessions.end_by_staff(
            work, borrower_id, body["session_ids"], reason=body["reason"], staff=staff, now=at
        )
        return Answer({"ended": ended}, 200, dumped=True)

    return answer_once(act)
