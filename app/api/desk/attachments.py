"""Staff take files that borrowers handed in: as files to be kept, never as pages to be shown."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.domain.attachments import MEDIA_TYPES, PURPOSES, State
from app.persistence.db import vault
from app.persistence.queries.attachments import get_attachment_of_lender
from app.persistence.unit_of_work import reading
from app.services import attachments
from app.services.attachments import DOWNLOAD_TYPE
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField
from app.web.file_bodies import kept_file
from app.web.reads import end_reads
from app.web.request_context import now


class DeskAttachmentSchema(Schema):
    """A file that a borrower handed in."""

    id = IdField(required=True)
    purpose = fields.String(required=True, metadata={"enum": list(PURPOSES)})
    media_type = fields.String(
        required=True, metadata={"enum": list(MEDIA_TYPES), "description": "As announced; the bytes begin and end like one."}
    )
    size_bytes = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    file_name = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": [state.value for state in State]})
    refused_because = fields.String(required=True, allow_none=True)
    subject_kind = fields.String(required=True, allow_none=True)
    subject_id = IdField(required=True, allow_none=True)
    uploaded_at = InstantField(required=True, allow_none=True)
    scanned_at = InstantField(required=True, allow_none=True)


class DownloadQuerySchema(Schema):
    """Whether it is known that nobody looked through the file."""

    unscanned = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "true: give out a file that no scanner has seen."},
    )


_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "purpose": "dispute",
    "media_type": "application/pdf",
    "size_bytes": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "file_name": "receipt.pdf",
    "state": "clean",
    "refused_because": None,
    "subject_kind": "dispute",
    "subject_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11",
    "uploaded_at": "2026-11-23T09:00:03Z",
    "scanned_at": "2026-11-23T09:00:03Z",
}


@door.get("/attachments/<id:attachment_id>")
@permits("attachments.read")
@answers(200, DeskAttachmentSchema, example=_EXAMPLE)
def get_desk_attachment(attachment_id: str) -> dict[str, Any]:
    """Show what a file is. Files that belong to nothing yet are not here."""
    end_reads()
    with reading() as session:
        row = get_attachment_of_lender(session, desk().lender_id, attachment_id)
        own = {name: getattr(row, name) for name in _EXAMPLE if name != "file_name"}
        return {**own, "file_name": attachments.name_of(vault(), row)}


@door.get("/attachments/<id:attachment_id>/content")
@permits("attachments.read")
@door.asks(DownloadQuerySchema)
@answers(200, files=(DOWNLOAD_TYPE,), problems=("conflict",))
def get_desk_attachment_content(query: dict[str, Any], attachment_id: str) -> Response:
    """Take a file, to be kept. Who took it is noted.

    One that no scanner has seen is given out only to who says `unscanned=true` (409 without it).
    """
    end_reads()
    who = desk()
    found = attachments.download(who.lender_id, attachment_id, by=who.name, even_unscanned=query["unscanned"], now=now())
    return kept_file(found)
