"""What the borrower will be told, and when."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.inbox import door
from app.services.upcoming import upcoming_of
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField
from app.web.languages import request_locale
from app.web.reads import end_reads
from app.web.request_context import now


class UpcomingStepSchema(Schema):
    """One message that may come."""

    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    about = fields.String(required=True, metadata={"enum": ["instalment", "promise"]})
    row_no = fields.Integer(required=True, metadata={"description": "0 of a promise."})
    due_on = DateField(required=True, metadata={"description": "Of a promise: the promised day."})
    at = InstantField(required=True)
    local_date = DateField(required=True)
    timezone = fields.String(required=True)
    purpose = fields.String(required=True)
    status = fields.String(
        required=True,
        metadata={
            "enum": ["planned", "by_person", "paused"],
            "description": "paused: as things stand nothing is sent, and `text` says why.",
        },
    )
    channels = fields.List(fields.String(), required=True, metadata={"description": "Used at once; empty unless planned."})
    may_follow = fields.List(fields.String(), required=True, metadata={"description": "Used if the first are not seen."})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Stable code of why it is paused."})
    text = fields.String(required=True)


class UpcomingSchema(Schema):
    """Within the next 30 days, the soonest first. It is decided anew when its time comes."""

    items = fields.List(fields.Nested(UpcomingStepSchema), required=True)


_EXAMPLE = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "loan_no": "CN-1001",
    "about": "instalment",
    "row_no": 7,
    "due_on": "2026-12-20",
    "at": "2026-12-17T02:00:00Z",
    "local_date": "2026-12-17",
    "timezone": "Asia/Shanghai",
    "purpose": "reminder",
    "status": "planned",
    "channels": ["in_app", "push"],
    "may_follow": [],
    "reason": None,
    "text": "We plan to write to you on Dec 17, 2026 10:00, in the app and as a notification, unless you have paid by then.",
}


@door.get("/upcoming")
@answers(200, UpcomingSchema, example={"items": [_EXAMPLE]})
def list_upcoming() -> dict[str, Any]:
    """List what we plan to tell you and when, and what stands in the way of it."""
    borrower_id = borrower().borrower_id
    locale = request_locale()
    end_reads()
    return {"items": upcoming_of(borrower_id, now=now(), locale=locale)}
