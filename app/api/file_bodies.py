"""Files as bodies of requests and of answers: read to the byte that was announced, given out to be kept and never shown."""

from urllib.parse import quote

from flask import Response, abort, request

from app.domain.attachments import RULES
from app.domain.errors import refused_at
from app.services.attachments import DOWNLOAD_TYPE, Download
from app.web.answers import repr_digest

_CHUNK = 64 * 1024
_SANDBOX = "default-src 'none'; frame-ancestors 'none'; sandbox"


def file_body(size_bytes: int) -> bytes:
    """Read a body of exactly so many bytes, and not one more than is needed to see that it is another."""
    request.max_content_length = RULES.most_bytes
    if (request.content_length or 0) > RULES.most_bytes:
        abort(413)
    if request.content_length not in (None, size_bytes):
        raise refused_at("/headers/Content-Length", f"This file was announced with {size_bytes} bytes.")
    content = bytearray()
    while len(content) <= size_bytes and (part := request.stream.read(min(_CHUNK, size_bytes + 1 - len(content)))):
        content += part
    return bytes(content)


def kept_file(found: Download) -> Response:
    """Return a file as one to be kept: no browser opens it, no store on the way holds it."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._- ") else "_" for char in found.name)
    response = Response(found.content, 200, content_type=DOWNLOAD_TYPE)
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
    )
    response.headers["Content-Security-Policy"] = _SANDBOX
    response.headers["Cache-Control"] = "no-store"
    response.headers["Repr-Digest"] = repr_digest(found.content)
    if not found.is_scanned:
        response.headers["Warning"] = '199 - "No scanner has looked at this file"'
    return response
