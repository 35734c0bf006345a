"""Staff hand files to a borrower in a conversation: announced, uploaded, scanned, and sent with an answer."""

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.attachments import MEDIA_TYPES, RULES, State
from app.domain.errors import refused_at
from app.persistence.models.attachments import AttachmentRow
from app.persistence.queries.desk_conversations import get_thread
from app.persistence.unit_of_work import Work
from app.services import attachments
from app.services.attachments import NewAttachment
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField, PatternField, TextField
from app.web.file_bodies import file_body
from app.web.idempotency import answer_once
from app.web.reads import end_reads, reads
from app.web.request_context import now


class NewStaffFileSchema(Schema):
    """A file to be handed to the borrower."""

    media_type = fields.String(required=True, validate=validate.OneOf(MEDIA_TYPES))
    size_bytes = fields.Integer(strict=True, required=True, validate=validate.Range(1, RULES.most_bytes))
    sha256 = PatternField("[0-9a-f]{64}", required=True, metadata={"description": "Of the bytes, in hex."})
    file_name = TextField(200, required=True, metadata={"description": "As the borrower reads it, without any path."})


class StaffFileSchema(Schema):
    """A file, and where its bytes go."""

    id = IdField(required=True)
    state = fields.String(required=True, metadata={"enum": [state.value for state in State]})
    path = fields.String(required=True, metadata={"description": "PUT the bytes here, under the announced Content-Type."})
    expires_at = InstantField(required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_NEW = {
    "media_type": "application/pdf", "size_bytes": 48213, "file_name": "statement.pdf",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}  # fmt: skip
_EXAMPLE = {
    "id": _ID, "state": "registered", "path": f"/v1/desk/conversations/{_ID}/attachments/{_ID}/content",
    "expires_at": "2026-11-23T10:00:00Z",
}  # fmt: skip
_DUMP = StaffFileSchema()
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


@door.post("/conversations/<id:conversation_id>/attachments")
@permits("conversations.act")
@door.takes(NewStaffFileSchema, example=_NEW)
@answers(201, StaffFileSchema, example=_EXAMPLE, problems=_ONCE)
def post_desk_attachment(body: dict[str, Any], conversation_id: str) -> Answer:
    """Announce a file for the borrower of a conversation; then send its bytes, and name its id in the answer."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        borrower_id = get_thread(work.session, who.lender_id, conversation_id).borrower_id
        new = NewAttachment("conversation", **body)
        row = attachments.register_attachment(work, borrower_id, new, now=at, by=who.name)
        return Answer(_DUMP.dump(_view(row, conversation_id)), 201, dumped=True)

    return answer_once(act)


@door.put("/conversations/<id:conversation_id>/attachments/<id:attachment_id>/content")
@permits("conversations.act")
@door.takes_file(MEDIA_TYPES)
@answers(200, StaffFileSchema, example=_EXAMPLE, problems=("conflict", "payload-too-large", "validation-failed"))
def put_desk_attachment_content(conversation_id: str, attachment_id: str) -> dict[str, Any]:
    """Send the bytes of a file you announced: exactly those. The same bytes again change nothing."""
    at, who = now(), desk()
    borrower_id = get_thread(reads(), who.lender_id, conversation_id).borrower_id
    end_reads()
    row = attachments.find_upload(borrower_id, attachment_id, now=at, by=who.name)
    if request.mimetype != row.media_type:
        raise refused_at("/headers/Content-Type", f"This file was announced as {row.media_type}.")
    content = file_body(row.size_bytes)
    return _view(attachments.take_content(borrower_id, attachment_id, content, now=at, by=who.name), conversation_id)


def _view(row: AttachmentRow, conversation_id: str) -> dict[str, Any]:
    path = f"/v1/desk/conversations/{conversation_id}/attachments/{row.id}/content"
    return {"id": row.id, "state": row.state, "path": path, "expires_at": row.expires_at}
