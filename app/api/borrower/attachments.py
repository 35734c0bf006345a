"""Files that the borrower hands in for a dispute, a hardship request or a conversation: announced first, then uploaded."""

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate

from app.api.borrower.inbox import door
from app.domain.attachments import MEDIA_TYPES, PURPOSES, RULES, State
from app.domain.errors import refused_at
from app.persistence.db import vault
from app.persistence.models.attachments import AttachmentRow
from app.persistence.queries.attachments import get_own_attachment
from app.persistence.unit_of_work import Work, reading
from app.services import attachments
from app.services.attachments import DOWNLOAD_TYPE, NewAttachment
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, InstantField, PatternField, TextField
from app.web.file_bodies import file_body, kept_file
from app.web.idempotency import answer_once
from app.web.reads import end_reads
from app.web.request_context import now

_LONGEST_NAME = 200
_SIZE = validate.Range(1, RULES.most_bytes, error=f"From 1 byte to {RULES.most_bytes >> 20} MiB.")


class NewAttachmentSchema(Schema):
    """A file to be handed in."""

    purpose = fields.String(required=True, validate=validate.OneOf(PURPOSES))
    media_type = fields.String(required=True, validate=validate.OneOf(MEDIA_TYPES))
    size_bytes = fields.Integer(strict=True, required=True, validate=_SIZE)
    sha256 = PatternField("[0-9a-f]{64}", required=True, metadata={"description": "Of the bytes, in hex."})
    file_name = TextField(_LONGEST_NAME, required=True, metadata={"description": "As shown to staff, without any path."})


class AttachmentSchema(Schema):
    """A file and where it stands; its bytes are not given out here."""

    id = IdField(required=True)
    purpose = fields.String(required=True, metadata={"enum": list(PURPOSES)})
    media_type = fields.String(required=True, metadata={"enum": list(MEDIA_TYPES)})
    size_bytes = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    file_name = fields.String(required=True)
    state = fields.String(
        required=True,
        metadata={
            "enum": [state.value for state in State],
            "description": "registered: upload it. scanning, clean, unscanned: it is there. refused: it does harm.",
        },
    )
    created_at = InstantField(required=True)
    uploaded_at = InstantField(required=True, allow_none=True)
    is_used = fields.Boolean(required=True, metadata={"description": "It belongs to a dispute, request or conversation."})


class UploadSchema(Schema):
    """Where and how to send the bytes."""

    method = fields.String(required=True)
    path = fields.String(required=True)
    content_type = fields.String(required=True, metadata={"description": "The Content-Type to send."})
    expires_at = InstantField(required=True)


class RegisteredSchema(AttachmentSchema):
    """A file that is announced, and where its bytes go."""

    upload = fields.Nested(UploadSchema, required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_NEW = {
    "purpose": "dispute",
    "media_type": "application/pdf",
    "size_bytes": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "file_name": "receipt.pdf",
}
_EXAMPLE = {
    "id": _ID,
    **_NEW,
    "state": "clean",
    "created_at": "2026-11-23T09:00:00Z",
    "uploaded_at": "2026-11-23T09:00:03Z",
    "is_used": False,
}
_REGISTERED = {
    **_EXAMPLE,
    "state": "registered",
    "uploaded_at": None,
    "upload": {
        "method": "PUT",
        "path": f"/v1/me/attachments/{_ID}/content",
        "content_type": "application/pdf",
        "expires_at": "2026-11-23T10:00:00Z",
    },
}
_DUMP = RegisteredSchema()


@door.post("/attachments")
@door.takes(NewAttachmentSchema, example=_NEW)
@answers(201, RegisteredSchema, example=_REGISTERED, problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"))
def post_attachment(body: dict[str, Any]) -> Answer:
    """Announce a file: its type, its size and the SHA-256 of its bytes. Then send the bytes as `upload` says.

    PDF and pictures, up to 10 MiB. What nothing uses within a day is forgotten.
    """
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        row = attachments.register_attachment(work, borrower_id, NewAttachment(**body), now=at)
        upload = {
            "method": "PUT",
            "path": f"/v1/me/attachments/{row.id}/content",
            "content_type": row.media_type,
            "expires_at": row.expires_at,
        }
        return Answer(_DUMP.dump({**_view(row), "upload": upload}), 201, dumped=True)

    return answer_once(act)


@door.get("/attachments/<id:attachment_id>")
@answers(200, AttachmentSchema, example=_EXAMPLE)
def get_attachment(attachment_id: str) -> dict[str, Any]:
    """Show one of your files: what it is and where it stands."""
    end_reads()
    with reading() as session:
        return _view(get_own_attachment(session, borrower().borrower_id, attachment_id))


@door.put("/attachments/<id:attachment_id>/content")
@door.takes_file(MEDIA_TYPES)
@answers(200, AttachmentSchema, example=_EXAMPLE, problems=("conflict", "payload-too-large", "validation-failed"))
def put_attachment_content(attachment_id: str) -> dict[str, Any]:
    """Send the bytes of a file you announced: exactly those, under the announced Content-Type.

    The same bytes again change nothing. Other bytes, and bytes that are not what the type says, are refused (422) and may
    be sent again until the time is over (409).
    """
    borrower_id, at = borrower().borrower_id, now()
    end_reads()
    row = attachments.find_upload(borrower_id, attachment_id, now=at)
    if request.mimetype != row.media_type:
        raise refused_at("/headers/Content-Type", f"This file was announced as {row.media_type}.")
    content = file_body(row.size_bytes)
    return _view(attachments.take_content(borrower_id, attachment_id, content, now=at))


@door.get("/attachments/<id:attachment_id>/content")
@answers(200, files=(DOWNLOAD_TYPE,), problems=("conflict",))
def get_attachment_content(attachment_id: str) -> Response:
    """Take a file that the lender handed to you in a conversation, to be kept. Your own are not given out again (409)."""
    end_reads()
    return kept_file(attachments.download_handed(borrower().borrower_id, attachment_id))


def _view(row: AttachmentRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "purpose": row.purpose,
        "media_type": row.media_type,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "file_name": attachments.name_of(vault(), row),
        "state": attachments.shown_state(row, now()).value,
        "created_at": row.created_at,
        "uploaded_at": row.uploaded_at,
        "is_used": row.claimed_at is not None,
    }
