"""Signed links of messages outside the app: where they go, for the borrower they were written to."""

from marshmallow import Schema, fields

from app.api.borrower.inbox import door
from app.api.borrower.inbox_items import EXAMPLE_ID
from app.domain.inbox import ACTIONS
from app.persistence.db import vault
from app.services import links
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField
from app.web.request_context import now


class OpenedSchema(Schema):
    """Where the app goes."""

    deep_link = fields.String(required=True)
    message_id = IdField(required=True, allow_none=True, metadata={"description": "The inbox message it belongs to."})
    action = fields.String(required=True, allow_none=True, metadata={"enum": [*ACTIONS, None]})


_EXAMPLE = {
    "deep_link": f"duecourse://loans/{EXAMPLE_ID}/instalments/7",
    "message_id": EXAMPLE_ID,
    "action": None,
}


@door.post("/links/<string:token>")
@answers(200, OpenedSchema, example=_EXAMPLE, problems=("link-expired",))
def open_link(token: str) -> links.Opened:
    """Open a `duecourse://open/<token>` link and record the click. 404: not one of yours; 410: its time is over."""
    return links.open_link(vault(), borrower().borrower_id, token, now=now())
