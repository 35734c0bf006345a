"""The borrower's own sessions: listed, and ended by their owner."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.services import sessions
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import Door, answers
from app.web.fields import IdField, InstantField
from app.web.reads import reads
from app.web.request_context import now

door = Door("sessions", "Where the borrower is signed in.", prefix="/v1")


class LogoutSchema(Schema):
    """How far to sign out."""

    scope = fields.String(load_default="this", validate=validate.OneOf(["this", "all"]))


class SessionSchema(Schema):
    """One sign-in on one device."""

    id = IdField(required=True)
    installation_id = fields.String(required=True)
    device_label = fields.String(required=True, allow_none=True)
    created_at = InstantField(required=True)
    last_used_at = InstantField(required=True, metadata={"description": "When its tokens were last refreshed."})
    expires_at = InstantField(required=True)
    current = fields.Boolean(required=True, metadata={"description": "Whether this request came from it."})


class SessionsSchema(Schema):
    """All sessions that can still be used, newest first."""

    items = fields.List(fields.Nested(SessionSchema), required=True)


_EXAMPLE = {
    "items": [
        {
            "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
            "installation_id": "d3a1c6f0",
            "device_label": "Pixel 9",
            "created_at": "2026-11-23T09:00:00Z",
            "last_used_at": "2026-11-23T09:40:00Z",
            "expires_at": "2027-05-22T09:00:00Z",
            "current": True,
        }
    ]
}


@door.post("/auth/logout")
@door.takes(LogoutSchema, example={"scope": "this"})
@answers(204)
def log_out(body: dict[str, Any]) -> Answer:
    """Sign out here, or everywhere. The tokens are worth nothing from the answer on."""
    who = borrower()
    if body["scope"] == "all":
        sessions.end_all_sessions(who.borrower_id, now=now())
    else:
        sessions.end_session(who.borrower_id, who.session_id, now=now(), reason="signed_out")
    return Answer(None)


@door.get("/me/sessions")
@answers(200, SessionsSchema, example=_EXAMPLE)
def list_sessions() -> dict[str, Any]:
    """List where you are signed in."""
    who = borrower()
    rows = sessions.live_sessions(reads(), who.borrower_id, now=now())
    return {"items": [{**row._mapping, "current": row.id == who.session_id} for row in rows]}


@door.delete("/me/sessions/<id:session_id>")
@answers(204)
def end_session(session_id: str) -> Answer:
    """End one of your sessions."""
    sessions.end_session(borrower().borrower_id, session_id, now=now())
    return Answer(None)
