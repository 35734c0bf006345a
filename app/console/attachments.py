"""Files in the browser: taken from the desk to be kept, never shown."""

from flask import Response, request

from app.console.frame import pages
from app.services import attachments
from app.web.auth import desk, permits
from app.web.file_bodies import kept_file
from app.web.reads import end_reads
from app.web.request_context import now


@pages.get("/attachments/<id:attachment_id>/content")
@permits("attachments.read")
def take_attachment(attachment_id: str) -> Response:
    """Take a file; who took it is written down. One that no scanner has seen is given to who asks for it as such."""
    end_reads()
    who = desk()
    even_unscanned = request.args.get("unscanned") == "true"
    return kept_file(
        attachments.download(who.lender_id, attachment_id, by=who.name, even_unscanned=even_unscanned, now=now())
    )
